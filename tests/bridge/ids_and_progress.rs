//! Many sessions on one child: ids and progress tokens collide, answers and progress do not.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const IDS: [&str; 10] = [
    "0",
    "1",
    "1.0",
    "-0",
    "1e3",
    "123456789012345678901234567890",
    "\"1\"",
    "\"\"",
    "\"\\u0031\"",
    "\" é\"",
];

#[test]
fn equal_ids_of_several_sessions_each_get_their_own_answer() {
    let proxy = streaming();
    let clients: Vec<Client> = (0..3).map(|_| proxy.client("a")).collect();
    let mut calls = Vec::new();
    for (session, client) in clients.iter().enumerate() {
        for (place, id) in IDS.iter().enumerate() {
            let mark = format!("{session}-{place}");
            calls.push((*id, stream_of(&proxy, client, &hang_text(id, &mark)), mark));
        }
    }
    let at_child = at_child(&clients[0], "tools/call");
    let number = |mark: &str| {
        at_child.iter().find(|call| call["params"]["arguments"]["mark"] == mark).unwrap()["id"].to_string()
    };
    let numbers: BTreeSet<String> = calls.iter().map(|(_, _, mark)| number(mark)).collect();
    assert_eq!(numbers.len(), calls.len(), "no two calls have one id at the child");
    for (_, _, mark) in calls.iter().rev() {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"mark":"{mark}"}}}}"#, number(mark));
        print(&clients[0], &answer);
    }
    for (id, stream, mark) in calls {
        assert_eq!(
            stream.next_data(),
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"mark":"{mark}"}}}}"#)
        );
        stream.wait_end();
    }
}

#[test]
fn an_id_may_be_used_again_and_even_twice_at_once() {
    let proxy = streaming();
    let client = proxy.client("a");
    let body = hang_text("5", "");
    let (one, two) = (stream_of(&proxy, &client, &body), stream_of(&proxy, &client, &body));
    let ids: Vec<Value> =
        at_child(&client, "tools/call").iter().map(|call| call["id"].clone()).take(2).collect();
    for (place, id) in ids.iter().enumerate() {
        print(&client, &json!({"jsonrpc": "2.0", "id": id, "result": place}).to_string());
    }
    assert_eq!(one.next_message().1, json!({"jsonrpc": "2.0", "id": 5, "result": 0}));
    assert_eq!(two.next_message().1, json!({"jsonrpc": "2.0", "id": 5, "result": 1}));
}

/// Progress of one call, with the moments at which it came; the last is the result.
fn follow(stream: &Stream, token: &Value, steps: u64) -> Vec<Instant> {
    let mut moments = Vec::new();
    for step in 1..=steps {
        let (at, message) = stream.next_message();
        assert_eq!(message["method"], "notifications/progress", "{message}");
        assert_eq!(
            (&message["params"]["progressToken"], &message["params"]["progress"]),
            (token, &json!(step))
        );
        moments.push(at);
    }
    let (at, message) = stream.next_message();
    assert_eq!(message["result"]["content"][0]["text"], "done", "{message}");
    stream.wait_end();
    moments.push(at);
    moments
}

#[test]
fn progress_goes_to_its_own_call_under_its_own_token_when_it_is_made() {
    let proxy = proxy(Fake::stdio());
    let clients = [proxy.client("a"), proxy.client("a"), proxy.client("a")];
    let tokens = [json!(1), json!("1"), json!("t\"é"), json!(0), json!(1.0)];
    let start = |client: &Client, token: &Value| {
        client.stream(&client.progress_message("progress", json!({"steps": 3, "ms": 200}), token.clone()))
    };
    let mut calls = Vec::new();
    for client in &clients {
        calls.extend(tokens.iter().map(|token| (token, start(client, token))));
    }
    for (token, stream) in calls {
        let moments = follow(&stream, token, 3);
        for gap in moments.windows(2).map(|pair| pair[1] - pair[0]) {
            assert!(gap > Duration::from_millis(100), "bunched: {gap:?}");
        }
    }
}

#[test]
fn a_call_that_asks_for_no_progress_gets_none() {
    let proxy = proxy(Fake::stdio());
    let (quiet, loud) = (proxy.client("a"), proxy.client("a"));
    let stream = loud.stream(&loud.progress_message("progress", json!({"steps": 2, "ms": 100}), json!(0)));
    let response = quiet.post(&quiet.call_message("progress", json!({"steps": 2, "ms": 100})));
    assert_eq!(response.messages().len(), 1, "{response:?}");
    follow(&stream, &json!(0), 2);
}

#[test]
fn progress_that_is_late_or_of_nobody_is_dropped() {
    let proxy = streaming();
    let client = proxy.client("a");
    let call = client.stream(&client.progress_message("hang", json!({}), json!("mine")));
    let id = id_at_child(&client, "hang");
    let done = id_at_child(&client, "received");
    for token in [&done, &json!(999_999), &json!("mine"), &json!(id.to_string()), &id] {
        let params = json!({"progressToken": token, "progress": 1, "message": token.to_string()});
        print(
            &client,
            &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).to_string(),
        );
    }
    let (_, progress) = call.next_message();
    assert_eq!(progress["params"]["progressToken"], "mine");
    assert_eq!(progress["params"]["message"], id.to_string(), "only the child's own token counts");
}

#[test]
fn a_token_cannot_be_smuggled_past_by_odd_keys() {
    let proxy = streaming();
    let (client, victim) = (proxy.client("a"), proxy.client("a"));
    let _target = hang(&victim);
    let number = id_at_child(&victim, "hang");
    for params in [
        format!(r#""_meta":{{"progressToken":{number},"progressToken":{number}}}"#),
        format!(r#""_meta":{{"progress\u0054oken":{number}}}"#),
        format!(r#""_meta":{{"\ud800":0,"progressToken":{number}}}"#),
        format!(r#""\ud800":0,"_meta":{{"progressToken":{number}}}"#),
    ] {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pid",{params}}}}}"#);
        client.post_bytes(body.as_bytes());
        let lines = lines_at_child(&client);
        let line = lines.iter().rfind(|line| line.contains(r#""name":"pid""#)).unwrap();
        assert!(!line.contains(&format!(":{number}}}")), "{params} came as {line}");
    }
}
