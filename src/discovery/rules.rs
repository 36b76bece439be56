//! What a rule is. The first rule that recognises a folder decides; a further rule is a further line in [`RULES`].

use super::folder::Folder;
use super::machine::Machine;
use super::{executables, node, python};

/// In the order of trust: what a manifest declares, then what merely lies there.
const RULES: [Rule; 3] = [node::rule, python::rule, executables::rule];

/// A pure function from a folder's listing to a verdict.
pub(super) type Rule = fn(&Scene<'_>) -> Verdict;

/// What a rule looks at.
pub(super) struct Scene<'a> {
    /// The folder.
    pub(super) folder: &'a dyn Folder,
    /// The server's name.
    pub(super) name: &'a str,
    /// The folder as the user knows it: `servers/notes`.
    pub(super) shown: &'a str,
    /// The machine it would run on.
    pub(super) machine: &'a Machine,
}

/// What a rule says of a folder.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is a server, started so.
    Taken(Candidate),
    /// It is one of this rule's, but cannot be started as it is.
    PassedOver(Refusal),
    /// Nothing here for this rule.
    NotMine,
}

/// How a server would be started, in its folder.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Candidate {
    /// What said so: `package.json bin`.
    pub(super) declared_by: String,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// The least time its first start may need.
    pub(super) start_timeout_seconds: Option<u64>,
}

impl Candidate {
    pub(super) fn new(declared_by: &str, command: &[&str]) -> Self {
        let command = command.iter().map(ToString::to_string).collect();
        Candidate { declared_by: declared_by.to_string(), command, start_timeout_seconds: None }
    }
}

/// Why something is left out, and what to do about it.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    /// What happened.
    pub(super) reason: String,
    /// What to do next.
    pub(super) remedy: String,
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Refusal { reason: reason.into(), remedy: remedy.into() }
    }

    /// A program that is not there.
    pub(super) fn not_installed(program: &str) -> Self {
        let reason = format!("{program} is not installed or not on PATH");
        Refusal::new(reason, "install it, or remove the folder or entry")
    }
}

/// Asks the rules one after the other.
pub(super) fn apply(scene: &Scene<'_>) -> Result<Candidate, Refusal> {
    for rule in RULES {
        match rule(scene) {
            Verdict::Taken(candidate) => return Ok(candidate),
            Verdict::PassedOver(refusal) => return Err(refusal),
            Verdict::NotMine => {}
        }
    }
    Err(unrecognised(scene))
}

fn unrecognised(scene: &Scene<'_>) -> Refusal {
    let shown = scene.shown;
    if scene.folder.list("").is_empty() {
        return Refusal::new("empty", "if it is a git submodule run git submodule update --init");
    }
    Refusal::new(
        "not a server: no package.json with bin or scripts.start, no pyproject.toml with scripts, no executable file",
        format!(
            "say how it is started in {shown}/server.toml, like command = \"python3\" and args = [\"main.py\"]"
        ),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::folder::memory::Memory;
    use super::{Candidate, Machine, Refusal, Rule, Scene, Verdict, apply};

    /// Asks one rule about `servers/notes` on a machine with `programs`.
    pub(in crate::discovery) fn ask(
        rule: Rule,
        folder: &Memory,
        programs: &'static [&'static str],
    ) -> Verdict {
        rule(&Scene { folder, name: "notes", shown: "servers/notes", machine: &Machine::with(programs) })
    }

    /// The command line a rule takes a folder with.
    pub(in crate::discovery) fn taken(
        rule: Rule,
        folder: &Memory,
        programs: &'static [&'static str],
    ) -> String {
        match ask(rule, folder, programs) {
            Verdict::Taken(Candidate { command, .. }) => command.join(" "),
            other => panic!("not taken: {other:?}"),
        }
    }

    /// Reason and remedy of a rule that passes a folder over.
    pub(in crate::discovery) fn passed(
        rule: Rule,
        folder: &Memory,
        programs: &'static [&'static str],
    ) -> String {
        match ask(rule, folder, programs) {
            Verdict::PassedOver(Refusal { reason, remedy }) => format!("{reason}; {remedy}"),
            other => panic!("not passed over: {other:?}"),
        }
    }

    fn refused(folder: &Memory) -> Refusal {
        let machine = Machine::with(&[]);
        apply(&Scene { folder, name: "notes", shown: "servers/notes", machine: &machine }).unwrap_err()
    }

    #[test]
    fn an_empty_folder_may_be_a_submodule() {
        assert_eq!(refused(&Memory::default()).reason, "empty");
    }

    #[test]
    fn a_folder_of_documents_is_not_a_server() {
        let refusal = refused(&Memory::default().file("README.md", "hello"));
        assert!(refusal.reason.starts_with("not a server"), "{refusal:?}");
        assert!(refusal.remedy.contains("servers/notes/server.toml"), "{refusal:?}");
    }

    #[test]
    fn a_manifest_that_cannot_start_is_not_overruled_by_a_script_beside_it() {
        let folder = Memory::default()
            .file("package.json", r#"{"bin": "dist/index.js"}"#)
            .executable("release.sh", "#!/bin/sh\n");
        assert!(refused(&folder).reason.contains("dist/index.js"));
    }
}
