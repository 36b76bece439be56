//! Streams that survive networks: events have ids, and a client that comes back with the last one gets the rest
//! (2025-11-25, transports, Resumability and Redelivery).

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};
use std::time::Duration;

/// The next event that has a message, with its id.
#[track_caller]
fn next(stream: &Stream) -> (String, Value) {
    loop {
        let (_, event) = stream.next_event();
        if let Some(data) = event.data.filter(|data| !data.is_empty()) {
            return (event.id.expect("an id"), serde_json::from_str(&data).unwrap());
        }
    }
}

/// Comes back until the stream has the answer to this request; returns it and how often that was.
#[track_caller]
fn resume_until_answered(client: &Client, mut last: String, id: &Value) -> (Value, usize) {
    for times in 1..100 {
        let stream = client.resume(Some(&last));
        while let Some(event) = stream.event_or_end() {
            last = event.id.unwrap_or(last);
            let message = event.data.and_then(|data| serde_json::from_str::<Value>(&data).ok());
            if let Some(answer) = message.filter(|message| message["id"] == *id) {
                return (answer, times);
            }
        }
    }
    panic!("no answer to {id}")
}

#[test]
fn a_stream_begins_with_an_id_and_a_time_only_for_those_who_know() {
    let proxy = only("legacy");
    for (revision, primed) in [("2025-11-25", true), ("2025-06-18", false), ("2025-03-26", false)] {
        println!("{revision}");
        let client = proxy.client_with("legacy").revision(revision).connect();
        let stream = client.stream(&client.call_message("sleep", json!({"ms": 20})));
        let (_, first) = stream.next_event();
        assert_eq!(first.retry.as_deref(), primed.then_some("1000"));
        assert_eq!(first.id.is_some() && first.data.as_deref() == Some(""), primed, "{first:?}");
    }
}

#[test]
fn every_event_has_an_id_of_its_own() {
    let proxy = only("legacy");
    let client = proxy.client("legacy");
    let stream = client.stream(&client.progress_message("progress", json!({"steps": 3}), json!(0)));
    let mut ids: Vec<String> = (0..4).map(|_| next(&stream).0).collect();
    let other = client.stream(&client.call_message("sleep", json!({"ms": 20})));
    ids.push(next(&other).0);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_and_the_answer() {
    let proxy = all();
    for name in STDIO {
        println!("{name}");
        let client = proxy.client(name);
        let message = client.progress_message("progress", json!({"steps": 3, "ms": 50}), json!(0));
        let stream = client.stream(&message);
        let (last, first) = next(&stream);
        assert_eq!(first["params"]["progress"], 1);
        drop(stream);
        let resumed = client.resume(Some(&last));
        assert_eq!(next(&resumed).1["params"]["progress"], 2);
        assert_eq!(next(&resumed).1["params"]["progress"], 3);
        assert_eq!(next(&resumed).1["id"], message["id"]);
        resumed.wait_end();
    }
}

#[test]
fn an_answer_that_came_meanwhile_is_kept() {
    let proxy = only("legacy");
    let client = proxy.client("legacy");
    let message = client.call_message("sleep", json!({"ms": 100}));
    let stream = client.stream(&message);
    let primed = stream.next_event().1.id.expect("an id");
    drop(stream);
    eventually(DEADLINE, || entry(&proxy, "legacy")["in_flight"] == 0);
    let resumed = client.resume(Some(&primed));
    assert_eq!(next(&resumed).1["id"], message["id"]);
    resumed.wait_end();
}

#[test]
fn what_was_sent_and_lost_is_sent_again() {
    let proxy = only("legacy");
    let client = proxy.client("legacy");
    let stream = client.stream(&client.progress_message("progress", json!({"steps": 2}), json!(0)));
    let primed = stream.next_event().1.id.expect("an id");
    let sent: Vec<(String, Value)> = (0..3).map(|_| next(&stream)).collect();
    stream.wait_end();
    let resumed = client.resume(Some(&primed));
    assert_eq!((0..3).map(|_| next(&resumed)).collect::<Vec<_>>(), sent);
}

#[test]
fn a_get_stream_can_be_taken_up_again() {
    let proxy = only("legacy");
    let client = proxy.client("legacy");
    let changed = |what: &str| assert_eq!(client.text("list_changed", json!({ "what": what })), "done");
    let stream = client.listen();
    changed("tools");
    let (last, _) = next(&stream);
    changed("prompts");
    next(&stream);
    drop(stream);
    changed("resources");
    let resumed = client.resume(Some(&last));
    for what in ["prompts", "resources"] {
        assert_eq!(next(&resumed).1["method"], format!("notifications/{what}/list_changed"));
    }
}

#[test]
fn a_stream_may_be_closed_before_its_answer() {
    let hasty = fake("legacy").toml("stream_close_after_ms = 50").toml("retry_ms = 1");
    let proxy = Site::new().fake("legacy", hasty).start();
    let client = proxy.client("legacy");
    let message = client.call_message("sleep", json!({"ms": 300}));
    let stream = client.stream(&message);
    let (_, primed) = stream.next_event();
    assert_eq!(primed.retry.as_deref(), Some("1"));
    assert_eq!(stream.event_or_end().and_then(|event| event.data), None, "closed without an answer");
    let (answer, times) = resume_until_answered(&client, primed.id.expect("an id"), &message["id"]);
    assert_eq!(text_of(&answer["result"]), "slept");
    println!("came back {times} times");
}

#[test]
fn the_stream_of_another_session_is_nobodys() {
    let proxy = only("legacy");
    let (client, other) = (proxy.client("legacy"), proxy.client("legacy"));
    let message = client.progress_message("progress", json!({"steps": 1, "ms": 20}), json!("secret"));
    let stream = client.stream(&message);
    let primed = stream.next_event().1.id.expect("an id");
    next(&stream);
    let mut headers = other.headers();
    headers.retain(|(name, _)| *name != "Accept");
    headers.extend([("Accept", "text/event-stream"), ("Last-Event-ID", &primed)]);
    if let Ok(stream) = Stream::try_open("GET", &proxy.url("legacy"), &headers, b"") {
        // Nothing of it, but that there is no such stream here.
        let told = stream.messages_within(Duration::from_millis(200));
        let reasons: Vec<&Value> = told.iter().map(|message| &message["error"]["data"]["reason"]).collect();
        assert_eq!(reasons, ["lost"], "{told:?}");
    }
}

#[test]
fn a_client_that_is_away_too_often_loses_its_oldest_stream() {
    let hasty = fake("legacy").toml("stream_close_after_ms = 1");
    let proxy = Site::new().fake("legacy", hasty).start();
    let client = proxy.client("legacy");
    let calls: Vec<(Value, String)> = (0..17)
        .map(|_| {
            let message = client.call_message("hang", json!({}));
            let stream = client.stream(&message);
            let primed = stream.next_event().1.id.expect("an id");
            stream.wait_end();
            (message["id"].clone(), primed)
        })
        .collect();
    client.resume(Some(&calls[0].1)).wait_end();
    let resumed = client.resume(Some(&calls[1].1));
    client.notify("notifications/cancelled", json!({"requestId": calls[1].0}));
    assert_eq!(next(&resumed).1["id"], calls[1].0);
}
