//! The command line as people and scripts use it: logs, new servers, the doctor, JSON, completions, a terminal.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod add;
mod doctor;
mod json;
mod logs;
mod shells;
mod terminal;

use harness::*;
use serde_json::Value;

/// Exit code, stdout, stderr.
fn run(site: &Site, args: &[&str]) -> (i32, String, String) {
    let output = site.run(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn succeeds(site: &Site, args: &[&str]) -> String {
    let (code, out, error) = run(site, args);
    assert_eq!(code, 0, "{args:?}: {out}{error}");
    out
}

/// The one JSON document on stdout; stderr is silent.
#[track_caller]
fn json(site: &Site, code: i32, args: &[&str]) -> Value {
    let (ended, out, error) = run(site, args);
    assert_eq!((ended, error.as_str()), (code, ""), "{args:?}: {out}");
    serde_json::from_str(&out).unwrap_or_else(|fault| panic!("{args:?}: {fault}: {out}"))
}
