//! `/health/ws`: what watchers are told, and that nothing they do harms anybody.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod crowd;
mod ends;
mod schema;
mod told;

use harness::*;
use serde_json::json;

#[track_caller]
fn watch(proxy: &Proxy) -> Watch {
    Watch::open(&proxy.url("health/ws"), &[])
}

/// Whoever dies is started again at once, however often.
fn restarting() -> Site {
    Site::new().config("[restart]\nbackoff_ms = 1\nbrake_exits = 100\n")
}
