//! Sessions: begun by `initialize`, ended by DELETE, kept apart from each other on one child.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn two_handshakes_make_two_sessions() {
    let proxy = proxy(Fake::stdio());
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    assert_ne!(one.session(), two.session());
    for client in [&one, &two] {
        assert!(client.session().bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", client.session());
        assert!(client.session().len() >= 16);
    }
    assert_eq!(child_pid(&one), child_pid(&two));
    assert_eq!(entry(&proxy, "a")["sessions"], 2);
}

#[test]
fn initialize_within_a_session_begins_another() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let again = client.post(&client.message("initialize", json!({"protocolVersion": "2025-06-18"})));
    let second = again.header("mcp-session-id").unwrap();
    assert_ne!(second, client.session());
    assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
}

#[test]
fn a_session_that_was_ended_is_not_known_any_more() {
    let proxy = proxy(Fake::stdio());
    let (gone, other) = (proxy.client("a"), proxy.client("a"));
    assert_eq!(gone.end().status, 200);
    let ping = gone.post(&gone.message("ping", json!({})));
    assert_eq!((ping.status, &ping.json()["error"]["code"]), (404, &json!(-32001)));
    assert_eq!(gone.end().status, 404);
    assert_eq!(request("GET", &proxy.url("a"), &gone.headers(), b"").status, 404);
    assert_eq!(other.text("echo", json!({"text": "still here"})), "still here");
}

#[test]
fn the_end_of_a_session_ends_its_calls_and_its_stream() {
    let proxy = streaming();
    let (gone, other) = (proxy.client("a"), proxy.client("a"));
    let (stream, call, others) = (gone.listen(), hang(&gone), hang(&other));
    let id = id_at_child(&other, "hang");
    gone.end();
    assert_eq!(failure(&call)["reason"], "cancelled");
    stream.wait_end();
    let cancelled = cancelled_at_child(&other);
    assert_eq!(cancelled.len(), 1);
    assert_ne!(cancelled[0], id, "the other session's call goes on");
    drop(others);
}

#[test]
fn beyond_max_sessions_the_one_idle_longest_gives_its_place_away_until_it_comes_back() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[limits]\nmax_sessions = 2\n").start();
    let (first, second) = (proxy.client("a"), proxy.client("a"));
    first.call("pid", json!({}));
    let third = proxy.client("a");
    proxy.wait_log(|line| line.contains("gives its place away"));
    for client in [&second, &first, &third] {
        assert_eq!(client.post(&client.message("ping", json!({}))).status, 200);
    }
    assert_eq!(entry(&proxy, "a")["sessions"], 2);
}

#[test]
fn a_session_of_one_server_is_none_of_another() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let client = proxy.client("a");
    let ping = client.message("ping", json!({})).to_string();
    assert_eq!(request("POST", &proxy.url("b"), &client.headers(), ping.as_bytes()).status, 404);
}
