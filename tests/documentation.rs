//! What the documents show must be true: TOML is read by the program's own reader, commands by its own parser,
//! links lead somewhere.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use mcp_proxy::cli::arguments;
use mcp_proxy::config::{Document, Environment, Flags, ServerTable, load};
use mcp_proxy::limits::Limits;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = docs.filter(|path| path.extension().is_some_and(|e| e == "md"));
    let all = all
        .chain(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name)));
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
        // What a shell does with it is not the program's affair.
        let end = [" #", " | ", " > "].iter().filter_map(|mark| line.find(mark)).min();
        let command = &line[..end.unwrap_or(line.len())];
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

/// The cells of the rows of the tables in docs/limits.md.
fn limits() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| What |"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()).collect()
}

#[test]
fn every_limit_stands_in_the_table_with_its_default() {
    let serde_json::Value::Object(defaults) = serde_json::to_value(Limits::default()).unwrap() else {
        panic!()
    };
    let rows = limits();
    for (key, default) in defaults {
        let of_key: Vec<_> = rows.iter().filter(|row| row[1] == format!("`{key}`")).collect();
        assert!(!of_key.is_empty(), "{key} is not in docs/limits.md");
        of_key.iter().for_each(|row| assert_eq!(row[2], default.to_string(), "{key} in docs/limits.md"));
    }
}

#[test]
fn every_test_in_the_table_of_limits_exists() {
    let sources = rust_sources(&root().join("src")) + &rust_sources(&root().join("tests"));
    let rows = limits();
    assert!(rows.len() > 40, "only {} rows were found", rows.len());
    for row in rows {
        let [.., test] = &row[..] else { panic!("an empty row") };
        let function = format!("fn {}(", test.trim_matches('`'));
        assert!(sources.contains(&function), "{test} is no test: {row:?}");
    }
}

/// The text of all Rust files below a folder.
fn rust_sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: PathBuf| match path.is_dir() {
        true => rust_sources(&path),
        false => fs::read_to_string(&path).unwrap_or_default(),
    };
    entries.map(text).collect()
}

#[test]
fn scaling_shows_the_files_that_are_run() {
    let text = fs::read_to_string(root().join("docs/scaling.md")).unwrap();
    for file in fs::read_dir(root().join("scripts/scaling")).unwrap() {
        let file = file.unwrap();
        let block = format!("\n{}```\n", fs::read_to_string(file.path()).unwrap());
        assert!(text.contains(&block), "docs/scaling.md does not show {:?} as it is", file.file_name());
    }
}
