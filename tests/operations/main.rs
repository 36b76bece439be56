//! The proxy as its operator meets it: starting, mistakes, supervision, health, HTTP servers, the front door, commands.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod canned;
mod commands;
mod edge;
mod errors;
mod folders;
mod front;
mod handing_over;
mod health;
mod http_servers;
mod http_sessions;
mod known;
mod manager;
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

/// Takes the figures out of an entry of `/servers`: they are others at every look.
#[track_caller]
fn figures_of(entry: &mut Value) -> Value {
    entry.as_object_mut().unwrap().remove("figures").unwrap()
}

/// `/servers` without what moves.
#[track_caller]
fn still(mut all: Value) -> Value {
    all["servers"].as_array_mut().unwrap().iter_mut().for_each(|entry| drop(figures_of(entry)));
    all
}

/// What a server sees of a request that is sent to a path it only echoes.
#[track_caller]
fn seen(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}
