//! How long a call may take, how many there may be, and when its answer becomes a stream.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn a_call_has_a_deadline_whatever_it_does() {
    let proxy = proxy(Fake::stdio().toml("call_timeout_seconds = 1"));
    let (client, observer) = (proxy.client("a"), proxy.client("a"));
    let lively = client.progress_message("progress", json!({"steps": 100, "ms": 100}), json!(1));
    let calls = [hang(&client), client.stream(&lively)];
    for (call, tool) in calls.iter().zip(["hang", "progress"]) {
        let (_, end) = call.wait_message(|message| message.get("error").is_some());
        assert_eq!(end["error"]["code"], -32603);
        assert_eq!(
            (&end["error"]["data"]["server"], &end["error"]["data"]["reason"]),
            (&json!("a"), &json!("timeout"))
        );
        assert!(end["error"]["message"].as_str().unwrap().contains("call_timeout_seconds = 1"), "{end}");
        call.wait_end();
        let number = id_at_child(&observer, tool);
        assert!(cancelled_at_child(&observer).contains(&number), "{tool}");
    }
    assert_eq!(entry(&proxy, "a")["in_flight"], 0);
}

#[test]
fn silence_ends_a_call_and_progress_keeps_it_alive() {
    let proxy = proxy(Fake::stdio().toml("call_idle_seconds = 1"));
    let client = proxy.client("a");
    let lively = client.progress_message("progress", json!({"steps": 5, "ms": 400}), json!(1));
    let (silent, lively) = (hang(&client), client.stream(&lively));
    let (_, end) = silent.next_message();
    assert!(end["error"]["message"].as_str().unwrap().contains("call_idle_seconds = 1"), "{end}");
    assert_eq!(cancelled_at_child(&client), [id_at_child(&client, "hang")]);
    let (_, end) = lively.wait_message(|message| message.get("method").is_none());
    assert_eq!(end["result"]["content"][0]["text"], "done", "2 s in all, never silent for 1 s");
}

#[test]
fn a_deadline_before_the_stream_is_an_error_too() {
    let proxy = proxy(Fake::stdio().toml("call_timeout_seconds = 1").toml("stream_after_ms = 60000"));
    let client = proxy.client("a");
    let error = client.try_call("hang", json!({})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("timeout")));
}

#[test]
fn a_server_has_so_many_calls_in_flight() {
    let proxy = Site::new()
        .fake("a", Fake::stdio().toml("stream_after_ms = 0"))
        .config("[limits]\nmax_calls = 2\n")
        .start();
    let (client, other, third) = (proxy.client("a"), proxy.client("a"), proxy.client("a"));
    let message = client.call_message("hang", json!({}));
    let (first, _second) = (client.stream(&message), hang(&other));
    for client in [&client, &other, &third] {
        let error = client.try_call("pid", json!({})).unwrap_err();
        assert_eq!(error["code"], -32603);
        assert!(error["message"].as_str().unwrap().contains("max_calls"), "{error}");
        assert_eq!(error["data"]["server"], "a");
    }
    cancel(&client, &message["id"]);
    assert_eq!(failure(&first)["reason"], "cancelled");
    assert!(other.try_call("pid", json!({})).is_err(), "one session may not take the other half too");
    assert_eq!(third.text("echo", json!({"text": "room again"})), "room again");
}

#[test]
fn only_what_takes_long_or_is_preceded_becomes_a_stream() {
    let proxy = Site::new()
        .fake("slow", Fake::stdio().toml("stream_after_ms = 60000"))
        .fake("fast", Fake::stdio().toml("stream_after_ms = 50"))
        .start();
    let (patient, hasty) = (proxy.client("slow"), proxy.client("fast"));
    let sleep = |client: &Client, ms: u64| client.post(&client.call_message("sleep", json!({ "ms": ms })));
    assert!(!sleep(&patient, 200).is_stream());
    assert!(sleep(&hasty, 200).is_stream());
    let progress = patient.progress_message("progress", json!({"steps": 1, "ms": 0}), json!(1));
    assert!(patient.post(&progress).is_stream(), "something precedes the answer");
}
