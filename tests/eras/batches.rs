//! Arrays of messages, which are of revision 2025-03-26 alone.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

#[track_caller]
fn of_revision(proxy: &Proxy, name: &str, revision: &str) -> Client {
    proxy.client_with(name).revision(revision).connect()
}

fn notification() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
}

/// The answers, as an array or one by one.
#[track_caller]
fn answers(response: &Response) -> Vec<Value> {
    let all = response.messages().into_iter();
    let all = all.flat_map(|message| message.as_array().cloned().unwrap_or_else(|| vec![message]));
    all.filter(|message| message.get("method").is_none()).collect()
}

#[test]
fn every_request_in_an_array_is_answered() {
    let proxy = all();
    for name in STDIO {
        println!("{name}");
        let client = of_revision(&proxy, name, "2025-03-26");
        let (ping, echo) =
            (client.message("ping", json!({})), client.call_message("echo", json!({"text": "hi"})));
        let response = client.post(&json!([ping, notification(), echo]));
        assert_eq!(response.status, 200, "{response:?}");
        let answers = answers(&response);
        assert_eq!(answers.len(), 2, "{response:?}");
        let answer_to =
            |message: &Value| answers.iter().find(|answer| answer["id"] == message["id"]).unwrap();
        assert_eq!(answer_to(&ping)["result"], json!({}));
        assert_eq!(text_of(&answer_to(&echo)["result"]), "hi");
    }
}

#[test]
fn an_array_without_requests_is_accepted() {
    let proxy = only("legacy");
    let client = of_revision(&proxy, "legacy", "2025-03-26");
    let response = client.post(&json!([notification(), notification()]));
    assert_eq!((response.status, response.body.len()), (202, 0));
}

#[test]
fn other_arrays_are_refused() {
    let proxy = only("legacy");
    let client = of_revision(&proxy, "legacy", "2025-03-26");
    assert_eq!(client.post(&json!([])).status, 400);
    let initialize = client.message("initialize", json!({"protocolVersion": "2025-03-26"}));
    assert_eq!(client.post(&json!([initialize])).status, 400, "initialize is never part of an array");
    for revision in ["2025-06-18", "2025-11-25"] {
        let client = of_revision(&proxy, "legacy", revision);
        assert_eq!(client.post(&json!([client.message("ping", json!({}))])).status, 400, "{revision}");
    }
}
