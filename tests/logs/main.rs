//! The log: its forms, its files, which request a line is about, and its page in docs/.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod catalogue;
mod files;
mod forms;
mod requests;

use harness::Proxy;
use serde_json::Value;
use std::fs;

/// Each line of stderr as JSON; panics at one that is none.
#[track_caller]
fn lines(proxy: &Proxy) -> Vec<Value> {
    proxy.log().iter().map(|line| parsed(line)).collect()
}

#[track_caller]
fn parsed(line: &str) -> Value {
    let parsed: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for key in ["ts", "level", "target", "message"] {
        assert!(parsed[key].is_string(), "{key} in {line}");
    }
    parsed
}

/// The lines of a log file so far.
fn file(proxy: &Proxy, name: &str) -> Vec<String> {
    let text = fs::read_to_string(proxy.site.folder().join("logs").join(name)).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}
