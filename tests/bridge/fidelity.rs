//! Nothing is altered: what a client sends reaches the child byte for byte, and back.

use crate::harness::*;
use crate::rig::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

/// A call of `args`, and the answer that has to come if nothing is altered.
fn exchange(arguments: &str) -> (String, String) {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"args","arguments":{arguments}}}}}"#
    );
    let text = json!(arguments);
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{arguments}}}}}"#
    );
    (call, answer)
}

#[test]
fn odd_json_comes_back_as_it_was() {
    let proxy = proxy(Fake::stdio().toml("stream_after_ms = 60000"));
    let client = proxy.client("a");
    for arguments in ODD {
        let (call, answer) = exchange(arguments);
        assert_eq!(client.post_bytes(call.as_bytes()).text(), answer);
    }
}

#[test]
fn odd_json_survives_a_stream() {
    let proxy = streaming();
    let client = proxy.client("a");
    for result in ODD {
        let call = stream_of(&proxy, &client, &hang_text("1", ""));
        let number = id_at_child(&client, "hang");
        print(&client, &format!(r#"{{"jsonrpc":"2.0","id":{number},"result":{result}}}"#));
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        assert_eq!(call.next_data(), answer);
    }
}

#[test]
fn any_json_comes_back_as_it_was() {
    let proxy = proxy(Fake::stdio().toml("stream_after_ms = 60000"));
    let client = proxy.client("a");
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&any_json(), |arguments| {
        let (call, answer) = exchange(&arguments);
        prop_assert_eq!(client.post_bytes(call.as_bytes()).text(), answer);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn the_child_gets_the_message_as_it_was_but_for_ids() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let body = r#"{ "params": {"x":1e400,"_meta" : {"a":"\u0061","progressToken":"mine","z":-0}, "name":"pid"} ,"unknown":[1.0], "method":"tools\/call","id" :"x" , "jsonrpc":"2.0"}"#;
    assert_eq!(client.post_bytes(body.as_bytes()).status, 200);
    let lines = lines_at_child(&client);
    let line = lines.iter().find(|line| line.contains("unknown")).unwrap();
    let number: u64 = line.split("\"id\" :").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let expected =
        body.replace("\"mine\"", &number.to_string()).replace("\"id\" :\"x\"", &format!("\"id\" :{number}"));
    assert_eq!(*line, expected);
}

#[test]
fn line_ends_between_tokens_become_spaces_and_nothing_else_does() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let body = "\r\n{\r\n\t\"jsonrpc\": \"2.0\",\n  \"id\": 1,\n\"method\": \"tools/call\",\n\"params\": {\n\"name\": \"args\",\r\"arguments\": {\n  \"s\": \"a\\nb\\r\"\r\n}\n}\n}\n";
    let structured = client.post_bytes(body.as_bytes()).text();
    assert!(structured.contains(r#""structuredContent":{   "s": "a\nb\r"  }"#), "{structured}");
    let lines = lines_at_child(&client);
    let line = lines.iter().find(|line| line.contains("\"args\"")).unwrap();
    assert!(line.starts_with("  {  \t\"jsonrpc\": \"2.0\",   \"id\": "), "{line}");
}

#[test]
fn notifications_of_both_sides_pass_as_they_are() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let ours =
        r#"{"jsonrpc":"2.0", "method":"notifications/odd","params":{"n":1e400,"n":[1.0]},"x":"\u0061"}"#;
    assert_eq!(client.post_bytes(ours.as_bytes()).status, 202);
    assert!(lines_at_child(&client).contains(&ours.to_string()));
    let stream = client.listen();
    let theirs = r#"{"method" : "notifications/tools/list_changed","x":[1e400,"\ud800"],  "jsonrpc":"2.0"}"#;
    print(&client, theirs);
    assert_eq!(stream.next_data(), theirs);
}

#[test]
fn errors_of_the_child_pass_as_they_are() {
    let proxy = streaming();
    let client = proxy.client("a");
    let call = stream_of(&proxy, &client, &hang_text("\"é\"", ""));
    let rest = r#""error":{"code":-32000.0,"message":"\u0000","data":{"a":1e400}},"x":1}"#;
    print(&client, &format!(r#"{{"jsonrpc":"2.0","id":{},{rest}"#, id_at_child(&client, "hang")));
    assert_eq!(call.next_data(), format!(r#"{{"jsonrpc":"2.0","id":"é",{rest}"#));
}

#[test]
fn ten_megabytes_pass_both_ways() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let text = "x\u{200d}é\\".repeat(10_000_000 / 7);
    assert!(client.text("echo", json!({ "text": text })) == text, "10 MB were altered");
}
