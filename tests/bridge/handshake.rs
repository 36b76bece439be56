//! `initialize`: what each session is told, from the one result that the shared child gave.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn each_client_gets_its_own_revision() {
    let proxy = proxy(Fake::stdio());
    for (wanted, given) in [
        ("2024-10-07", "2024-10-07"),
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2999-01-01", "2025-11-25"),
        ("1.0", "2025-11-25"),
    ] {
        let client = proxy.client_with("a").revision(wanted).connect();
        assert_eq!(client.server["protocolVersion"], given, "wanted {wanted}");
        assert_eq!(client.text("echo", json!({"text": wanted})), wanted);
    }
}

#[test]
fn an_older_child_sets_the_revision() {
    let proxy = proxy(Fake::stdio().env("FAKE_REVISION", "2025-03-26"));
    for (wanted, given) in [("2025-11-25", "2025-03-26"), ("2024-11-05", "2024-11-05")] {
        let client = proxy.client_with("a").revision(wanted).connect();
        assert_eq!(client.server["protocolVersion"], given, "wanted {wanted}");
    }
}

#[test]
fn the_childs_result_passes_but_for_tasks() {
    let site = Site::new();
    let result = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"x":1.0},"tasks":{}},"y":1e2,"\ud800":[],"serverInfo":{"name":"sh","version":"1"}}"#;
    site.write("servers/a/server.toml", &script(result, "cat >/dev/null"));
    let proxy = site.start();
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let response = request("POST", &proxy.url("a"), &headers, message.to_string().as_bytes());
    let expected = result.replace("2025-11-25", "2025-06-18").replace(r#","tasks":{}"#, "");
    assert_eq!(response.text(), format!(r#"{{"jsonrpc":"2.0","id":0,"result":{expected}}}"#));
}

#[test]
fn the_child_is_initialised_once_and_told_what_clients_can_be_asked() {
    let proxy = proxy(Fake::stdio());
    let (first, _second) = (proxy.client("a"), proxy.client("a"));
    assert_eq!(first.text("initializes", json!({})), "1");
    assert_eq!(at_child(&first, "notifications/initialized").len(), 1);
    let told = first.json("state", json!({}))["client"].clone();
    assert_eq!(told["protocolVersion"], "2025-11-25");
    assert_eq!(told["capabilities"], json!({"sampling": {}, "elicitation": {"form": {}, "url": {}}}));
}
