//! The status page as browsers ask for it: what it shows, who may see it, who may press its buttons.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on has failed

mod commands;
mod cookies;
#[path = "../harness/mod.rs"]
mod harness;
mod rig;
mod shown;
mod sign_in;
