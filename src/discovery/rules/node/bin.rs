//! `bin`: what 23 of 24 Node servers declare.

use super::{Findings, Refusal, Scene, not_built, plain_path, run};
use serde_json::Value;

const WHAT: &str = "package.json bin";

pub(super) fn find(scene: &Scene<'_>, package: &Value) -> Findings {
    let found = match bin(package, scene.name) {
        Bin::Absent => return Findings::default(),
        Bin::Unclear(names) => Err(unclear(scene, &names)),
        Bin::File(file) if !scene.folder.is_file(&file) => Err(not_built(scene, package, "bin", &file)),
        Bin::File(file) => run(scene, WHAT, &file),
    };
    found.map_or_else(|refusal| Findings::nothing_but(WHAT, refusal), Findings::way)
}

/// What `bin` says.
pub(super) enum Bin {
    Absent,
    File(String),
    Unclear(Vec<String>),
}

pub(super) fn bin(package: &Value, folder: &str) -> Bin {
    match &package["bin"] {
        Value::String(file) => Bin::File(plain_path(file)),
        Value::Object(entries) => {
            let entries: Vec<(&str, &str)> =
                entries.iter().filter_map(|(name, file)| Some((name.as_str(), file.as_str()?))).collect();
            choose(&entries, package["name"].as_str().unwrap_or_default(), folder)
        }
        _ => Bin::Absent,
    }
}

fn choose(entries: &[(&str, &str)], package: &str, folder: &str) -> Bin {
    let package = package.rsplit('/').next().unwrap_or(package);
    let named = |name: &str| name == package || name == folder;
    let chosen = match entries {
        [] => return Bin::Absent,
        [only] => Some(only),
        several => several
            .iter()
            .find(|entry| named(entry.0))
            .or_else(|| several.iter().find(|entry| looks_right(entry.0))),
    };
    match chosen {
        Some((_, file)) => Bin::File(plain_path(file)),
        None => Bin::Unclear(entries.iter().map(|(name, _)| name.to_string()).collect()),
    }
}

/// Beside the server, packages ship helpers: an HTTP twin, an installer, a login.
fn looks_right(name: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    has(&["mcp", "server", "stdio"]) && !has(&["http", "sse", "setup", "install", "remove", "cli"])
}

fn unclear(scene: &Scene<'_>, names: &[String]) -> Refusal {
    let reason = format!("there are several bin entries ({}), none clearly the server", names.join(", "));
    let remedy = format!("name one in {}/server.toml, like command = \"node\" with args", scene.shown);
    Refusal::new(reason, remedy)
}
