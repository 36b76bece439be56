//! What the documents show must be true: TOML is read by the program's own reader, commands by its own parser,
//! links lead somewhere.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use mcp_proxy::cli::arguments;
use mcp_proxy::config::{Document, Environment, Flags, ServerTable, load};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = docs.filter(|path| path.extension().is_some_and(|e| e == "md"));
    let all = all.chain(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    all.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The fenced blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_toml_block_is_read() {
    let mut read = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "toml") {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("proxy.toml");
            fs::write(&file, block).unwrap();
            let flags = Flags { config: Some(file.clone()), ..Flags::default() };
            let whole = load(&flags, &Environment::new()).map(|loaded| loaded.config.broken.is_empty());
            let document = Document::parse("server.toml", block.to_string());
            let server =
                document.is_ok_and(|document| ServerTable::read(document.table(), |_| String::new()).is_ok());
            assert!(
                matches!(whole, Ok(true)) || server,
                "{}: neither proxy.toml nor server.toml:\n{block}",
                path.display()
            );
            read += 1;
        }
    }
    assert!(read >= 5, "only {read} blocks were found");
}

#[test]
fn every_json_block_is_json() {
    for (path, text) in documents() {
        for block in blocks(&text, "json") {
            let value = serde_json::from_str::<serde_json::Value>(block);
            assert!(value.is_ok(), "{}: {value:?}\n{block}", path.display());
        }
    }
}

/// Commands: indented or fenced lines, and code in the text, that begin with the program's name.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("$ "));
    let code = text.split('`').skip(1).step_by(2);
    let words = lines.chain(code).map(|line| {
        let command = line.split(" #").next().unwrap_or_default();
        command
            .split_whitespace()
            .skip_while(|word| word.starts_with("MCP_PROXY_"))
            .map(String::from)
            .collect()
    });
    words.filter(|words: &Vec<String>| words.first().is_some_and(|word| word == "mcp-proxy")).collect()
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let mut seen = 0;
    for (path, text) in documents() {
        for words in commands(&text) {
            let parsed = arguments::parse(words.iter().skip(1).map(std::ffi::OsString::from));
            assert!(parsed.is_ok(), "{}: {words:?}: {}", path.display(), parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} commands were found");
}

#[test]
fn every_link_leads_somewhere() {
    for (path, text) in documents() {
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if !link.contains("://") && !link.starts_with('#') {
                let target = path.parent().unwrap().join(link.split('#').next().unwrap());
                assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            }
        }
    }
}
