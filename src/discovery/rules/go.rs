//! Go: a binary that was built, else `go run`.

use super::super::folder::Kind;
use super::super::shebang;
use super::{Candidate, Findings, Refusal, Scene};

const FILE: &str = "go.mod";
const PLACES: [&str; 4] = ["", "bin", "dist", "build"];
/// Beside the server, `cmd/` holds tools for its developers.
const TOOLS: [&str; 6] = ["lint", "test", "gen", "bench", "curl", "client"];

/// The rule.
pub(super) fn rule(scene: &Scene<'_>) -> Findings {
    let Some(text) = scene.folder.read(FILE) else {
        return Findings::default();
    };
    let module = match text {
        Ok(text) => module(&text),
        Err(fault) => return Findings::nothing_but(FILE, Refusal::unreadable(scene, FILE, &fault)),
    };
    let commands = commands(scene);
    let package = match choose(scene, &module, &commands) {
        Some(name) => Some(format!("./cmd/{name}")),
        None if has_main(scene, "") => Some(".".to_string()),
        None if commands.is_empty() => None,
        None => return Findings::nothing_but(FILE, unclear(scene, &commands)),
    };
    let named: Vec<&str> = package
        .iter()
        .filter_map(|path| path.strip_prefix("./cmd/"))
        .chain([module.as_str(), scene.name])
        .collect();
    match (built(scene, &named), package) {
        (Some(file), _) => Findings::way(Candidate::new(&file, &[&format!("./{file}")])),
        (None, Some(package)) => run(scene, &package),
        (None, None) => Findings::default(),
    }
}

/// The last word of the module's path that is no version: `github.com/a/notes-mcp/v2` is `notes-mcp`.
fn module(text: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module "));
    let is_version = |word: &str| word.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
    let words = line.unwrap_or_default().trim().trim_matches('"').rsplit('/');
    words.into_iter().find(|word| !is_version(word)).unwrap_or_default().to_string()
}

fn commands(scene: &Scene<'_>) -> Vec<String> {
    let folders = scene.folder.list("cmd").into_iter().filter(|(_, kind)| *kind == Kind::Folder);
    let names = folders.map(|(name, _)| name).filter(|name| !TOOLS.iter().any(|tool| name.contains(tool)));
    names.filter(|name| has_main(scene, &format!("cmd/{name}"))).collect()
}

fn has_main(scene: &Scene<'_>, folder: &str) -> bool {
    let in_folder =
        |name: &str| if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
    scene.folder.is_file(&in_folder("main.go"))
        || scene.folder.list(folder).iter().any(|(name, _)| {
            name.ends_with(".go")
                && scene
                    .folder
                    .start(&in_folder(name))
                    .split(|b| *b == b'\n')
                    .any(|line| line.trim_ascii() == b"package main")
        })
}

fn choose(scene: &Scene<'_>, module: &str, commands: &[String]) -> Option<String> {
    let like = |wanted: &dyn Fn(&str) -> bool| commands.iter().find(|name| wanted(name));
    let only = if let [only] = commands { Some(only) } else { None };
    like(&|name| name == module || name == scene.name)
        .or(only)
        .or_else(|| like(&|name| name.contains("mcp")))
        .or_else(|| like(&|name| name.contains("server")))
        .cloned()
}

fn unclear(scene: &Scene<'_>, commands: &[String]) -> Refusal {
    let reason = format!("there are several commands ({}), none clearly the server", commands.join(", "));
    let remedy = format!(
        "name one in {}/server.toml, like command = \"go\" and args = [\"run\", \"./cmd/{}\"]",
        scene.shown, commands[0]
    );
    Refusal::new(reason, remedy)
}

fn built(scene: &Scene<'_>, names: &[&str]) -> Option<String> {
    let in_place =
        |place: &str, name: &str| if place.is_empty() { name.to_string() } else { format!("{place}/{name}") };
    let files = PLACES.iter().flat_map(|place| names.iter().map(move |name| in_place(place, name)));
    files.into_iter().find(|file| {
        scene.folder.look(file) == Some(Kind::Executable) && shebang::is_binary(&scene.folder.start(file))
    })
}

fn run(scene: &Scene<'_>, package: &str) -> Findings {
    if scene.machine.has("go") {
        return Findings::way(Candidate::new("go.mod", &["go", "run", package]));
    }
    let reason = format!("{package} is not built, and go is not on PATH");
    Findings::nothing_but(
        FILE,
        Refusal::new(reason, format!("install Go, or put the binary of a release into {}", scene.shown)),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, passed, taken};
    use super::rule;
    use proptest::prelude::*;

    fn go(module: &str) -> Memory {
        Memory::default().file("go.mod", &format!("// x\nmodule github.com/a/{module}\n\ngo 1.22\n"))
    }

    const MAIN: &str = "// Copyright\npackage main\n";

    #[test]
    fn a_binary_that_was_built_is_run() {
        let folder = go("notes-mcp/v2").file("cmd/notes-mcp/main.go", MAIN);
        for place in ["notes-mcp", "bin/notes-mcp", "dist/notes-mcp"] {
            let folder = go("notes-mcp/v2").file("cmd/notes-mcp/main.go", MAIN).executable(place, "\x7fELF");
            assert_eq!(taken(rule, &folder, &["go"]), format!("./{place}"));
        }
        assert_eq!(taken(rule, &folder, &["go"]), "go run ./cmd/notes-mcp");
        assert!(passed(rule, &folder, &[]).contains("./cmd/notes-mcp is not built, and go is not on PATH"));
    }

    #[test]
    fn the_root_may_be_the_command() {
        assert_eq!(taken(rule, &go("x").file("main.go", MAIN), &["go"]), "go run .");
        assert_eq!(taken(rule, &go("x").file("cli.go", MAIN), &["go"]), "go run .");
        assert!(ask(rule, &go("x").file("lib.go", "package x\n"), &["go"]).is_empty());
    }

    #[test]
    fn of_several_commands_the_server_is_chosen() {
        let commands = |names: &[&str]| {
            names.iter().fold(go("github-mcp-server"), |folder, name| {
                folder.file(&format!("cmd/{name}/main.go"), MAIN)
            })
        };
        assert_eq!(
            taken(rule, &commands(&["mcpcurl", "github-mcp-server"]), &["go"]),
            "go run ./cmd/github-mcp-server"
        );
        assert_eq!(
            taken(rule, &commands(&["linters", "slack-mcp", "loadtest"]), &["go"]),
            "go run ./cmd/slack-mcp"
        );
        assert!(passed(rule, &commands(&["one", "two"]), &["go"]).contains("several commands (one, two)"));
    }

    proptest! {
        #[test]
        fn no_go_mod_panics(junk in "\\PC{0,60}") {
            ask(rule, &Memory::default().file("go.mod", &junk).file("main.go", &junk), &["go"]);
            ask(rule, &go(&junk).file("main.go", MAIN), &["go"]);
        }
    }
}
