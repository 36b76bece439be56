//! The walls of the house: layers without cycles, and the few places where certain things are done.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::fs;
use std::path::{Path, PathBuf};

/// Lower rooms first. A module may use those in earlier rows only (and itself).
const LAYERS: [&[&str]; 15] = [
    &["secrets"],
    &["limits", "thread", "meter"],
    &["log"],
    &["protocol"],
    &["config", "http"],
    &["ledger"],
    &["auth"],
    &["server", "discovery"],
    &["forward"],
    &["bridge"],
    &["fleet"],
    &["front", "ops", "signal", "watch"],
    &["app"],
    &["cli"],
    &["fuzzing"],
];

/// `front` shows what `ops` reports; both are edges, and `ops` knows nothing of `front`.
const SIDEWAYS: [(&str, &str); 1] = [("front", "ops")];

fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|row| row.contains(&module));
    found.unwrap_or_else(|| panic!("{module} has no place in the layers"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| sources(folder));
    files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "rs")).chain(below).collect()
}

/// (path below `src`, room, text without its tests)
fn modules() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_string();
        let room = relative.split('/').next().unwrap().trim_end_matches(".rs").to_string();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_string();
        (relative, room, text)
    };
    let all = sources(&root).into_iter().map(read);
    all.filter(|(file, ..)| file != "lib.rs" && file != "main.rs" && !file.contains("tests")).collect()
}

/// The rooms that a text names after `crate::`, alone or in braces.
fn used(text: &str) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        })
        .map(|path| path.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
        .filter(|name| name.starts_with(|c: char| c.is_lowercase()))
        .collect()
}

#[test]
fn arrows_point_downwards_only() {
    let mut seen = 0;
    for (file, room, text) in modules() {
        for other in used(&text) {
            seen += 1;
            let below = layer(other) < layer(&room) || other == room;
            assert!(
                below || SIDEWAYS.contains(&(&room, other)),
                "{file} uses crate::{other}, which is not below {room}"
            );
        }
    }
    assert!(seen > 100, "only {seen} uses were found: is the reading of them still right?");
}

#[test]
fn some_things_are_done_in_one_place() {
    for (what, places) in [
        ("Builder::new().name(", &["thread.rs"][..]),
        ("std::thread::spawn", &[]),
        (".spawn()?", &["server/reaper.rs"]),
        ("allow(unsafe_code)", &["server/os.rs"]),
        ("unsafe {", &["server/os.rs"]),
        (
            "Agent::config_builder",
            &[
                "auth/oauth/document.rs",
                "cli/control.rs",
                "cli/doctor/public.rs",
                "forward/connector.rs",
                "ops/health.rs",
            ],
        ),
        ("TcpListener::bind", &["app/socket.rs", "cli/doctor/ports.rs", "server/ports.rs"]),
    ] {
        let found: Vec<String> =
            modules().into_iter().filter(|(.., text)| text.contains(what)).map(|(f, ..)| f).collect();
        let stray: Vec<&String> = found.iter().filter(|file| !places.contains(&file.as_str())).collect();
        assert!(stray.is_empty(), "{what} stands in {stray:?}");
        assert!(found.len() == places.len(), "{what} stands in {found:?} only, expected {places:?}");
    }
}

#[test]
fn a_file_has_one_subject() {
    for (file, _, text) in modules() {
        let lines = text.lines().count();
        assert!(lines <= 420, "{file} has {lines} lines: it may have two subjects");
    }
}
