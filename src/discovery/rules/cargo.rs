//! Rust: what cargo has built, else a way that builds it once and becomes it.

use super::super::folder::Kind;
use super::{Candidate, Findings, Refusal, Scene};
use serde::Deserialize;

const FILE: &str = "Cargo.toml";
const PINS: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];
/// More members than a workspace of one server has.
const MOST_MEMBERS: usize = 64;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    package: Package,
    bin: Vec<Bin>,
    workspace: Workspace,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Package {
    name: String,
    default_run: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bin {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Workspace {
    members: Vec<String>,
}

/// The rule.
pub(super) fn rule(scene: &Scene<'_>) -> Findings {
    let manifest = match read(scene, "") {
        None => return Findings::default(),
        Some(Ok(manifest)) => manifest,
        Some(Err(fault)) => return Findings::nothing_but(FILE, Refusal::unreadable(scene, FILE, &fault)),
    };
    let own = binaries(scene, "", &manifest);
    match choose(scene, &manifest, &own).or_else(|| of_member(scene, &manifest)) {
        Some(name) => start(scene, &name),
        None if own.is_empty() => Findings::default(),
        None => Findings::nothing_but(
            FILE,
            Refusal::new(
                format!("there are several binaries ({}), none clearly the server", own.join(", ")),
                format!(
                    "name one in {}/server.toml, like command = \"./target/release/{}\"",
                    scene.shown, own[0]
                ),
            ),
        ),
    }
}

fn read(scene: &Scene<'_>, member: &str) -> Option<Result<Manifest, String>> {
    let text = scene.folder.read(&join(member, FILE))?;
    Some(text.and_then(|text| toml::from_str(&text).map_err(|error| error.message().to_string())))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") }
}

/// Names of the binaries that a package builds.
fn binaries(scene: &Scene<'_>, folder: &str, manifest: &Manifest) -> Vec<String> {
    let mut names: Vec<String> = manifest.bin.iter().map(|bin| bin.name.clone()).collect();
    if names.is_empty() && scene.folder.is_file(&join(folder, "src/main.rs")) {
        names.push(manifest.package.name.clone());
    }
    let others =
        scene.folder.list(&join(folder, "src/bin")).into_iter().filter(|(_, kind)| *kind != Kind::Folder);
    names.extend(others.filter_map(|(name, _)| Some(name.strip_suffix(".rs")?.to_string())));
    // The name becomes part of a command line.
    let plain =
        |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    names.retain(plain);
    names.dedup();
    names
}

fn choose(scene: &Scene<'_>, manifest: &Manifest, names: &[String]) -> Option<String> {
    let package = &manifest.package;
    let like = |wanted: &dyn Fn(&str) -> bool| names.iter().find(|name| wanted(name));
    let declared = package.default_run.as_ref().filter(|name| names.contains(name));
    let only = if let [only] = names { Some(only) } else { None };
    declared
        .or(only)
        .or_else(|| like(&|name| name == package.name || name == scene.name))
        .or_else(|| like(&|name| name.contains("mcp")))
        .or_else(|| like(&|name| name.contains("server")))
        .cloned()
}

/// The binary of the member that is the server.
fn of_member(scene: &Scene<'_>, root: &Manifest) -> Option<String> {
    let mut servers = Vec::new();
    for member in members(scene, &root.workspace.members) {
        if let Some(Ok(manifest)) = read(scene, &member) {
            let names = binaries(scene, &member, &manifest);
            servers.extend(choose(scene, &manifest, &names));
        }
    }
    let named = servers
        .iter()
        .find(|name| *name == scene.name)
        .or_else(|| servers.iter().find(|name| name.contains("mcp")));
    named.or(if let [only] = servers.as_slice() { Some(only) } else { None }).cloned()
}

/// The members, with `crates/*` spelt out.
fn members(scene: &Scene<'_>, patterns: &[String]) -> Vec<String> {
    let spelt_out = patterns.iter().flat_map(|pattern| match pattern.strip_suffix("/*") {
        Some(folder) => scene.folder.list(folder).into_iter().map(|(name, _)| join(folder, &name)).collect(),
        None => vec![pattern.clone()],
    });
    spelt_out.take(MOST_MEMBERS).collect()
}

fn start(scene: &Scene<'_>, name: &str) -> Findings {
    let mut built = ["release", "debug"].iter().map(|profile| format!("target/{profile}/{name}"));
    if let Some(file) = built.find(|file| scene.folder.is_file(file)) {
        return Findings::way(Candidate::new(&file, &[&format!("./{file}")]));
    }
    if !scene.machine.has("cargo") {
        let reason = format!("target/release/{name} is not built, and cargo is not on PATH");
        return Findings::nothing_but(
            FILE,
            Refusal::new(reason, format!("install Rust, then run cargo build --release in {}", scene.shown)),
        );
    }
    let line = format!("{} && exec ./target/release/{name} \"$@\"", build(scene, name));
    let candidate = Candidate::new("Cargo.toml (built first)", &["sh", "-c", &line, "sh"]);
    Findings::way(Candidate { builds: true, ..candidate })
}

/// A pinned toolchain is downloaded; without a network the one that is installed may do as well.
fn build(scene: &Scene<'_>, name: &str) -> String {
    let build = format!("cargo build --release --bin {name}");
    if PINS.iter().any(|file| scene.folder.is_file(file)) && scene.machine.has("rustup") {
        return format!(
            "{{ {build} || RUSTUP_TOOLCHAIN=\"$(cd / && rustup default | cut -d' ' -f1)\" {build}; }}"
        );
    }
    build
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, passed, taken};
    use super::rule;
    use proptest::prelude::*;

    fn cargo(text: &str) -> Memory {
        Memory::default().file("Cargo.toml", text)
    }

    const ONE: &str = "[package]\nname = 'notes-mcp'\n";

    #[test]
    fn what_is_built_is_run() {
        let folder = cargo(ONE).file("src/main.rs", "").file("target/debug/notes-mcp", "");
        assert_eq!(taken(rule, &folder, &[]), "./target/debug/notes-mcp");
        let folder = folder.file("target/release/notes-mcp", "");
        assert_eq!(taken(rule, &folder, &[]), "./target/release/notes-mcp");
    }

    #[test]
    fn what_is_not_built_is_built_once() {
        let folder = cargo(ONE).file("src/main.rs", "");
        let found = ask(rule, &folder, &["cargo"]);
        let line = "cargo build --release --bin notes-mcp && exec ./target/release/notes-mcp \"$@\"";
        assert_eq!(found.ways[0].command, ["sh", "-c", line, "sh"]);
        assert!(found.ways[0].builds);
        assert!(
            passed(rule, &folder, &[])
                .contains("target/release/notes-mcp is not built, and cargo is not on PATH")
        );
    }

    #[test]
    fn a_pinned_toolchain_need_not_be_downloaded() {
        let folder = cargo(ONE).file("src/main.rs", "").file("rust-toolchain.toml", "");
        let line = taken(rule, &folder, &["cargo", "rustup"]);
        assert!(line.contains("notes-mcp || RUSTUP_TOOLCHAIN="), "{line}");
    }

    #[test]
    fn of_several_binaries_the_server_is_chosen() {
        let bins = |package: &str, names: &[&str]| {
            let bins: String = names.iter().map(|name| format!("[[bin]]\nname = '{name}'\n")).collect();
            names.iter().fold(cargo(&format!("[package]\nname = 'x'\n{package}{bins}")), |folder, name| {
                folder.file(&format!("target/release/{name}"), "")
            })
        };
        assert_eq!(taken(rule, &bins("default-run = 'b'\n", &["a", "b"]), &[]), "./target/release/b");
        assert_eq!(taken(rule, &bins("", &["a", "x"]), &[]), "./target/release/x");
        assert_eq!(taken(rule, &bins("", &["server", "a-mcp"]), &[]), "./target/release/a-mcp");
        assert!(passed(rule, &bins("", &["a", "b"]), &[]).contains("several binaries (a, b)"));
    }

    #[test]
    fn a_workspace_has_a_member_that_is_the_server() {
        let root = cargo("[workspace]\nmembers = ['crates/*', 'cli']\n");
        let member = |folder: Memory, at: &str, name: &str| {
            folder
                .file(&format!("{at}/Cargo.toml"), &format!("[package]\nname = '{name}'\n"))
                .file(&format!("{at}/src/main.rs"), "")
        };
        let folder = member(member(root, "crates/a", "backlog-mcp"), "cli", "backlog-cli");
        assert_eq!(
            taken(rule, &folder.file("target/release/backlog-mcp", ""), &[]),
            "./target/release/backlog-mcp"
        );
    }

    #[test]
    fn a_library_is_not_ours() {
        assert!(ask(rule, &cargo(ONE).file("src/lib.rs", ""), &["cargo"]).is_empty());
        assert!(passed(rule, &cargo("["), &[]).contains("Cargo.toml cannot be read"));
    }

    proptest! {
        #[test]
        fn no_cargo_toml_panics(junk in "\\PC{0,60}", name in "[a-z/.\"$]{0,12}") {
            ask(rule, &cargo(&junk), &["cargo"]);
            ask(rule, &cargo(&format!("[package]\nname = '{name}'\n[workspace]\nmembers = ['{name}/*']\n")).file("src/main.rs", ""), &["cargo"]);
        }
    }
}
