//! What the proxy counts: the figures of `/servers`, `/metrics`, and the page that documents them.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;
mod rig;

mod bounds;
mod counts;
mod figures;
