//! A program that lies in the folder, or in its `bin/`.

use super::super::folder::Kind;
use super::super::machine::Machine;
use super::super::shebang;
use super::{Candidate, Findings, Refusal, Scene};

/// The rule.
pub(super) fn rule(scene: &Scene<'_>) -> Findings {
    for sub in ["", "bin"] {
        let programs = programs(scene, sub);
        match choose(&programs, scene.name) {
            Some(name) => return run(scene, &join(sub, name)),
            None if programs.is_empty() => {}
            None => {
                let reason =
                    format!("several executables ({}), none clearly the server", programs.join(", "));
                let remedy =
                    format!("name one in {}/server.toml, like command = \"./{}\"", scene.shown, programs[0]);
                return Findings::nothing_but("executables", Refusal::new(reason, remedy));
            }
        }
    }
    not_executable(scene)
}

/// What [`rule`] and a program without a folder have in common: the interpreter must be there.
pub(in crate::discovery) fn check_interpreter(start: &[u8], machine: &Machine) -> Result<(), Refusal> {
    let Some(interpreter) = shebang::interpreter(start).and_then(|words| words.into_iter().next()) else {
        return Ok(());
    };
    if machine.has(&interpreter) { Ok(()) } else { Err(Refusal::not_installed(&interpreter)) }
}

fn run(scene: &Scene<'_>, file: &str) -> Findings {
    match check_interpreter(&scene.folder.start(file), scene.machine) {
        Ok(()) => Findings::way(Candidate::new(file, &[&format!("./{file}")])),
        Err(refusal) => Findings::nothing_but(file, refusal),
    }
}

fn join(sub: &str, name: &str) -> String {
    if sub.is_empty() { name.to_string() } else { format!("{sub}/{name}") }
}

fn programs(scene: &Scene<'_>, sub: &str) -> Vec<String> {
    let entries = scene.folder.list(sub).into_iter();
    entries
        .filter(|(name, kind)| *kind == Kind::Executable && may_be_server(name))
        .filter(|(name, _)| shebang::is_program(&scene.folder.start(&join(sub, name))))
        .map(|(name, _)| name)
        .collect()
}

/// Beside servers lie installers, tests, logins, build wrappers, libraries and twins for HTTP.
pub(in crate::discovery) fn may_be_server(name: &str) -> bool {
    const NEVER_FIRST: [&str; 10] =
        ["install", "uninstall", "setup", "test", "auth", "build", "deploy", "release", "configure", "."];
    const NEVER: [&str; 11] =
        ["docker", "gradlew", "mvnw", ".so", ".dylib", ".node", "_core", "_lib", "_http", "-http", "_sse"];
    let name = name.to_lowercase();
    !NEVER_FIRST.iter().any(|word| name.starts_with(word)) && !NEVER.iter().any(|word| name.contains(word))
}

/// The only one; else the one named as a server is.
fn choose<'a>(programs: &'a [String], folder: &str) -> Option<&'a str> {
    if let [only] = programs {
        return Some(only);
    }
    let stem = |name: &str| name.to_lowercase().split('.').next().unwrap_or_default().to_string();
    let tests: [&dyn Fn(&str) -> bool; 5] = [
        &|name| stem(name) == folder || name.to_lowercase() == folder,
        &|name| stem(name).starts_with("server"),
        &|name| stem(name).contains("mcp"),
        &|name| stem(name).starts_with("start"),
        &|name| stem(name).starts_with("run"),
    ];
    tests.iter().find_map(|test| programs.iter().find(|name| test(name))).map(String::as_str)
}

/// A script without the x bit was most likely meant to have it.
fn not_executable(scene: &Scene<'_>) -> Findings {
    let scripts =
        scene.folder.list("").into_iter().filter(|(name, kind)| *kind == Kind::File && may_be_server(name));
    let mut scripts = scripts.filter(|(name, _)| scene.folder.start(name).starts_with(b"#!"));
    match scripts.next() {
        Some((name, _)) => {
            let reason = format!("{name} begins with #! but is not executable");
            let remedy = format!("chmod +x {}/{name}, if it is the server", scene.shown);
            Findings::nothing_but(&name, Refusal::new(reason, remedy))
        }
        None => Findings::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, passed, taken};
    use super::rule;

    const SH: &str = "#!/bin/sh\n";

    fn programs(names: &[&str]) -> Memory {
        names.iter().fold(Memory::default(), |folder, name| folder.executable(name, SH))
    }

    fn chosen(names: &[&str]) -> String {
        taken(rule, &programs(names), &["/bin/sh"])
    }

    #[test]
    fn the_only_one_is_taken() {
        assert_eq!(chosen(&["anything.sh"]), "./anything.sh");
        assert_eq!(chosen(&["bin/anything"]), "./bin/anything");
        assert_eq!(
            chosen(&[
                "install.sh",
                "test_all.sh",
                "docker-run.sh",
                "go.sh",
                "libx.so",
                "go_core.sh",
                "go_http.sh"
            ]),
            "./go.sh"
        );
    }

    #[test]
    fn of_several_the_one_named_so_is_taken() {
        assert_eq!(chosen(&["server.py", "notes.sh", "a.sh"]), "./notes.sh");
        assert_eq!(chosen(&["my-mcp.sh", "server.py", "start.sh"]), "./server.py");
        assert_eq!(chosen(&["a-mcp", "run", "start"]), "./a-mcp");
        assert!(passed(rule, &programs(&["a", "b"]), &["/bin/sh"]).contains("several executables (a, b)"));
    }

    #[test]
    fn the_x_bit_alone_is_not_enough() {
        let folder = Memory::default().executable("README.md", "# Hello").executable("data.json", "{}");
        assert!(ask(rule, &folder, &[]).is_empty());
    }

    #[test]
    fn a_script_without_the_x_bit_is_said() {
        let said = passed(rule, &Memory::default().file("server.py", "#!/usr/bin/env python3\n"), &[]);
        assert!(said.contains("chmod +x servers/notes/server.py"), "{said}");
    }

    #[test]
    fn a_missing_interpreter_is_said() {
        let folder = Memory::default().executable("server.py", "#!/usr/bin/env python3\n");
        assert!(passed(rule, &folder, &[]).contains("python3 is not installed or not on PATH"));
    }
}
