//! Ways round a filter that are none.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

const RULES: &str = "tools = { allow = ['echo', 'received'] }";

fn some(name: &str) -> Fake {
    fake(name).toml(RULES)
}

fn filtered() -> Proxy {
    SERVERS.iter().fold(Site::new(), |site, name| site.fake(name, some(name))).start()
}

/// What a client sends as bytes, in a legacy session: the answer, if it is one message.
#[track_caller]
fn post(client: &Client, body: &str) -> (u16, Value) {
    let response = client.post_bytes(body.as_bytes());
    (response.status, response.messages().pop().unwrap_or_default())
}

/// Whether any message that calls a hidden tool has reached the server, in whatever spelling.
#[track_caller]
fn assert_unheard(proxy: &Proxy, name: &str) {
    let client = &Anyone::of_both_eras(proxy, name, &json!({}))[0];
    let heard: Vec<String> = serde_json::from_str(&client.text("received", json!({}))).unwrap();
    let heard: Vec<&String> = heard.iter().filter(|line| line.contains("\"marked\"")).collect();
    assert!(heard.is_empty(), "{name} heard {heard:?}");
}

#[test]
fn a_name_in_disguise_is_the_name() {
    let proxy = filtered();
    for name in SERVERS {
        let client = proxy.client(name);
        for params in [
            r#""na\u006de":"pid""#,
            r#""name":"\u0070id""#,
            r#""name":"echo","name":"pid""#,
            r#""name":"pid","name":"echo""#,
            r#""name":"echo","n\u0061me":"pid""#,
            r#""name":"echo","Name":"pid""#,
            r#""name":["pid"]"#,
            r#""name":"\ud800""#,
            r#""_meta":{"name":"echo"},"name":"pid""#,
            r#""name":"pid","task":{"ttl":1000}"#,
            r#""names":"echo""#,
        ] {
            for method in ["tools/call", "tools\\/call", "\\u0074ools/call"] {
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"arguments":{{"x":"marked"}},{params}}}}}"#
                );
                let (status, answer) = post(&client, &body);
                assert_eq!(
                    (status, &answer["error"]["code"]),
                    (200, &json!(-32602)),
                    "{name} {body} {answer}"
                );
            }
        }
        assert_unheard(&proxy, name);
    }
}

/// There are parsers to which `Method` is `method`.
#[test]
fn an_envelope_that_can_be_read_in_two_ways_is_refused() {
    let proxy = filtered();
    for name in SERVERS {
        let client = proxy.client(name);
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"pid","x":"marked"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"paramſ":{"name":"pid","x":"marked"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"params":{"name":"pid","x":"marked"}}"#,
        ] {
            let (status, answer) = post(&client, body);
            assert!(
                answer["error"]["code"] == -32600 && matches!(status, 200 | 400),
                "{name} {status} {answer}"
            );
        }
        // Nobody waits for an answer to these.
        for body in [
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"pid","x":"marked"}}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{},"METHOD":"tools/call","params":{"name":"pid","x":"marked"}}"#,
        ] {
            client.post_bytes(body.as_bytes());
        }
        assert_unheard(&proxy, name);
    }
}

#[test]
fn a_modern_request_says_the_same_in_its_header_fields() {
    let proxy = filtered();
    for name in SERVERS {
        let client = Modern::new(&proxy.url(name));
        let echo = client.call_message("echo", json!({"text": "marked"}));
        let mut fields = client.headers(&echo);
        fields
            .iter_mut()
            .filter(|(name, _)| name.eq_ignore_ascii_case("mcp-name"))
            .for_each(|(_, it)| *it = "pid".into());
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
        let response = client.post_with(&echo, &fields);
        assert_eq!((response.status, &response.json()["error"]["code"]), (400, &json!(-32020)), "{name}");
        let hidden = client.call_message("pid", json!({"text": "marked"}));
        assert_eq!(client.post(&hidden).status, 200);
        // One that is taken for a legacy message by a careless reader.
        let mut fields = client.headers(&hidden);
        fields.retain(|(name, _)| !name.to_lowercase().starts_with("mcp-"));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
        assert_ne!(client.post_with(&hidden, &fields).status, 202);
        assert_unheard(&proxy, name);
    }
}

#[test]
fn the_parts_of_a_batch_are_messages() {
    let site = STDIO.iter().fold(Site::new(), |site, name| site.fake(name, some(name)));
    let proxy = site.fake("legacy-http", some("legacy-http")).start();
    let call = |id: u64, tool: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {"text": "marked"}}});
    let batch = json!([call(1, "echo"), call(2, "pid"), {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}]);
    for name in STDIO {
        let client = proxy.client_with(name).revision("2025-03-26").connect();
        let answers = client.post(&batch).messages();
        let of = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
        assert_eq!(of(1)["result"]["content"][0]["text"], "marked");
        assert_eq!(of(2)["error"]["message"], "Unknown tool: pid");
        assert_eq!(crate::shown::names(&of(3)["result"]), ["echo", "received"]);
    }
    let client = proxy.client_with("legacy-http").revision("2025-03-26").connect();
    let refused = client.post(&batch);
    assert_eq!((refused.status, &refused.json()["error"]["message"]), (400, &json!("Unknown tool: pid")));
    assert_unheard(&proxy, "legacy-http");
}

#[test]
fn a_task_is_a_call() {
    let tasks = some("legacy").env("FAKE_TASKS", "1").toml("instances = 'per-session'");
    let proxy = Site::new()
        .fake("tasks", tasks)
        .fake("tasks-http", some("legacy-http").env("FAKE_TASKS", "1"))
        .start();
    for name in ["tasks", "tasks-http"] {
        let client = proxy.client(name);
        let call = |tool: &str| client.request("tools/call", json!({"name": tool, "task": {"ttl": 1000}}));
        assert_eq!(call("echo").unwrap()["task"]["taskId"], "echo");
        assert_eq!(call("pid").unwrap_err()["code"], -32602);
    }
}

#[test]
fn only_messages_in_plain_json_reach_an_http_server() {
    let proxy = filtered();
    let session = proxy.client("legacy-http");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pid","x":"marked"}}"#;
    let send = |method: &str, path: &str, fields: &[(&str, &str)], body: &str| {
        let named =
            [("Mcp-Session-Id", session.session()), ("Accept", "application/json, text/event-stream")];
        request(method, &proxy.url(path), &[&named, fields].concat(), body.as_bytes()).status
    };
    let json = ("Content-Type", "application/json");
    assert_eq!(send("POST", "legacy-http", &[("Content-Type", "text/plain")], call), 415);
    assert_eq!(send("POST", "legacy-http", &[], call), 415);
    assert_eq!(send("POST", "legacy-http", &[json, ("Content-Encoding", "gzip")], call), 415);
    assert_eq!(send("PUT", "legacy-http", &[json], call), 405);
    assert_eq!(send("PATCH", "legacy-http", &[json], call), 405);
    assert_eq!(send("GET", "legacy-http", &[json], call), 400);
    assert_eq!(send("POST", "legacy-http", &[json], &format!("\u{feff}{call}")), 400);
    assert_eq!(send("POST", "legacy-http/mcp2", &[json], call), 403);
    assert_eq!(send("GET", "legacy-http/other", &[], ""), 403);
    // In UTF-7 this calls another tool.
    let disguised =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","+AG4AYQBtAGU-":"pid"}}"#;
    assert_eq!(
        send("POST", "legacy-http", &[("Content-Type", "application/json; charset=utf-7")], disguised),
        200
    );
    assert_unheard(&proxy, "legacy-http");
}

#[test]
fn a_server_without_rules_is_forwarded_to_as_before() {
    let proxy = only("legacy-http");
    let response = request("GET", &proxy.url("legacy-http/other"), &[], b"");
    assert_eq!(response.status, 200, "{response:?}");
}
