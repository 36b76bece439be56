//! The programs that servers are started with, and whether they are new enough for MCP's libraries.

use super::{Finding, Patient};
use crate::config::spec::Launch;
use crate::server::{Reaper, version_of};
use std::collections::BTreeMap;

const SUBJECT: &str = "programs";

/// What the official SDKs need at least.
const LEAST: [(&str, [u32; 2], &str); 3] = [
    ("node", [18, 0], "install Node.js 18 or later: https://nodejs.org"),
    ("python3", [3, 10], "install Python 3.10 or later, or let uv bring one: https://docs.astral.sh/uv"),
    ("python", [3, 10], "install Python 3.10 or later, or let uv bring one: https://docs.astral.sh/uv"),
];

/// Programs on PATH only: one with a path of its own belongs to its server.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for spec in &patient.found.servers {
        if let Launch::Child(child) = &spec.launch {
            let program = child.first_way().command.as_str();
            if !program.contains('/') {
                users.entry(runtime(program)).or_default().push(&spec.name);
            }
        }
    }
    // One for all: it waits for whatever child there is.
    let reaper = Reaper::start().ok();
    let version = |program: &str| version_of(program, reaper.as_deref()?);
    users.iter().map(|(program, servers)| of(program, &servers.join(", "), version)).collect()
}

/// What has to be new enough: npm and npx are scripts of Node.
fn runtime(program: &str) -> &str {
    if matches!(program, "npm" | "npx") { "node" } else { program }
}

fn of(program: &str, servers: &str, version: impl Fn(&str) -> Option<String>) -> Finding {
    let Some((_, least, cure)) = LEAST.iter().find(|(name, ..)| *name == program) else {
        return Finding::ok(SUBJECT, format!("{program} is there, for {servers}"));
    };
    match version(program) {
        Some(said) if number(&said).is_some_and(|version| version < *least) => {
            let [major, minor] = least;
            Finding::wrong(SUBJECT, format!("{said} is older than {major}.{minor}, for {servers}"), *cure)
        }
        Some(said) => Finding::ok(SUBJECT, format!("{program} {said}, for {servers}")),
        None => Finding::warning(SUBJECT, format!("{program} does not say its version ({servers})"), *cure),
    }
}

/// `v22.3.0` and `Python 3.11.2`.
fn number(said: &str) -> Option<[u32; 2]> {
    let digits = said.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let mut parts = digits.split('.').map(|part| part.trim().parse().ok());
    Some([parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_say_them() {
        assert_eq!(number("v22.3.0"), Some([22, 3]));
        assert_eq!(number("Python 3.9.2"), Some([3, 9]));
        assert_eq!(number("soon"), None);
        assert!(number("Python 3.9.2") < Some([3, 10]) && number("v18.0.0") >= Some([18, 0]));
    }
}
