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

/// Some servers ask before they answer `initialize`, or right after it, and wait for what they are told.
#[test]
fn what_the_child_asks_early_is_answered() {
    let site = Site::new();
    let child = r#"read line
        echo '{"jsonrpc":"2.0","id":7,"method":"ping"}'
        read pong; echo "told $pong" >&2
        echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}'
        echo '{"jsonrpc":"2.0","id":8,"method":"roots/list"}'
        while read line; do echo "told $line" >&2; done"#;
    site.write("servers/a/server.toml", &format!("command = \"sh\"\nargs = [\"-c\", \'\'\'{child}\'\'\']\n"));
    let proxy = site.start();
    proxy.wait_log(|line| line.contains(r#"told {"jsonrpc":"2.0","id":7,"result":{}}"#));
    proxy.wait_log(|line| line.contains(r#"told {"jsonrpc":"2.0","id":8,"error":"#));
    proxy.client("a");
}

#[test]
fn tasks_are_nobodys() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let error = client.request("tasks/list", json!({})).unwrap_err();
    assert_eq!(error["code"], -32601);
    assert!(at_child(&client, "tasks/list").is_empty());
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
