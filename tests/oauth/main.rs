//! The authorization server, driven as clients and browsers do.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod access;
mod discovery;
#[path = "../harness/mod.rs"]
mod harness;
mod owner;
mod refusals;
mod rig;
mod tokens;
