//! Nothing is altered but what one era must say in the words of the other.

use crate::harness::*;
use crate::rig::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

/// A client that POSTs bytes.
struct Raw {
    url: String,
    headers: Vec<(String, String)>,
    /// What stands in the parameters beside the call.
    meta: &'static str,
}

impl Raw {
    #[track_caller]
    fn of_both_eras(proxy: &Proxy, name: &str) -> [Raw; 2] {
        let (url, legacy) = (proxy.url(name), proxy.client(name));
        let owned = |(name, value): (&str, &str)| (name.to_string(), value.to_string());
        let session = legacy.headers().into_iter().map(owned).collect();
        let modern = modern_headers("tools/call", &json!({"name": "args"}));
        let modern = modern.iter().map(|(name, value)| owned((name, value))).collect();
        let claim = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
        [Raw { url: url.clone(), headers: session, meta: "" }, Raw { url, headers: modern, meta: claim }]
    }

    /// What comes back for these arguments: as text, and as structured content.
    #[track_caller]
    fn echo(&self, arguments: &str) -> String {
        let params = format!(r#"{{"name":"args","arguments":{arguments}{}}}"#, self.meta);
        let call = format!(r#"{{"jsonrpc":"2.0","id":1e0,"method":"tools/call","params":{params}}}"#);
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        request("POST", &self.url, &headers, call.as_bytes()).text()
    }
}

/// The parts of an answer that no era may alter.
fn parts(arguments: &str) -> [String; 3] {
    let text = json!(arguments);
    let content = format!(r#""content":[{{"type":"text","text":{text}}}]"#);
    [r#""id":1e0,"#.into(), content, format!(r#""structuredContent":{arguments}"#)]
}

#[track_caller]
fn all_in_one_piece() -> Proxy {
    SERVERS.iter().fold(Site::new(), |site, name| site.fake(name, in_one_piece(name))).start()
}

#[test]
fn odd_json_passes_through_every_cell() {
    let proxy = all_in_one_piece();
    for name in SERVERS {
        for client in Raw::of_both_eras(&proxy, name) {
            for arguments in ODD {
                let answer = client.echo(arguments);
                for part in parts(arguments) {
                    assert!(answer.contains(&part), "{name}{}: {part} is not in {answer}", client.meta);
                }
            }
        }
    }
}

#[test]
fn any_json_passes_through_every_cell() {
    let proxy = all_in_one_piece();
    let clients: Vec<Raw> = SERVERS.iter().flat_map(|name| Raw::of_both_eras(&proxy, name)).collect();
    let config = Config { cases: 20, failure_persistence: None, ..Config::default() };
    let passes = TestRunner::new(config).run(&any_json(), |arguments| {
        for client in &clients {
            let answer = client.echo(&arguments);
            let missing = parts(&arguments).into_iter().find(|part| !answer.contains(part));
            prop_assert_eq!(missing, None, "at {}{}: {}", client.url, client.meta, answer);
        }
        Ok(())
    });
    passes.unwrap();
}

#[test]
fn a_megabyte_passes_through_every_cell() {
    let proxy = all();
    let text = "x".repeat(1_000_000);
    each_cell(&proxy, &json!({}), |_, client| {
        assert_eq!(client.text("echo", json!({ "text": text })).len(), text.len());
    });
}
