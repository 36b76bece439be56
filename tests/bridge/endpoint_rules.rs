//! Which HTTP status each request to the endpoint gets.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

/// The client's headers with one of them replaced, added, or (without a value) left out.
fn with<'h>(client: &'h Client, name: &'h str, value: Option<&'h str>) -> Vec<(&'h str, &'h str)> {
    let mut headers = client.headers();
    headers.retain(|(own, _)| *own != name);
    headers.extend(value.map(|value| (name, value)));
    headers
}

const PING: &[u8] = br#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;

#[test]
fn each_header_must_say_what_the_specification_asks() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    for (name, value, status) in [
        ("Mcp-Session-Id", None, 400),
        ("Mcp-Session-Id", Some(""), 404),
        ("Mcp-Session-Id", Some("00000000000000000000000000000000"), 404),
        ("Mcp-Session-Id", Some("\u{e9}"), 404),
        ("Accept", Some("application/json"), 406),
        ("Accept", Some("text/event-stream"), 406),
        ("Accept", Some("text/html"), 406),
        ("Accept", Some("*/*"), 200),
        ("Accept", Some("text/event-stream;q=0.5, application/json; charset=utf-8"), 200),
        ("Accept", None, 200),
        ("Content-Type", None, 415),
        ("Content-Type", Some("text/plain"), 415),
        ("Content-Type", Some("application/jsonp"), 415),
        ("Content-Type", Some("Application/JSON; charset=UTF-8"), 200),
        ("MCP-Protocol-Version", None, 200),
        ("MCP-Protocol-Version", Some("2025-03-26"), 200),
        ("MCP-Protocol-Version", Some("1999-01-01"), 400),
        ("MCP-Protocol-Version", Some("latest"), 400),
        ("MCP-Protocol-Version", Some(""), 400),
        ("Mcp-Method", Some("something else"), 200),
        ("X-Unknown", Some("1"), 200),
    ] {
        let response = request("POST", &proxy.url("a"), &with(&client, name, value), PING);
        assert_eq!(response.status, status, "{name}: {value:?} got {response:?}");
        let kind = response.header("content-type");
        assert_eq!(kind, Some("application/json"), "{name}: {value:?}");
        assert_eq!(response.json().get("error").is_some(), status != 200, "{name}: {value:?}");
    }
}

#[test]
fn a_stream_needs_a_session_and_the_right_accept() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    for (name, value, status) in [
        ("Mcp-Session-Id", None, 400),
        ("Mcp-Session-Id", Some("unknown"), 404),
        ("Accept", Some("application/json"), 406),
        ("MCP-Protocol-Version", Some("1999-01-01"), 400),
    ] {
        let response = request("GET", &proxy.url("a"), &with(&client, name, value), b"");
        assert_eq!(response.status, status, "{name}: {value:?} got {response:?}");
    }
    let head = client.listen().head.headers.clone();
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert!(head.contains(&(name.to_string(), value.to_string())), "{head:?}");
    }
}

#[test]
fn a_delete_needs_a_session() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let delete =
        |value| request("DELETE", &proxy.url("a"), &with(&client, "Mcp-Session-Id", value), b"").status;
    assert_eq!([delete(None), delete(Some("unknown"))], [400, 404]);
    assert_eq!(client.end().status, 200);
}

#[test]
fn other_methods_are_not_allowed_and_options_says_which_are() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    for method in ["PUT", "PATCH", "TRACE", "FOO"] {
        let response = request(method, &proxy.url("a"), &client.headers(), b"");
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, POST, DELETE, OPTIONS"), "{method}");
    }
    let options = request("OPTIONS", &proxy.url("a"), &[], b"");
    assert_eq!((options.status, options.body.len()), (204, 0));
    assert_eq!(options.header("allow"), Some("GET, POST, DELETE, OPTIONS"));
}

#[test]
fn all_three_paths_are_the_endpoint() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    for path in ["a", "a/", "a/mcp", "a?x=y"] {
        assert_eq!(request("POST", &proxy.url(path), &client.headers(), PING).status, 200, "{path}");
    }
    for path in ["a/other", "b", "A", "a/mcp/more"] {
        assert_eq!(request("POST", &proxy.url(path), &client.headers(), PING).status, 404, "{path}");
    }
}

#[test]
fn notifications_and_answers_are_accepted_without_a_body() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    for message in [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "method": "notifications/no-such"}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": ""}}),
    ] {
        let response = client.post(&message);
        assert_eq!((response.status, response.body.len()), (202, 0), "{message}");
    }
}

/// What makes clients that speak both eras begin again with `initialize`.
#[test]
fn an_unknown_method_is_the_childs_to_refuse() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    assert_eq!(client.request("no/such", json!({})).unwrap_err()["code"], -32601);
    assert_eq!(client.try_call("no such tool", json!({})).unwrap_err()["code"], -32602);
}
