//! A child that prints what it should not: noise, answers to nothing, lines that are too long.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

fn count(proxy: &Proxy, text: &str) -> usize {
    proxy.log().iter().filter(|line| line.contains(text)).count()
}

#[test]
fn noise_is_skipped_and_each_kind_is_logged_once() {
    let proxy = proxy(Fake::stdio().env("FAKE_NOISE_AT_START", "1"));
    let client = proxy.client("a");
    assert_eq!(client.text("noise", json!({"lines": 500})), "done");
    for line in
        ["", "   ", "{\"level\":\"info\"}", "[]", "17", "\"text\"", "{\"jsonrpc\":\"2.0\"}", "{\"a\":"]
    {
        print(&client, line);
    }
    assert_eq!(client.text("echo", json!({"text": "unharmed"})), "unharmed");
    assert_eq!(count(&proxy, "prints text that is not JSON on stdout"), 1);
    assert_eq!(count(&proxy, "prints JSON that is no JSON-RPC message on stdout"), 1);
    assert_eq!(count(&proxy, "blank"), 0);
}

#[test]
fn bytes_that_are_not_utf8_are_skipped() {
    let site = Site::new();
    let rest = "printf '\\377\\376\\n'\nread line\nread call\necho '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"fine\"}'\ncat >/dev/null";
    site.write(
        "servers/a/server.toml",
        &script(r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#, rest),
    );
    let proxy = site.start();
    let client = proxy.client("a");
    assert_eq!(client.request("tools/list", json!({})), Ok(json!("fine")));
    proxy.wait_log(|line| line.contains("not UTF-8"));
}

#[test]
fn answers_that_nobody_waits_for_are_dropped() {
    let proxy = streaming();
    let client = proxy.client("a");
    let call = hang(&client);
    let number = id_at_child(&client, "hang");
    let answered = id_at_child(&client, "received");
    for id in
        [json!(0), json!(999_999), answered, json!(number.to_string()), json!(-1), json!(1.5), json!(null)]
    {
        print(&client, &json!({"jsonrpc": "2.0", "id": id, "result": "wrong"}).to_string());
    }
    for text in ["right", "again"] {
        print(&client, &json!({"jsonrpc": "2.0", "id": number, "result": text}).to_string());
    }
    assert_eq!(call.next_message().1["result"], "right");
    call.wait_end();
}

#[test]
fn an_answer_that_is_too_long_fails_its_own_call_only() {
    let proxy = Site::new()
        .fake("a", Fake::stdio().toml("stream_after_ms = 0"))
        .config("[limits]\nmax_message_bytes = 100000\n")
        .start();
    let (client, other) = (proxy.client("a"), proxy.client("a"));
    let bystander = hang(&other);
    let error = client.try_call("big", json!({"bytes": 200_000})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("too-large")));
    assert!(error["message"].as_str().unwrap().contains("max_message_bytes = 100000"), "{error}");
    assert_eq!(client.text("big", json!({"bytes": 99_000})).len(), 99_000);
    let number = id_at_child(&client, "hang");
    print(&client, &json!({"jsonrpc": "2.0", "id": number, "result": "unharmed"}).to_string());
    assert_eq!(bystander.next_message().1["result"], "unharmed");
}

/// Ids of the child's own requests are not ids of calls, however alike they look.
#[test]
fn a_question_that_is_too_long_fails_no_call_but_is_refused() {
    let proxy = Site::new()
        .fake("a", Fake::stdio().toml("stream_after_ms = 0"))
        .config("[limits]\nmax_message_bytes = 1000\n")
        .start();
    let client = proxy.client_with("a").capabilities(json!({"sampling": {}})).connect();
    let bystander = hang(&client);
    let ask = |text: &str| client.call_message("ask", json!({"text": text, "kind": "sampling"}));
    // The child counts its questions from 0, so the second has the id of our first call.
    let first = client.stream(&ask("short"));
    let (_, question) = first.next_message();
    client.answer(&question["id"], json!({}));
    let long = client.post(&ask(&"x".repeat(870))).messages();
    let told = long.last().unwrap()["result"]["content"][0]["text"].to_string();
    assert!(told.contains("max_message_bytes"), "{long:?}");
    print(&client, r#"{"jsonrpc":"2.0","id":1,"result":"unharmed"}"#);
    assert_eq!(bystander.next_message().1["result"], "unharmed");
}

#[test]
fn a_line_without_end_fills_no_memory() {
    let proxy = proxy(Fake::stdio().env("FAKE_FLOOD", "100000000"));
    let client = proxy.client("a");
    assert_eq!(client.text("echo", json!({"text": "dry"})), "dry");
    proxy.wait_log(|line| line.contains("100000000 bytes"));
    let peak = peak_memory(&proxy);
    assert!(peak < 60_000_000, "{peak} bytes");
}
