//! `mcp-proxy doctor`: what is wrong on this machine and around it, each with its cure. One file for each subject.

mod access;
mod clock;
mod disk;
mod open_files;
mod permissions;
mod ports;
mod programs;
mod public;
mod servers;

use super::control::Control;
use super::form::{Form, Paint};
use super::{Failure, print, resolve};
use crate::config::{Flags, Loaded, environment, state_dir};
use crate::discovery::{Discovery, discover};
use crate::log::printable;
use crate::secrets::mask;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Wrong,
}

/// What was found of one subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Finding {
    subject: &'static str,
    state: State,
    found: String,
    /// What to do about it; nothing if it is well.
    cure: Option<String>,
}

impl Finding {
    fn ok(subject: &'static str, found: impl Into<String>) -> Finding {
        Finding { subject, state: State::Ok, found: found.into(), cure: None }
    }

    fn warning(subject: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { subject, state: State::Warning, found: found.into(), cure: Some(cure.into()) }
    }

    fn wrong(subject: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { subject, state: State::Wrong, found: found.into(), cure: Some(cure.into()) }
    }
}

/// What is looked at.
struct Patient {
    loaded: Loaded,
    state_dir: PathBuf,
    found: Discovery,
    /// The proxy of this configuration, if it runs, and what it says of its servers.
    running: Option<(Control, Value)>,
}

/// Looks at everything and prints it.
///
/// # Errors
/// Something is wrong: exit code 1.
pub(super) fn doctor(flags: &Flags, form: Form) -> Result<(), Failure> {
    let findings = examine(flags);
    match form {
        Form::Json => print(&format!("{:#}\n", masked(json!({ "findings": findings }))))?,
        Form::Text(paint) => print(&findings.iter().map(|it| text(it, paint)).collect::<String>())?,
    }
    match findings.iter().map(|finding| finding.state).max() {
        Some(State::Wrong) => Err(Failure::Wrong(String::new())),
        _ => Ok(()),
    }
}

fn examine(flags: &Flags) -> Vec<Finding> {
    const SUBJECT: &str = "configuration";
    let loaded = match resolve(flags, &environment()) {
        Ok(loaded) => loaded,
        Err(error) => return vec![Finding::wrong(SUBJECT, error, "correct it; nothing else was looked at")],
    };
    let state_dir = match state_dir(&loaded.config, &loaded.dir, &environment()) {
        Ok(folder) => folder,
        Err(error) => return vec![Finding::wrong(SUBJECT, error.to_string(), "set HOME or use --state-dir")],
    };
    let mut findings = vec![configuration(&loaded)];
    let found = discover(&loaded.config, &loaded.dir).unwrap_or_else(|error| {
        findings.push(Finding::wrong("servers", error.to_string(), "mcp-proxy add writes the first one"));
        Discovery::default()
    });
    let (proxy, running) = proxy(&loaded, flags.listen.is_some());
    findings.push(proxy);
    let patient = Patient { loaded, state_dir, found, running };
    for look in [
        servers::look,
        programs::look,
        ports::look,
        permissions::look,
        access::look,
        clock::look,
        open_files::look,
        disk::look,
        public::look,
    ] {
        findings.extend(look(&patient));
    }
    findings
}

fn configuration(loaded: &Loaded) -> Finding {
    let file =
        loaded.file.as_ref().map_or("no proxy.toml, none is needed".into(), |it| it.display().to_string());
    let broken = loaded.config.broken.values().map(|broken| &broken.reason);
    match loaded.warnings.iter().chain(broken).cloned().collect::<Vec<_>>() {
        odd if odd.is_empty() => Finding::ok("configuration", file),
        odd => Finding::warning("configuration", odd.join("; "), "correct it"),
    }
}

/// Whether the proxy runs, and what it says of its servers.
fn proxy(loaded: &Loaded, named: bool) -> (Finding, Option<(Control, Value)>) {
    const SUBJECT: &str = "proxy";
    let control = match Control::find(loaded, named) {
        Ok(control) => control,
        Err(none) => {
            let cure = "start it, then once more: some things only a running proxy shows";
            return (Finding::warning(SUBJECT, none, cure), None);
        }
    };
    match control.get("/servers") {
        Ok((_, servers)) => {
            let found = format!("runs on {}, process {}", control.proxy.url, control.proxy.pid);
            (Finding::ok(SUBJECT, found), Some((control, servers)))
        }
        Err(silent) => (Finding::wrong(SUBJECT, silent, "look into its log; restart it"), None),
    }
}

fn text(finding: &Finding, paint: Paint) -> String {
    let word = match finding.state {
        State::Ok => paint.good("ok     "),
        State::Warning => paint.odd("warning"),
        State::Wrong => paint.bad("wrong  "),
    };
    let line = |text: &str| printable(&mask(text)).replace("\\n", "\n                        ");
    let cure = finding.cure.as_deref();
    let cure = cure.map(|cure| format!("{:24}cure: {}\n", "", line(cure))).unwrap_or_default();
    format!("{word}  {:13}  {}\n{cure}", finding.subject, line(&finding.found))
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => mask(&text).into(),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, masked(value))).collect(),
        other => other,
    }
}
