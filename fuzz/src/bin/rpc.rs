//! JSON-RPC messages: serde_json agrees about what is one, and rewriting ids and progress tokens keeps every other byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::json::{self, Change};
use mcp_proxy::fuzzing::message::{Invalid, Kind, Message};
use mcp_proxy::fuzzing::skim::{Oversize, Skim};
use mcp_proxy_fuzz::is_json;
use serde_json::value::RawValue;
use std::collections::HashMap;

const MAX_DEPTH: usize = 16;

/// The parts that must outlive a rewrite; line ends become spaces.
fn parts(message: &Message<'_>) -> (Option<String>, Option<String>) {
    let flat = |text: &str| text.replace(['\r', '\n'], " ");
    match &message.kind {
        Kind::Request { method, params, .. } | Kind::Notification { method, params } => {
            (Some(method.to_string()), params.map(flat))
        }
        Kind::Response { result, error, .. } => (result.map(flat), error.map(flat)),
    }
}

fn id<'t>(message: &Message<'t>) -> Option<&'t str> {
    match message.kind {
        Kind::Request { id, .. } | Kind::Response { id, .. } => Some(id),
        Kind::Notification { .. } => None,
    }
}

fn rewrite(text: &str, message: &Message<'_>) {
    let Some(id) = id(message) else { return };
    let place = message.span(id);
    let line = String::from_utf8(json::splice_line(text, &mut [place.clone()], "42")).unwrap();
    let expected = format!("{}42{}", &text[..place.start], &text[place.end..]).replace(['\r', '\n'], " ");
    assert_eq!(line, expected + "\n");
    let again = Message::parse(line.trim_end_matches('\n'), MAX_DEPTH).unwrap();
    assert_eq!(self::id(&again), Some("42"));
    assert_eq!(parts(&again), parts(message));
}

fn rewrite_tokens(text: &str, message: &Message<'_>) {
    let tokens = message.progress_tokens();
    let mut cuts: Vec<_> = tokens.iter().map(|token| message.span(token)).collect();
    let line = String::from_utf8(json::splice_line(text, &mut cuts, "\"t-1\"")).unwrap();
    let again = Message::parse(line.trim_end_matches('\n'), MAX_DEPTH).unwrap();
    assert_eq!(again.progress_tokens(), vec!["\"t-1\""; tokens.len()]);
}

fn edit(text: &str) {
    let Some(entries) = json::entries(text) else { return };
    assert_eq!(json::edit(text, &[], |_, _| Change::Keep).as_deref(), Some(text));
    let all_gone = json::edit(text, &[], |_, _| Change::Drop).unwrap();
    assert_eq!(json::entries(&all_gone), Some(Vec::new()));
    if json::members(text, "added").is_empty() {
        let added = json::edit(text, &[("added", "1.0")], |_, _| Change::Keep).unwrap();
        assert_eq!(json::members(&added, "added"), ["1.0"]);
        let change =
            |key: &str, _: &str| if json::spells(key, "added") { Change::Drop } else { Change::Keep };
        assert_eq!(json::edit(&added, &[], change).as_deref(), Some(text));
    }
    assert_eq!(json::entries(&json::object(entries.iter().copied())), Some(entries));
}

fn skim(bytes: &[u8]) -> Oversize {
    let mut skim = Skim::default();
    skim.feed(bytes);
    skim.finish()
}

fuzz_target!(|bytes: &[u8]| {
    let skimmed = skim(bytes);
    for pieces in mcp_proxy_fuzz::splits(bytes) {
        let mut skim = Skim::default();
        pieces.iter().for_each(|piece| skim.feed(piece));
        assert_eq!(skim.finish(), skimmed);
    }
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    edit(text);
    match Message::parse(text, MAX_DEPTH) {
        Ok(message) => {
            assert!(is_json(text));
            rewrite(text, &message);
            rewrite_tokens(text, &message);
            // Without escapes and long white space, what flows by is understood like what is parsed.
            if !text.contains('\\') && text.len() < 400 {
                assert_eq!(skimmed.id.as_deref(), id(&message));
                assert_eq!(skimmed.asks, message.method().is_some());
            }
        }
        Err(Invalid::Syntax(_)) => {
            assert!(serde_json::from_str::<HashMap<String, &RawValue>>(text).is_err());
        }
        Err(Invalid::TooDeep(_) | Invalid::Envelope(_)) => {}
    }
});
