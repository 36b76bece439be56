//! Header values that repeat a text of the body, in Base64 where a header cannot carry it: what we write is read back,
//! and one text has one spelling.
#![no_main]

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::message::Message;
use mcp_proxy::fuzzing::modern::Envelope;
use mcp_proxy::fuzzing::{json, mirror};

fn written(name: &str) -> (String, HeaderMap) {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
    let params = format!(r#"{{{meta},"name":{}}}"#, json::quoted(name));
    let headers = mirror::headers("tools/call", Some(&params), &[]).into_iter().collect();
    (format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#), headers)
}

fn is_right(headers: &HeaderMap, body: &str) -> bool {
    let message = Message::parse(body, 16).unwrap();
    mirror::check(headers, &message, &Envelope::read(message.params()), &[]).is_ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    let (body, mut headers) = written(text);
    assert!(is_right(&headers, &body));
    let value = headers["mcp-name"].to_str().unwrap().to_string();
    assert_eq!(mirror::decode(&value).as_deref(), Some(text));
    // The same header says nothing else.
    if let Some(other) = mirror::decode(text).filter(|other| other != text) {
        assert_eq!(mirror::decode(&written(&other).1["mcp-name"].to_str().unwrap()), Some(other.clone()));
        headers.insert("mcp-name", text.parse().unwrap());
        assert!(!is_right(&headers, &body));
        headers.insert("mcp-name", text.trim_matches([' ', '\t']).parse().unwrap());
        let (body, _) = written(&other);
        assert!(is_right(&headers, &body));
    }
});
