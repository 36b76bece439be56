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
    let all = get(proxy, "servers").json();
    let mut entries = all["servers"].as_array().expect("a list").iter();
    entries.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {all}")).clone()
}

/// Waits until an entry of `/servers` is as it should be.
#[track_caller]
fn wait_server(proxy: &Proxy, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
    wait_for(DEADLINE, || Some(server(proxy, name)).filter(&matches))
}

#[track_caller]
fn wait_ready(proxy: &Proxy, name: &str) -> Value {
    wait_server(proxy, name, |entry| entry["state"] == "ready")
}

/// Why a server is left out, from `/servers`.
#[track_caller]
fn left_out(proxy: &Proxy, name: &str) -> Value {
    let all = get(proxy, "servers").json();
    let mut entries = all["left_out"].as_array().expect("a list").iter();
    entries.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {all}")).clone()
}

/// The process of a server's child.
#[track_caller]
fn pid(proxy: &Proxy, name: &str) -> i32 {
    let entry = server(proxy, name);
    let pid = entry["children"][0]["pid"].as_i64();
    pid.and_then(|pid| i32::try_from(pid).ok()).unwrap_or_else(|| panic!("no child in {entry}"))
}

/// What a server sees of a request that is sent to a path it only echoes.
#[track_caller]
fn seen(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}
