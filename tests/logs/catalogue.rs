//! docs/logs.md names every event and key that the program logs, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Words = BTreeSet<String>;

/// Levels, and keys beside `event`.
type Events = BTreeMap<String, (Words, Words)>;

/// What the logger itself writes, without a macro.
const OWN: (&str, &str, &str) = ("flood", "warn", "count");
/// Keys that no macro names: every line has them, or gets them from the logger.
const EVERYWHERE: [&str; 6] = ["ts", "level", "target", "event", "message", "request_id"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// Cuts at a separator that stands outside of strings and brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            _ if letter == separator && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// The places where a text logs: level, and what stands before the message.
fn calls(text: &str) -> Vec<(&'static str, &str)> {
    let of_level = |level: &'static str| {
        let name = format!("log::{level}!(");
        let places = text.match_indices(&name).map(|(at, name)| at + name.len());
        places.map(|at| (level, split(&text[at..], ';')[0])).collect::<Vec<_>>()
    };
    ["error", "warn", "info", "debug", "trace"].into_iter().flat_map(of_level).collect()
}

fn logged() -> Events {
    let mut events = Events::new();
    let mut add = |event: &str, level: &str, keys: Words| {
        let (levels, all) = events.entry(event.to_string()).or_default();
        levels.insert(level.to_string());
        all.extend(keys);
    };
    for path in sources(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        for (level, head) in calls(&text) {
            let pairs = split(head, ',').into_iter().map(str::trim);
            let pairs = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("target:"));
            let (event, others): (Vec<_>, Vec<_>) = pairs.partition(|pair| pair.starts_with("event = "));
            let [event] = event[..] else { panic!("{}: a line without an event: {head}", path.display()) };
            let key = |pair: &str| pair.split([':', ' ']).next().unwrap().to_string();
            add(event.split('"').nth(1).unwrap(), level, others.into_iter().map(key).collect());
        }
    }
    add(OWN.0, OWN.1, [OWN.2.to_string()].into());
    events
}

/// The rows of the table below a heading of docs/logs.md, without backticks.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/logs.md")).unwrap();
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let cell = |text: &str| text.replace('`', "").trim().to_string();
    rows.map(|row| row.trim_matches('|').split('|').map(cell).collect()).collect()
}

fn words(text: &str) -> Words {
    text.split_whitespace().map(str::to_string).collect()
}

#[test]
fn every_event_is_documented_with_its_levels_and_keys() {
    let rows = table("Events").into_iter();
    let documented: Events = rows.map(|row| (row[0].clone(), (words(&row[1]), words(&row[2])))).collect();
    let logged = logged();
    assert!(
        logged.len() > 80,
        "only {} events were found: is the reading of them still right?",
        logged.len()
    );
    let wrong: Vec<_> = logged.iter().filter(|(event, said)| documented.get(*event) != Some(said)).collect();
    assert!(
        wrong.is_empty(),
        "these have no row in docs/logs.md, or one with other levels or keys: {wrong:#?}"
    );
    let stale: Vec<&String> = documented.keys().filter(|event| !logged.contains_key(*event)).collect();
    assert!(stale.is_empty(), "docs/logs.md names {stale:?}, which nobody logs");
}

#[test]
fn every_key_is_documented() {
    let documented: Words = table("Keys").into_iter().map(|row| row[0].clone()).collect();
    let of_events = logged().into_values().flat_map(|(_, keys)| keys);
    let logged: Words = of_events.chain(EVERYWHERE.map(str::to_string)).collect();
    assert_eq!(documented, logged);
}
