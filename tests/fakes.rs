//! The harness and the fake HTTP server against each other: what the other tests stand on has to hold by itself.

mod harness;

use harness::*;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_session_lives_from_initialize_to_delete() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    assert_eq!(client.text("echo", json!({"text": "é\"\\"})), "é\"\\");
    assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
    assert_eq!(client.end().status, 200);
    assert_eq!(client.post(&client.message("ping", json!({}))).status, 404);
}

#[test]
fn events_are_seen_when_they_come() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    let stream =
        client.stream(&client.progress_message("stream", json!({"steps": 2, "ms": 150}), json!("t")));
    let (first, message) = stream.next_message();
    assert_eq!(message["params"]["progressToken"], "t");
    let (second, _) = stream.next_message();
    assert!(second - first > Duration::from_millis(100), "{:?}", second - first);
    let (_, result) = stream.next_message();
    assert_eq!(result["result"]["content"][0]["text"], "done");
    stream.wait_end();
}

#[test]
fn a_dropped_stream_is_a_closed_connection() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    drop(client.stream(&client.call_message("hang", json!({}))));
    eventually(DEADLINE, || client.text("closed", json!({})) == "1");
}

#[test]
fn a_get_stream_carries_notifications() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    let stream = client.listen();
    let notify = json!({"method": "notifications/tools/list_changed"});
    eventually(DEADLINE, || client.text("notify", notify.clone()) == "1");
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
}

#[test]
fn any_other_path_shows_the_request_it_got() {
    let fake = FakeHttp::start();
    let url = fake.url.replace("/mcp", "/a%20b?c=d");
    let seen = request("PUT", &url, &[("X-One", "1")], b"body").json();
    assert_eq!(seen["path"], "/a%20b");
    assert_eq!(seen["query"], "c=d");
    assert_eq!(seen["body"], "body");
    assert!(seen["headers"].as_array().unwrap().contains(&json!(["x-one", "1"])));
    let answer = raw(&url, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}
