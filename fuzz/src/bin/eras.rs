//! Translation between the eras: valid stays valid, nothing but the era's own members comes or goes, and what was put
//! in comes out again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::handshake::{self, Client};
use mcp_proxy::fuzzing::message::Message;
use mcp_proxy::fuzzing::modern::{self, Envelope};
use mcp_proxy::fuzzing::revision::{MODERN, NEWEST_LEGACY};
use mcp_proxy::fuzzing::{json, modernize};
use mcp_proxy_fuzz::{is_json, is_within};

const INFO: &str = r#"{"name":"n"}"#;
const CLIENT: Client<'_> = Client { capabilities: "{}", info: INFO, level: Some("info") };

/// The members but for `gone`, which translation may take.
fn others(text: &str, gone: &[&str]) -> Vec<(String, String)> {
    let entries = json::entries(text).unwrap().into_iter();
    let kept = entries.filter(|(key, _)| !gone.iter().any(|name| json::spells(key, name)));
    kept.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// `_meta` is an object with something in it, or is not there: it can come back as it was.
fn has_plain_meta(text: &str) -> bool {
    let metas = json::members(text, "_meta");
    metas.len() < 2 && metas.iter().all(|meta| json::entries(meta).is_some_and(|it| !it.is_empty()))
}

fn params(text: &str) {
    let plain = modernize::plain_params(Some(text)).unwrap();
    assert!(is_json(&plain) && is_within(&plain, text), "{text} became {plain}");
    let gone = ["_meta", "inputResponses", "requestState"];
    assert_eq!(others(&plain, &gone), others(text, &gone));
    assert_eq!(modernize::digest("m", Some(&plain)), modernize::digest("m", Some(text)));
    let sent = handshake::with_envelope(Some(&plain), &CLIENT);
    assert!(is_json(&sent));
    assert_eq!(Envelope::read(Some(&sent)).version.as_deref(), Some(MODERN));
    assert_eq!(Envelope::read(Some(&sent)).client_info, Some(INFO));
    if has_plain_meta(&plain) {
        assert_eq!(modernize::plain_params(Some(&sent)).unwrap(), plain);
    }
    let answers = [("k\"".to_string(), "{}".to_string())];
    let retry = handshake::retry_params(Some(&plain), &answers, Some("\"s\""));
    assert_eq!(modernize::request_state(Some(&retry)).as_deref(), Some("s"));
    assert_eq!(modernize::input_responses(Some(&retry)).unwrap(), [("k\"".to_string(), "{}")]);
    assert_eq!(modernize::digest("m", Some(&retry)), modernize::digest("m", Some(text)));
}

fn result(text: &str) {
    let plain = handshake::plain_result(text);
    assert!(is_json(&plain) && is_within(&plain, text), "{text} became {plain}");
    let modern = modernize::result(&plain, "tools/list", Some("{}"));
    assert!(is_json(&modern));
    if has_plain_meta(&plain) {
        assert!(is_within(&plain, &modern));
        assert_eq!(handshake::plain_result(&modern), plain);
    }
    for made in [
        modernize::discovery(text),
        handshake::initialize_result(text, NEWEST_LEGACY),
        modernize::subscribed(text, "7"),
        handshake::plain_notification(text),
        handshake::with_elicitation_id(text, "7"),
    ] {
        assert!(is_json(&made), "{text} became {made}");
    }
    assert!(json::member(&handshake::initialize_result(text, NEWEST_LEGACY), "serverInfo").is_some());
}

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    if let Ok(message) = Message::parse(text, 16) {
        let _ = modern::classify(Some(MODERN), &message);
        let _ = modern::classify(None, &message);
    }
    let _ = modernize::url_elicitations(text);
    let _ = handshake::input_required(text);
    if is_json(text) && json::entries(text).is_some() {
        params(text);
        result(text);
    } else if !text.trim_start().starts_with('{') {
        // What is no object is not touched.
        assert_eq!(handshake::plain_result(text), text);
        assert_eq!(modernize::plain_params(Some(text)).as_deref(), Some(text));
    }
});
