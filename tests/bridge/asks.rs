//! What the child asks clients: sampling and elicitation reach the one session that can be meant, or nobody.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

#[track_caller]
fn capable(proxy: &Proxy) -> Client {
    proxy.client_with("a").capabilities(json!({"sampling": {}, "elicitation": {}})).connect()
}

/// A call during which the child asks; the stream, and the question that came on it.
#[track_caller]
fn asked(client: &Client, kind: &str) -> (Stream, Value) {
    let call = client.stream(&client.call_message("ask", json!({"kind": kind, "text": "well?"})));
    let (_, question) = call.next_message();
    (call, question)
}

/// What the child was told, when its question never reaches a client.
#[track_caller]
fn refused(client: &Client, kind: &str) -> Value {
    let response = client.post(&client.call_message("ask", json!({"kind": kind, "text": "well?"})));
    let messages = response.messages();
    assert_eq!(messages.len(), 1, "no question, only the answer: {messages:?}");
    serde_json::from_str(messages[0]["result"]["content"][0]["text"].as_str().unwrap()).unwrap()
}

/// The child's responses to us that carry this id of its own.
#[track_caller]
fn responses_at_child(client: &Client, id: &Value) -> Vec<Value> {
    let mut messages = messages_at_child(client);
    messages.retain(|message| message.get("method").is_none() && message["id"] == *id);
    messages
}

#[track_caller]
fn answer_of(call: &Stream) -> Value {
    let (_, answer) = call.next_message();
    call.wait_end();
    serde_json::from_str(answer["result"]["content"][0]["text"].as_str().expect("a text")).unwrap()
}

#[test]
fn a_question_reaches_the_caller_and_its_answer_the_child() {
    let proxy = streaming();
    let client = capable(&proxy);
    for (place, (kind, method)) in
        [("sampling", "sampling/createMessage"), ("elicitation", "elicitation/create")].iter().enumerate()
    {
        let (call, question) = asked(&client, kind);
        assert_eq!(question["method"], *method);
        assert!(question["params"].to_string().contains("well?"));
        let result = json!({"said": [kind, 1.0]});
        client.answer(&question["id"], result.clone());
        assert_eq!(answer_of(&call), result);
        let told = responses_at_child(&client, &json!(place));
        assert_eq!(told, [json!({"jsonrpc": "2.0", "id": place, "result": result})]);
    }
}

#[test]
fn an_answer_that_is_an_error_reaches_the_child_too() {
    let proxy = streaming();
    let client = capable(&proxy);
    let (call, question) = asked(&client, "sampling");
    let error = json!({"code": -1, "message": "the user said no"});
    let response = client.post(&json!({"jsonrpc": "2.0", "id": question["id"], "error": error}));
    assert_eq!((response.status, response.body.len()), (202, 0));
    assert_eq!(answer_of(&call), error);
}

#[test]
fn a_session_that_cannot_be_asked_is_not() {
    let proxy = proxy(Fake::stdio());
    let (client, _bystander) = (proxy.client("a"), capable(&proxy));
    assert_eq!(refused(&client, "sampling")["code"], -32603);
    proxy.wait_log(|line| {
        line.contains("sampling/createMessage refused") && line.contains("has not declared")
    });
    let forms = proxy.client_with("a").capabilities(json!({"elicitation": {}})).connect();
    assert_eq!(refused(&forms, "sampling")["code"], -32603);
    let url = json!({"jsonrpc": "2.0", "id": "u", "method": "elicitation/create", "params": {"mode": "url"}});
    print(&forms, &url.to_string());
    assert_eq!(responses_at_child(&forms, &json!("u"))[0]["error"]["code"], -32603);
}

#[test]
fn with_two_sessions_that_could_be_meant_nobody_is_asked() {
    let proxy = proxy(Fake::stdio());
    let (one, two) = (capable(&proxy), capable(&proxy));
    let message = one.call_message("hang", json!({}));
    let call = one.stream(&message);
    for kind in ["sampling", "elicitation"] {
        let error = refused(&two, kind);
        assert!(error["message"].as_str().unwrap().starts_with("2 sessions"), "{error}");
    }
    proxy.wait_log(|line| line.contains("refused: 2 sessions") && line.contains("per-session"));
    cancel(&one, &message["id"]);
    assert_eq!(failure(&call)["reason"], "cancelled", "nothing came before");
    answer_late(&two);
    let (_call, question) = asked(&two, "sampling");
    assert_eq!(question["method"], "sampling/createMessage", "what is answered does not count");
}

/// The child does not know what each client can be asked: its question may have come from the call of the other one.
#[test]
fn a_question_never_goes_to_a_bystander_who_could_answer_it() {
    let proxy = proxy(Fake::stdio());
    let (capable, other) = (capable(&proxy), proxy.client("a"));
    let message = capable.call_message("hang", json!({}));
    let call = capable.stream(&message);
    let error = refused(&other, "sampling");
    assert!(error["message"].as_str().unwrap().starts_with("2 sessions"), "{error}");
    cancel(&capable, &message["id"]);
    assert_eq!(failure(&call)["reason"], "cancelled", "nothing came before");
}

#[test]
fn an_answer_to_another_process_is_refused_and_reaches_no_other_question() {
    let mut proxy = streaming();
    let client =
        proxy.client_with("a").revision("2025-03-26").capabilities(json!({"sampling": {}})).connect();
    let (_lost, old) = asked(&client, "sampling");
    proxy.kill();
    proxy.start_again();
    let (call, new) = asked(&client, "sampling");
    assert_ne!(old["id"], new["id"]);
    let wrong = json!({"jsonrpc": "2.0", "id": old["id"], "result": {"said": "wrong"}});
    let echo = client.call_message("echo", json!({"text": "part of a batch"}));
    for message in [wrong.clone(), json!([echo, wrong])] {
        let refused = client.post(&message);
        let error = &refused.json()["error"];
        assert_eq!((refused.status, &error["code"]), (409, &json!(-32000)), "{refused:?}");
        assert!(error["message"].as_str().unwrap().contains("hash of Mcp-Session-Id"), "{error}");
    }
    client.answer(&new["id"], json!({"said": "right"}));
    assert_eq!(answer_of(&call), json!({"said": "right"}));
    client.answer(&new["id"], json!({"said": "again"}));
    client.answer(&json!(1), json!({"said": "by a number"}));
    let at_child = lines_at_child(&client);
    let stray =
        |line: &String| ["wrong", "again", "by a number", "part of a"].iter().any(|it| line.contains(it));
    assert!(!at_child.iter().any(stray), "{at_child:?}");
}

#[test]
fn only_the_session_that_was_asked_can_answer() {
    let proxy = streaming();
    let (client, stranger) = (capable(&proxy), capable(&proxy));
    let (call, question) = asked(&client, "sampling");
    stranger.answer(&question["id"], json!("mine"));
    client.answer(&json!(question["id"].to_string()), json!("a string is another id"));
    client.answer(&question["id"], json!("yours"));
    client.answer(&question["id"], json!("twice"));
    assert_eq!(answer_of(&call), json!("yours"));
    assert_eq!(responses_at_child(&client, &json!(0)).len(), 1);
}

#[test]
fn a_question_ends_with_its_call() {
    let proxy = streaming();
    let client = capable(&proxy);
    let message = client.call_message("ask", json!({"kind": "sampling"}));
    let call = client.stream(&message);
    let (_, question) = call.next_message();
    cancel(&client, &message["id"]);
    assert_eq!(failure(&call)["reason"], "cancelled");
    client.answer(&question["id"], json!("too late"));
    let told = responses_at_child(&client, &json!(0));
    assert!(told.len() == 1 && told[0]["error"]["code"] == -32603, "the child need not wait: {told:?}");
}

/// A URL is visited long after the call that asked for it; its completion finds the session all the same.
#[test]
fn the_completion_of_an_elicitation_reaches_its_session() {
    let proxy = proxy(Fake::stdio());
    let url = json!({"elicitation": {"url": {}}});
    let client = proxy.client_with("a").capabilities(url).connect();
    let (stream, other) = (client.listen(), proxy.client("a"));
    let elsewhere = other.listen();
    let params =
        json!({"mode": "url", "elicitationId": "e-1", "url": "https://example.com", "message": "go"});
    let ask = json!({"jsonrpc": "2.0", "id": "u", "method": "elicitation/create", "params": params});
    let response = client.post(&client.call_message("raw", json!({"line": ask.to_string()})));
    assert_eq!(response.messages()[0]["params"], params);
    let done = json!({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": {"elicitationId": "e-1"}});
    print(&other, &done.to_string());
    assert_eq!(stream.next_message().1, done);
    list_changed(&other, "tools");
    assert_list_changed(&elsewhere, "tools");
}

#[test]
fn the_child_may_take_its_question_back() {
    let proxy = streaming();
    let client = capable(&proxy);
    let (call, question) = asked(&client, "elicitation");
    print(&client, r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}"#);
    let (_, message) = call.next_message();
    assert_eq!(message["method"], "notifications/cancelled");
    assert_eq!(message["params"]["requestId"], question["id"]);
    client.answer(&question["id"], json!("too late"));
    assert!(responses_at_child(&client, &json!(0)).is_empty());
}

#[test]
fn roots_are_nobodys_and_other_questions_are_unknown() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client_with("a").capabilities(json!({"roots": {}, "sampling": {}})).connect();
    assert_eq!(refused(&client, "roots")["code"], -32601);
    print(&client, r#"{"jsonrpc":"2.0","id":"odd","method":"no/such","params":{}}"#);
    assert_eq!(responses_at_child(&client, &json!("odd"))[0]["error"]["code"], -32601);
    client.notify("notifications/roots/list_changed", json!({}));
    assert!(at_child(&client, "notifications/roots/list_changed").is_empty());
}

#[test]
fn a_ping_is_answered_on_both_sides_without_the_other() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    print(&client, r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#);
    let pong = json!({"jsonrpc": "2.0", "id": "p", "result": {}});
    assert_eq!(responses_at_child(&client, &json!("p")), [pong]);
    assert_eq!(client.request("ping", json!({})), Ok(json!({})));
    assert!(at_child(&client, "ping").is_empty());
}
