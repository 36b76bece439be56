//! What a rule is, and in which order the rules are asked. A further rule is a further line in [`MANIFESTS`].

mod cargo;
mod client_files;
pub(super) mod executables;
mod go;
mod hints;
mod mcpb;
mod nested;
mod node;
mod python;
mod server_json;

use super::PassedOver;
use super::folder::Folder;
use super::machine::Machine;
use crate::config::Environment;
use crate::config::dotenv;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) use nested::{Below, Find, find};

/// What a project's own files declare, in the order of trust. Each that has something to say is heard: where the first
/// way turns out to be none, the next one is tried.
const MANIFESTS: [Rule; 5] = [mcpb::rule, node::rule, python::rule, cargo::rule, go::rule];

/// A pure function from a folder's listing to what it makes of it.
type Rule = fn(&Scene<'_>) -> Findings;

/// What a rule looks at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The folder.
    pub(super) folder: &'a dyn Folder,
    /// The folder it is a member of, if it is one.
    pub(super) above: Option<&'a dyn Folder>,
    /// Where it is, absolute.
    pub(super) root: &'a Path,
    /// The server's name.
    pub(super) name: &'a str,
    /// The folder as the user knows it: `servers/notes`.
    pub(super) shown: &'a str,
    /// The machine it would run on.
    pub(super) machine: &'a Machine,
}

impl Scene<'_> {
    /// What the folder's `.env` sets; nothing, if it cannot be read: that is said where it is used.
    pub(super) fn dotenv(&self) -> Environment {
        let text = self.folder.read(".env").and_then(Result::ok);
        let pairs = text.and_then(|text| dotenv::parse(&text, &Environment::new()).ok());
        pairs.unwrap_or_default().into_iter().collect()
    }
}

/// What was found in a folder.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Findings {
    /// Ways to start it, the most likely first.
    pub(super) ways: Vec<Candidate>,
    /// What looked like one, and why it is none.
    pub(super) passed_over: Vec<PassedOver>,
    /// Variables that it says it needs.
    pub(super) required: Vec<String>,
}

impl Findings {
    fn way(candidate: Candidate) -> Findings {
        Findings { ways: vec![candidate], ..Findings::default() }
    }

    /// A start that somebody said.
    pub(super) fn said(command: &str, args: Option<&[String]>) -> Findings {
        let words = std::iter::once(command).chain(args.unwrap_or_default().iter().map(String::as_str));
        Findings::way(Candidate::new("", &words.collect::<Vec<_>>()))
    }

    /// A program that lies there without a word about it.
    pub(super) fn lone(command: &str) -> Findings {
        Findings::way(Candidate { retries: hints::usual(), ..Candidate::new("", &[command]) })
    }

    fn nothing_but(what: &str, refusal: Refusal) -> Findings {
        let mut findings = Findings::default();
        findings.pass_over(what, refusal);
        findings
    }

    fn pass_over(&mut self, what: &str, refusal: Refusal) {
        let Refusal { reason, remedy } = refusal;
        self.passed_over.push(PassedOver { what: what.to_string(), reason, remedy });
    }

    /// Whether nothing here was for the rule.
    fn is_empty(&self) -> bool {
        self.ways.is_empty() && self.passed_over.is_empty()
    }

    /// Adds what another rule found. The same command line is the same way, whoever says it.
    fn add(&mut self, other: Findings) {
        for way in other.ways {
            if self.ways.iter().all(|known| known.command != way.command) {
                self.ways.push(way);
            }
        }
        self.passed_over.extend(other.passed_over);
        self.required.extend(other.required);
    }
}

/// How a server would be started, in its folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Candidate {
    /// What said so: `package.json bin`.
    pub(super) declared_by: String,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// Arguments to add where it ends without a word.
    pub(super) retries: Vec<Vec<String>>,
    /// Variables that belong to it.
    pub(super) env: BTreeMap<String, String>,
    /// Whether it builds itself first.
    pub(super) builds: bool,
}

impl Candidate {
    pub(super) fn new(declared_by: &str, command: &[&str]) -> Self {
        let command = command.iter().map(ToString::to_string).collect();
        Candidate { declared_by: declared_by.to_string(), command, ..Candidate::default() }
    }
}

/// Why something is left out, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
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
        let source = whence(program).map(|source| format!(" ({source})")).unwrap_or_default();
        Refusal::new(reason, format!("install it{source}, or remove the folder or entry"))
    }

    /// A manifest that is none.
    fn unreadable(scene: &Scene<'_>, file: &str, fault: &str) -> Self {
        Refusal::new(format!("{file} cannot be read: {fault}"), format!("repair {}/{file}", scene.shown))
    }
}

/// Where programs come from that start servers.
fn whence(program: &str) -> Option<&'static str> {
    Some(match program {
        "node" => "Node.js 18 or later: https://nodejs.org",
        "npx" | "npm" => "it comes with Node.js 18 or later: https://nodejs.org",
        "python" | "python3" => "Python 3.10 or later: https://www.python.org",
        "uv" | "uvx" => "it comes with uv: https://docs.astral.sh/uv",
        "docker" => "Docker Engine: https://docs.docker.com/engine/install",
        "deno" => "https://deno.com",
        "bun" | "bunx" => "https://bun.sh",
        "go" => "https://go.dev",
        "cargo" => "Rust: https://rustup.rs",
        _ => return None,
    })
}

/// What the manifests say.
fn declared(scene: &Scene<'_>) -> Findings {
    let mut declared = Findings::default();
    MANIFESTS.iter().for_each(|rule| declared.add(rule(scene)));
    // What a checkout lacks is said before what only its bundle has.
    declared.passed_over.sort_by_key(|note| note.what == mcpb::FILE);
    guessed(scene, declared)
}

/// Nobody said the arguments of these ways: they may need some.
fn guessed(scene: &Scene<'_>, mut found: Findings) -> Findings {
    if !found.ways.is_empty() {
        let retries = hints::retries(scene);
        found.ways.iter_mut().for_each(|way| way.retries = retries.clone());
    }
    found
}

/// What there is in one folder, not looking into those below; `declared` is what its manifests say.
fn here(scene: &Scene<'_>, declared: Findings) -> Findings {
    let (mut found, published) = client_files::rule(scene);
    // Said last: these files are often about something else.
    let aside = std::mem::take(&mut found.passed_over);
    // A script beside a manifest is a helper of the project, also where the project is not built yet.
    let may_be_stray = declared.is_empty();
    found.add(declared);
    if may_be_stray && found.ways.is_empty() {
        found.add(guessed(scene, executables::rule(scene)));
    }
    if may_be_stray && found.ways.is_empty() {
        found.add(published);
    } else {
        let elsewhere = client_files::published_elsewhere();
        published.ways.iter().for_each(|way| found.pass_over(&way.declared_by, elsewhere.clone()));
    }
    found.passed_over.extend(aside);
    found.required.extend(server_json::required(scene));
    found.required.sort();
    found.required.dedup();
    found
}

fn unrecognised(scene: &Scene<'_>) -> Refusal {
    let shown = scene.shown;
    Refusal::new(
        "not a server: no client file with a local command, no manifest.json, package.json, pyproject.toml, \
         Cargo.toml or go.mod that says how to start one, no Python or Node file that speaks MCP, no executable file",
        format!(
            "say how it is started in {shown}/server.toml, like command = \"python3\" and args = [\"main.py\"]"
        ),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::folder::memory::Memory;
    use super::{Findings, Machine, Rule, Scene};
    use std::path::Path;

    /// A folder as the rules see it in tests.
    pub(super) fn scene<'a>(folder: &'a Memory, machine: &'a Machine) -> Scene<'a> {
        Scene {
            folder,
            above: None,
            root: Path::new("/srv/servers/notes"),
            name: "notes",
            shown: "servers/notes",
            machine,
        }
    }

    /// All rules that look at one folder.
    pub(super) fn here(scene: &Scene<'_>) -> Findings {
        super::here(scene, super::declared(scene))
    }

    /// Asks one rule about `servers/notes` on a machine with `programs`.
    pub(super) fn ask(rule: Rule, folder: &Memory, programs: &'static [&'static str]) -> Findings {
        rule(&scene(folder, &Machine::with(programs)))
    }

    /// The command lines of the ways a rule finds.
    pub(super) fn ways(rule: Rule, folder: &Memory, programs: &'static [&'static str]) -> Vec<String> {
        ask(rule, folder, programs).ways.iter().map(|way| way.command.join(" ")).collect()
    }

    /// The command line of the only way a rule finds.
    #[track_caller]
    pub(super) fn taken(rule: Rule, folder: &Memory, programs: &'static [&'static str]) -> String {
        let found = ask(rule, folder, programs);
        assert_eq!(found.ways.len(), 1, "{found:?}");
        found.ways[0].command.join(" ")
    }

    /// What a rule that finds no way passes over: what, why, what to do.
    #[track_caller]
    pub(super) fn passed(rule: Rule, folder: &Memory, programs: &'static [&'static str]) -> String {
        let found = ask(rule, folder, programs);
        assert!(found.ways.is_empty() && !found.passed_over.is_empty(), "{found:?}");
        notes(&found)
    }

    /// All that was passed over, a line each.
    pub(super) fn notes(found: &Findings) -> String {
        let lines =
            found.passed_over.iter().map(|note| format!("{}: {}; {}", note.what, note.reason, note.remedy));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_manifest_that_cannot_start_is_not_overruled_by_a_script_beside_it() {
        let folder = Memory::default()
            .file("package.json", r#"{"bin": "dist/index.js"}"#)
            .executable("release.sh", "#!/bin/sh\n");
        let found = ask(here, &folder, &["node", "/bin/sh"]);
        assert!(found.ways.is_empty() && notes(&found).contains("dist/index.js"), "{found:?}");
    }

    #[test]
    fn a_project_of_another_language_beside_it_is_a_way() {
        let folder = Memory::default()
            .file("package.json", r#"{"bin": "dist/index.js"}"#)
            .file("pyproject.toml", "[project]\nname = 'x'\n[project.scripts]\nserve = 'x:main'\n");
        let found = ask(here, &folder, &["node", "uv"]);
        assert_eq!(found.ways[0].command.join(" "), "uv run serve");
        assert!(notes(&found).contains("dist/index.js"), "{found:?}");
    }
}
