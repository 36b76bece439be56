//! Calls of modern clients that wait for the answer to a legacy server's question: each goes on once, with the very
//! call it was, in time, and there are so many and no more.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

#[track_caller]
fn limited(limits: &str) -> Proxy {
    Site::new().fake("legacy", fake("legacy")).config(&format!("[limits]\n{limits}\n")).start()
}

#[track_caller]
fn able(proxy: &Proxy) -> Modern {
    Modern::new(&proxy.url("legacy")).capabilities(json!({"elicitation": {}}))
}

/// Parameters of a call that asks.
fn question() -> Value {
    json!({"name": "ask", "arguments": {"kind": "elicitation", "text": "who?"}})
}

/// The retry that answers what this client has just been asked.
#[track_caller]
fn parked(client: &Modern) -> Value {
    let asked = client.request("tools/call", question()).unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    retry_of(&question(), &asked)
}

#[track_caller]
fn assert_refused(client: &Modern, params: &Value) {
    let error = client.request("tools/call", params.clone()).unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
}

#[test]
fn a_call_goes_on_once() {
    let proxy = only("legacy");
    let client = able(&proxy);
    let retry = parked(&client);
    let result = client.request("tools/call", retry.clone()).unwrap();
    assert_eq!(text_of(&result), answer_to("elicitation/create").to_string());
    assert_refused(&client, &retry);
}

#[test]
fn only_the_call_that_was_asked_goes_on() {
    let proxy = only("legacy");
    let client = able(&proxy);
    let retry = parked(&client);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut other = retry.clone();
        change(&mut other);
        other
    };
    assert_refused(&client, &changed(&|it| it["requestState"] = json!("0123456789abcdef0123456789abcdef")));
    assert_refused(&client, &changed(&|it| it["name"] = json!("ask_twice")));
    assert_refused(&client, &changed(&|it| it["arguments"]["text"] = json!("you?")));
    assert!(client.request("tools/call", retry).is_ok(), "it waits all the same");
}

#[test]
fn a_call_of_the_time_before_a_restart_is_told_so_and_nothing_runs() {
    let mut proxy = only("legacy");
    let client = able(&proxy);
    let retry = parked(&client);
    proxy.kill();
    proxy.start_again();
    let error = client.request("tools/call", retry).unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    assert!(error["message"].as_str().unwrap().contains("another proxy process"), "{error}");
    let observer = Anyone::Modern(able(&proxy));
    assert!(!received(&observer).iter().any(|it| it["params"]["name"] == "ask"), "the child heard of it");
}

#[test]
fn an_answer_has_to_be_there() {
    let proxy = only("legacy");
    let client = able(&proxy);
    let mut retry = parked(&client);
    retry["inputResponses"] = json!({"other": 1});
    assert_refused(&client, &retry);
}

#[test]
fn a_call_waits_for_a_limited_time() {
    let proxy = limited("park_seconds = 1");
    let client = able(&proxy);
    let retry = parked(&client);
    let observer = Anyone::Modern(able(&proxy));
    let given_up = |it: &Value| it.get("error").is_some() || it["method"] == "notifications/cancelled";
    eventually(DEADLINE, || received(&observer).iter().any(given_up));
    assert_refused(&client, &retry);
}

#[test]
fn so_many_calls_wait_and_no_more() {
    let proxy = limited("max_parked = 1");
    let client = able(&proxy);
    let first = parked(&client);
    let refused = client.request("tools/call", question()).unwrap_err();
    assert_eq!(refused["code"], -32603, "{refused}");
    assert!(client.request("tools/call", first).is_ok());
    parked(&client);
}

#[test]
fn two_clients_that_wait_are_not_mixed_up() {
    let proxy = only("legacy");
    let (one, two) = (able(&proxy), able(&proxy));
    let (mut first, mut second) = (parked(&one), parked(&two));
    for (retry, name) in [(&mut first, "one"), (&mut second, "two")] {
        let answers = retry["inputResponses"].as_object_mut().unwrap();
        answers.values_mut().for_each(|answer| *answer = json!(name));
    }
    for (client, retry, name) in [(two, second, "\"two\""), (one, first, "\"one\"")] {
        assert_eq!(text_of(&client.request("tools/call", retry).unwrap()), name);
    }
}
