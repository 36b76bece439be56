//! `logging/setLevel` and `notifications/message`: a level for each session, and never another session's messages.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

#[track_caller]
fn set_level(client: &Client, level: &str) {
    assert_eq!(client.request("logging/setLevel", json!({ "level": level })), Ok(json!({})));
}

#[track_caller]
fn level_at_child(client: &Client) -> Value {
    client.json("state", json!({}))["level"].clone()
}

/// The log messages that come with a call during which the child logs one.
#[track_caller]
fn logged(client: &Client, level: &str) -> Vec<Value> {
    let response = client.post(&client.call_message("log", json!({"level": level, "text": "hear"})));
    let mut messages = response.messages();
    let answer = messages.pop().unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "done", "the answer comes last");
    messages
}

#[test]
fn the_child_gets_the_most_verbose_level_of_all() {
    let proxy = proxy(Fake::stdio());
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    for (client, level, at_child) in [
        (&one, "warning", "warning"),
        (&two, "error", "warning"),
        (&two, "info", "info"),
        (&one, "emergency", "info"),
        (&one, "debug", "debug"),
        (&one, "alert", "info"),
        (&two, "critical", "critical"),
    ] {
        set_level(client, level);
        assert_eq!(level_at_child(client), at_child, "after {level}");
    }
}

#[test]
fn a_message_comes_with_the_call_if_its_session_wants_that_level() {
    let proxy = proxy(Fake::stdio());
    let (quiet, loud) = (proxy.client("a"), proxy.client("a"));
    set_level(&loud, "debug");
    set_level(&quiet, "error");
    for (client, level, count) in [
        (&loud, "debug", 1),
        (&loud, "error", 1),
        (&quiet, "warning", 0),
        (&quiet, "error", 1),
        (&quiet, "alert", 1),
    ] {
        let messages = logged(client, level);
        assert_eq!(messages.len(), count, "{level}: {messages:?}");
        for message in messages {
            assert_eq!(message["params"], json!({"level": level, "logger": "fake", "data": "hear"}));
        }
    }
}

#[test]
fn a_message_that_may_belong_to_two_sessions_goes_to_none() {
    let proxy = streaming();
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    let get = one.listen();
    set_level(&one, "debug");
    set_level(&two, "debug");
    let message = one.call_message("hang", json!({}));
    let call = one.stream(&message);
    assert!(logged(&two, "error").is_empty());
    cancel(&one, &message["id"]);
    assert_eq!(failure(&call)["reason"], "cancelled", "nothing came before");
    answer_late(&two);
    assert_eq!(logged(&two, "error").len(), 1, "now there is one session it can be meant for");
    list_changed(&two, "tools");
    assert_list_changed(&get, "tools");
}

#[test]
fn a_message_during_two_calls_of_one_session_comes_once() {
    let proxy = streaming();
    let client = proxy.client("a");
    set_level(&client, "debug");
    let message = client.call_message("hang", json!({}));
    let call = client.stream(&message);
    let here = logged(&client, "info").len();
    cancel(&client, &message["id"]);
    let there = usize::from(call.next_message().1["method"] == "notifications/message");
    assert_eq!(here + there, 1);
}

#[test]
fn a_level_that_is_none_or_a_child_without_logging_is_an_error() {
    let proxy =
        Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio().env("FAKE_NO_LOGGING", "1")).start();
    let mute = proxy.client("b");
    assert_eq!(mute.request("logging/setLevel", json!({"level": "debug"})).unwrap_err()["code"], -32601);
    assert_eq!(mute.request("logging/setLevel", json!({"level": "debug"})).unwrap_err()["code"], -32601);
    let client = proxy.client("a");
    set_level(&client, "info");
    for odd in [json!({"level": "loud"}), json!({"level": 3}), json!({})] {
        assert_eq!(client.request("logging/setLevel", odd).unwrap_err()["code"], -32602);
    }
    assert_eq!(level_at_child(&client), "info");
    assert_eq!(logged(&client, "debug").len(), 0, "the level that was set stays");
}
