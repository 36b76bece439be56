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
use std::fs;

/// A line of a process's `/proc/PID/status`.
#[track_caller]
fn status(pid: i32, name: &str) -> String {
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
