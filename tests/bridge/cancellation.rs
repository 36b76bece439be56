//! `notifications/cancelled`, and what is not a cancellation.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn a_cancelled_call_ends_at_once_and_the_child_knows_which() {
    let proxy = streaming();
    let (client, observer) = (proxy.client("a"), proxy.client("a"));
    let message = client.call_message("hang", json!({}));
    let call = client.stream(&message);
    let number = id_at_child(&observer, "hang");
    let params = json!({"requestId": message["id"], "reason": "no more\nof \"it\""});
    client.notify("notifications/cancelled", params.clone());
    let (_, end) = call.next_message();
    assert_eq!(end["id"], message["id"]);
    assert_eq!((&end["error"]["code"], &end["error"]["message"]), (&json!(-32603), &json!("cancelled")));
    call.wait_end();
    let told = at_child(&observer, "notifications/cancelled");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["params"], json!({"requestId": number, "reason": params["reason"]}));
    assert_eq!(entry(&proxy, "a")["in_flight"], 0);
}

#[test]
fn a_call_that_is_not_a_stream_yet_ends_as_well() {
    let proxy = proxy(Fake::stdio().toml("stream_after_ms = 60000"));
    let client = proxy.client("a");
    let message = client.call_message("hang", json!({}));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.post(&message));
        eventually(DEADLINE, || entry(&proxy, "a")["in_flight"] == 1);
        cancel(&client, &message["id"]);
        let response = call.join().unwrap();
        assert!(!response.is_stream());
        assert_eq!(response.json()["error"]["message"], "cancelled");
    });
}

#[test]
fn a_late_answer_reaches_nobody() {
    let proxy = streaming();
    let client = proxy.client("a");
    let body = hang_text("7", "");
    let first = stream_of(&proxy, &client, &body);
    let number = id_at_child(&client, "hang");
    cancel(&client, &json!(7));
    assert_eq!(failure(&first)["reason"], "cancelled");
    let second = stream_of(&proxy, &client, &body);
    let current = id_at_child(&client, "hang");
    for (id, text) in [(&number, "late"), (&current, "in time")] {
        print(&client, &json!({"jsonrpc": "2.0", "id": id, "result": text}).to_string());
    }
    assert_eq!(second.next_message().1["result"], "in time");
}

#[test]
fn only_a_call_of_the_same_session_can_be_cancelled() {
    let proxy = streaming();
    let (owner, stranger) = (proxy.client("a"), proxy.client("a"));
    let call = stream_of(&proxy, &owner, &hang_text("\"7\"", ""));
    let number = id_at_child(&owner, "hang");
    cancel(&stranger, &json!("7"));
    for id in [json!(7), json!("8"), number.clone(), json!(null), json!([7])] {
        cancel(&owner, &id);
    }
    owner.notify("notifications/cancelled", json!({}));
    assert_eq!(cancelled_at_child(&owner), Vec::<serde_json::Value>::new());
    print(&owner, &json!({"jsonrpc": "2.0", "id": number, "result": "unharmed"}).to_string());
    assert_eq!(call.next_message().1["result"], "unharmed");
}

#[test]
fn a_call_that_was_answered_cannot_be_cancelled_any_more() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let message = client.call_message("echo", json!({"text": ""}));
    client.post(&message);
    cancel(&client, &message["id"]);
    assert!(cancelled_at_child(&client).is_empty());
}

/// Revisions up to 2025-11-25: a client may have lost its network and come back.
#[test]
fn a_closed_connection_cancels_nothing() {
    let proxy = streaming();
    let client = proxy.client("a");
    drop(client.stream(&client.call_message("sleep", json!({"ms": 1500}))));
    assert_eq!(entry(&proxy, "a")["in_flight"], 1);
    eventually(DEADLINE, || entry(&proxy, "a")["in_flight"] == 0);
    assert!(cancelled_at_child(&client).is_empty());
    assert_eq!(client.text("echo", json!({"text": "on we go"})), "on we go");
}
