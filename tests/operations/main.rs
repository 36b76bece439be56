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

/// An entry of `/servers`.
#[track_caller]
fn server(proxy: &Proxy, name: &str) -> Value {
    proxy.server(name)
}

/// Waits until an entry of `/servers` is as it should be.
#[track_caller]
fn wait_server(proxy: &Proxy, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
    proxy.wait_server(name, matches)
}

#[track_caller]
fn wait_ready(proxy: &Proxy, name: &str) -> Value {
    proxy.wait_ready(name)
}

/// Why a server is left out, from `/servers`.
#[track_caller]
fn left_out(proxy: &Proxy, name: &str) -> Value {
    proxy.left_out(name)
}

/// The process of a server's child.
#[track_caller]
fn pid(proxy: &Proxy, name: &str) -> i32 {
    proxy.child(name)
}

/// What a server sees of a request that is sent to a path it only echoes.
#[track_caller]
fn seen(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}
