//! What a child gets of the proxy and of others, and what it can do: as the system shows it, not as it was configured.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod environment;
mod folders;
mod limits;
mod process;
mod redaction;

use harness::*;
use serde_json::Value;
use std::fs;

/// An entry of `/servers`, once it is as it should be.
#[track_caller]
fn wait_server(proxy: &Proxy, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
    wait_for(DEADLINE, || {
        let all = request("GET", &proxy.url("servers"), &[], b"").json();
        all["servers"].as_array()?.iter().find(|entry| entry["name"] == name && matches(entry)).cloned()
    })
}

/// The process of a server's child, once it is ready.
#[track_caller]
fn pid(proxy: &Proxy, name: &str) -> u64 {
    let entry = wait_server(proxy, name, |entry| entry["state"] == "ready");
    entry["children"][0]["pid"].as_u64().unwrap_or_else(|| panic!("no child in {entry}"))
}

/// Why a server does not run, once it does not.
#[track_caller]
fn trouble(proxy: &Proxy, name: &str) -> String {
    let entry = wait_server(proxy, name, |entry| entry["last_error"].is_string());
    entry["last_error"].as_str().unwrap().to_string()
}

/// A line of a process's `/proc/PID/status`.
#[track_caller]
fn status(pid: u64, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_string()
}

/// `server.toml` of a shell script that answers `initialize`, does this, and then waits for its end.
fn script(does: &str) -> String {
    let answer = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
    let text = format!("{does}\nread -r hello; echo '{answer}'; while read -r line; do :; done");
    format!("command = 'sh'\ntransport = 'stdio'\nargs = ['-c', '''{text}''']\n")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
