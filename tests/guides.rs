//! The guides for people: their examples are run as they stand, and what they quote is what the program says.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod harness;

use harness::*;
use mcp_proxy::config::{self, Config, Environment, Flags, ServerTable};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn guide(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The files that a guide shows: the last words before a fenced text are its path.
fn files(guide: &str) -> Vec<(&str, &str)> {
    let pieces: Vec<&str> = guide.split("```").collect();
    let shown = pieces.chunks_exact(2).filter_map(|pair| {
        let paragraph = pair[0].trim_end().lines().last()?;
        let path = paragraph.split('`').find(|word| word.starts_with("servers/"))?;
        Some((path, pair[1].split_once('\n')?.1))
    });
    shown.collect()
}

/// The servers of `docs/writing-servers.md` that need nothing but an interpreter, in a site of their own.
fn written(names: &[&str]) -> Proxy {
    let text = guide("writing-servers.md");
    let site = Site::new();
    for (path, text) in files(&text) {
        if names.iter().any(|name| path.starts_with(&format!("servers/{name}/"))) {
            site.program(path, text);
        }
    }
    site.start()
}

#[test]
fn the_server_in_sh_is_one() {
    let proxy = written(&["disk"]);
    let client = proxy.client("disk");
    assert!(client.text("free", json!({})).contains("Filesystem"));
    assert_eq!(client.request("nope", json!({})).unwrap_err()["code"], -32601);
}

#[test]
fn the_server_in_python_is_one() {
    let proxy = written(&["words"]);
    let client = proxy.client("words");
    assert_eq!(client.text("count", json!({"text": "one two  three"})), "3 words");
    assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
}

/// The files below a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

#[test]
fn every_message_in_troubleshooting_is_one_of_the_program() {
    let sources: Vec<String> =
        files_in(&root().join("src")).iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let text = guide("troubleshooting.md");
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let messages: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(messages.len() > 40, "only {} were found", messages.len());
    for message in messages {
        let fixed: Vec<&str> =
            message.split('…').map(str::trim).filter(|part| part.chars().count() > 3).collect();
        let is_said = sources.iter().any(|source| fixed.iter().all(|part| source.contains(part)));
        assert!(is_said && !fixed.is_empty(), "no message of the program: {message}");
    }
}

#[test]
fn the_readme_leads_to_every_document() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for document in
        files_in(&root().join("docs")).iter().filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        assert!(readme.contains(&format!("(docs/{name}")), "README.md has no link to docs/{name}");
    }
}

const REFERENCE: &str = include_str!("../proxy.toml");

const HEAD: &str = "\
# All keys

Written by a test out of the program's own table and [proxy.toml](../proxy.toml). The unit of a number stands at the \
end of its key: `_seconds`, `_ms`, `_bytes`; what has none is a count. [configuration.md](configuration.md) says what \
they are for; a variable wins over the file, an option over both.
";

/// What proxy.toml says of a key.
struct Key<'t> {
    section: &'t str,
    name: &'t str,
    value: &'t str,
    what: String,
}

/// Every key in it, whose line begins with `prefix`.
fn explained<'t>(text: &'t str, prefix: &str) -> Vec<Key<'t>> {
    let mut section = "";
    let mut keys: Vec<Key<'_>> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix(prefix)) {
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name;
        } else if let Some(more) = line.strip_prefix(' ').and_then(|more| more.trim().strip_prefix("# ")) {
            keys.last_mut().unwrap().what += &format!(" {more}");
        } else if let Some((name, rest)) = line.split_once(" = ").filter(|(name, _)| !name.contains(' ')) {
            let (value, what) = rest.split_once(" # ").unwrap_or((rest, ""));
            keys.push(Key { section, name, value: value.trim(), what: what.trim().to_string() });
        }
    }
    keys
}

fn variable(key: &Key<'_>) -> String {
    let section = if key.section == "proxy" { String::new() } else { format!("{}_", key.section) };
    format!("MCP_PROXY_{section}{}", key.name).to_uppercase()
}

/// `docs/keys.md`, as it has to be.
fn keys() -> String {
    let known = toml::Table::try_from(Config::default()).unwrap();
    let (sections, servers) = REFERENCE.split_once("# [server.notes]").unwrap();
    let mut text = HEAD.to_string();
    let mut last = "";
    for key in explained(sections, "") {
        if key.section != last {
            last = key.section;
            text += &format!("\n## [{last}]\n| key | default | variable | what |\n|---|---|---|---|\n");
        }
        let default = &known[key.section][key.name];
        text += &format!("| `{}` | `{default}` | `{}` | {} |\n", key.name, variable(&key), key.what);
    }
    text += "\n## [server.NAME], and a folder's server.toml\n| key | example | what |\n|---|---|---|\n";
    for Key { name, value, what, .. } in explained(servers, "# ") {
        let same = known["defaults"].get(name).is_some() && what.is_empty();
        let what = if same { "as in [defaults], for this server" } else { &what };
        text += &format!("| `{name}` | `{value}` | {what} |\n");
    }
    text
}

#[test]
fn the_table_of_keys_is_the_program_s() {
    let (file, wanted) = (root().join("docs/keys.md"), keys());
    for key in ServerTable::keys() {
        assert!(wanted.contains(&format!("\n| `{key}` | ")), "{key} is missing");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, wanted, "docs/keys.md is old: UPDATE_DOCS=1 cargo test --test guides writes it anew");
}

#[test]
fn every_variable_in_the_table_is_one() {
    let known = toml::Table::try_from(Config::default()).unwrap();
    let plain = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(_) => String::new(),
        other => other.to_string(),
    };
    let environment: Environment = explained(REFERENCE.split_once("# [server.notes]").unwrap().0, "")
        .iter()
        .map(|key| (variable(key), plain(&known[key.section][key.name])))
        .collect();
    let loaded = config::load(&Flags::default(), &environment).unwrap();
    assert!(environment.len() > 80 && loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}
