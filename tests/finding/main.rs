//! Servers that say nothing of themselves: how they are started and what they speak is found out.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod learnt;
mod ports;
mod transport;
mod ways;

use harness::*;
use serde_json::{Value, json};

/// A program that is the whole of a server's folder.
fn folder(site: Site, name: &str, script: &str) -> Site {
    site.program(&format!("servers/{name}/run.sh"), &format!("#!/bin/sh\n{script}\n"));
    site
}

/// A shell line that becomes one of the fakes.
fn fake(variables: &str, name: &str) -> String {
    format!("{variables} exec {}", example(name).display())
}

#[track_caller]
fn echoes(proxy: &Proxy, name: &str) {
    assert_eq!(proxy.client(name).text("echo", json!({"text": "hi"})), "hi");
}

/// Lines of the log that say that a child of this server was started.
fn starts(proxy: &Proxy, name: &str) -> usize {
    proxy.log().iter().filter(|line| line.contains(&format!("{name}: started"))).count()
}

#[track_caller]
fn last_error(proxy: &Proxy, name: &str) -> String {
    let entry = proxy.wait_server(name, |entry: &Value| entry["last_error"].is_string());
    entry["last_error"].as_str().unwrap().to_string()
}
