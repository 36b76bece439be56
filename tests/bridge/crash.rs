//! The child dies: calls in flight fail at once and say why, sessions go on.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn every_call_in_flight_fails_at_once() {
    let proxy = streaming();
    let clients = [proxy.client("a"), proxy.client("a"), proxy.client("a")];
    let calls: Vec<Stream> = clients.iter().flat_map(|client| [hang(client), hang(client)]).collect();
    let pid = child_pid(&clients[0]);
    let death = Instant::now();
    kill(pid);
    let mut slowest = Duration::ZERO;
    for call in &calls {
        let (at, message) = call.next_message();
        slowest = slowest.max(at - death);
        let (error, data) = (&message["error"], &message["error"]["data"]);
        assert_eq!(error["code"], -32603, "{message}");
        assert_eq!((&data["server"], &data["signal"]), (&json!("a"), &json!(9)));
        assert_eq!(data["reason"], "signalled(9)");
        assert!(data["stderr"].is_array() && data.get("exit_code").is_none(), "{data}");
        call.wait_end();
    }
    println!("{} calls failed within {slowest:?} of the child's death", calls.len());
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
fn the_error_carries_the_exit_code_and_the_last_words() {
    let proxy = proxy(Fake::stdio().toml("stream_after_ms = 60000"));
    let client = proxy.client("a");
    client.text("stderr", json!({"text": "it hurts", "lines": 3}));
    let message = client.call_message("crash", json!({"code": 3}));
    let response = client.post(&message);
    assert_eq!((response.status, response.is_stream()), (200, false));
    let answer = response.json();
    assert_eq!(answer["id"], message["id"]);
    let data = &answer["error"]["data"];
    assert_eq!((&data["reason"], &data["exit_code"]), (&json!("exited(3)"), &json!(3)));
    let stderr = ["it hurts", "it hurts", "it hurts", "fake: told to crash"];
    assert_eq!(data["stderr"], json!(stderr));
}

#[test]
fn a_session_outlives_the_child() {
    let proxy = proxy(Fake::stdio().env("FAKE_START_DELAY_MS", "300"));
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    let stream = two.listen();
    let old = child_pid(&one);
    assert_eq!(one.request("resources/subscribe", json!({"uri": "test://x"})), Ok(json!({})));
    assert_eq!(two.request("resources/subscribe", json!({"uri": "test://y"})), Ok(json!({})));
    assert_eq!(two.request("logging/setLevel", json!({"level": "notice"})), Ok(json!({})));
    one.try_call("abort", json!({})).unwrap_err();
    assert_ne!(child_pid(&one), old, "the call waited for the new child");
    let state = one.json("state", json!({}));
    assert_eq!(
        (&state["level"], &state["subscriptions"]),
        (&json!("notice"), &json!(["test://x", "test://y"]))
    );
    assert_eq!(one.text("initializes", json!({})), "1");
    assert_eq!(one.text("touch", json!({"uri": "test://y"})), "sent");
    assert_eq!(stream.next_message().1["params"]["uri"], "test://y");
    assert_eq!(entry(&proxy, "a")["restarts"], 1);
}

#[test]
fn the_subscriptions_of_a_session_that_ended_are_not_replayed() {
    let proxy = proxy(Fake::stdio());
    let (gone, client) = (proxy.client("a"), proxy.client("a"));
    assert_eq!(gone.request("resources/subscribe", json!({"uri": "test://x"})), Ok(json!({})));
    gone.end();
    client.try_call("crash", json!({})).unwrap_err();
    assert_eq!(client.json("state", json!({}))["subscriptions"], json!([]));
}

#[test]
fn an_answer_to_a_dead_childs_question_does_not_reach_the_next() {
    let proxy = streaming();
    let client = proxy.client_with("a").capabilities(json!({"sampling": {}})).connect();
    let call = client.stream(&client.call_message("ask", json!({"kind": "sampling"})));
    let (_, question) = call.next_message();
    kill(child_pid(&client));
    assert_eq!(failure(&call)["signal"], 9);
    client.answer(&question["id"], json!("for the dead"));
    let at_child = lines_at_child(&client);
    assert!(!at_child.iter().any(|line| line.contains("for the dead")), "{at_child:?}");
}

#[test]
fn a_child_that_lives_on_without_stdout_is_replaced() {
    let proxy = proxy(Fake::stdio().env("FAKE_IGNORE_EOF", "1"));
    let client = proxy.client("a");
    let old = child_pid(&client);
    client.try_call("close_stdout", json!({})).unwrap_err();
    assert_ne!(child_pid(&client), old);
}

#[test]
fn a_grandchild_that_holds_the_pipes_does_not_delay_the_failure() {
    for fork in ["fork", "fork_setsid"] {
        let mut proxy = streaming();
        proxy.forgive();
        let client = proxy.client("a");
        let grandchild: i32 = client.text(fork, json!({})).parse().unwrap();
        let call = hang(&client);
        let pid = child_pid(&client);
        let death = Instant::now();
        kill(pid);
        let (at, message) = call.next_message();
        println!("{fork}: failed {:?} after the child's death", at - death);
        assert_eq!(message["error"]["data"]["signal"], 9);
        assert!(at - death < Duration::from_secs(1), "{:?}", at - death);
        assert_ne!(child_pid(&client), pid);
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(grandchild).unwrap(),
            rustix::process::Signal::KILL,
        );
    }
}

#[test]
fn a_crash_of_one_server_is_nothing_to_another() {
    let proxy =
        Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio().toml("stream_after_ms = 0")).start();
    let (client, other) = (proxy.client("a"), proxy.client("b"));
    let call = other.stream(&other.call_message("sleep", json!({"ms": 300})));
    client.try_call("crash", json!({})).unwrap_err();
    assert_eq!(call.next_message().1["result"]["content"][0]["text"], "slept");
    assert_eq!(entry(&proxy, "b")["restarts"], 0);
}
