//! Plain HTTP for scripts: every kind of server, every way in which a call can end, and the document that describes it.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../eras/rig.rs"]
#[allow(dead_code, unreachable_pub)]
mod rig;

/// A server that answers what a test tells it to.
mod scripted;

mod accept;
mod calls;
mod ends;
mod openapi;
mod scopes;
mod sleep;

use harness::*;
use serde_json::Value;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[track_caller]
fn get(proxy: &Proxy, path: &str) -> Response {
    request("GET", &proxy.url(path), &[], b"")
}

/// POSTs arguments as JSON.
#[track_caller]
fn post(proxy: &Proxy, path: &str, arguments: &str) -> Response {
    request("POST", &proxy.url(path), &[JSON], arguments.as_bytes())
}

/// The status and the message of an error.
#[track_caller]
fn error(response: &Response) -> (u16, String) {
    (response.status, response.json()["error"].as_str().unwrap().to_string())
}

fn names(items: &Value) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_string()).collect()
}
