//! The proxy as its operator meets it: starting, mistakes, supervision, health, HTTP servers, the front door, commands.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod canned;
mod commands;
mod errors;
mod folders;
mod front;
mod health;
mod http_servers;
mod sleep;
mod start;
mod stopping;
mod supervision;

use harness::*;
use serde_json::Value;

#[track_caller]
fn get(proxy: &Proxy, path: &str) -> Response {
    request("GET", &proxy.url(path), &[], b"")
}

/// What a server sees of a request that is sent to a path it only echoes.
#[track_caller]
fn seen(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}
