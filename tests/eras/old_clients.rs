//! Clients of 2024-11-05: one stream for everything that comes, POSTs to the address that its first event names.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[track_caller]
fn post(url: &str, body: &str) -> Response {
    request("POST", url, &[("Content-Type", "application/json")], body.as_bytes())
}

#[test]
fn they_are_served_where_they_look_for_it() {
    let proxy = all();
    for name in SERVERS {
        for path in [format!("{name}/sse"), name.to_string()] {
            println!("{path}");
            let client = SseClient::connect(&proxy.url(&path));
            assert!(client.endpoint.contains(&format!("/{name}/messages?")), "{}", client.endpoint);
            assert_eq!(client.server["protocolVersion"], "2024-11-05");
            assert_eq!(client.text("echo", json!({"text": "é\u{2028}"})), "é\u{2028}");
            assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
            assert_eq!(client.request("ping", json!({})), Ok(json!({})));
        }
    }
}

#[test]
fn progress_and_questions_come_on_the_one_stream() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let client = SseClient::connect_with(&proxy.url(&format!("{name}/sse")), json!({"sampling": {}}));
        let params = json!({"name": "progress", "arguments": {"steps": 2}, "_meta": {"progressToken": 0}});
        let id = client.begin("tools/call", params);
        let steps = [client.next(), client.next()];
        assert!(steps.iter().all(|step| step["params"]["progressToken"] == 0), "{steps:?}");
        assert!(client.wait(&id).is_ok());
        let id = client.begin_call("ask", json!({"kind": "sampling"}));
        let question = client.next();
        assert_eq!(question["method"], "sampling/createMessage");
        client.answer(&question["id"], json!("hm"));
        assert_eq!(text_of(&client.wait(&id).unwrap()), "\"hm\"");
    }
}

#[test]
fn what_a_server_says_unasked_comes_there_too() {
    let proxy = all();
    for name in ["legacy", "legacy-http"] {
        println!("{name}");
        let client = SseClient::connect(&proxy.url(&format!("{name}/sse")));
        client.request("resources/subscribe", json!({"uri": "test://x"})).unwrap();
        client.begin_call("touch", json!({"uri": "test://x"}));
        let mut heard = std::iter::repeat_with(|| client.next()).take(2);
        assert!(heard.any(|message| message["method"] == "notifications/resources/updated"));
    }
}

#[test]
fn two_of_them_are_kept_apart() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let url = proxy.url(&format!("{name}/sse"));
        let (one, two) = (SseClient::connect(&url), SseClient::connect(&url));
        assert_ne!(one.endpoint, two.endpoint);
        let first = one.begin_call("echo", json!({"text": "one"}));
        let second = two.begin_call("echo", json!({"text": "two"}));
        assert_eq!(first, second, "the same ids");
        assert_eq!(text_of(&two.wait(&second).unwrap()), "two");
        assert_eq!(text_of(&one.wait(&first).unwrap()), "one");
    }
}

#[test]
fn a_session_lives_as_long_as_its_stream() {
    let proxy = only("legacy");
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(post(&proxy.url("legacy/messages?sessionId=none"), ping).status, 404);
    let client = SseClient::connect(&proxy.url("legacy/sse"));
    let endpoint = client.endpoint.clone();
    assert_eq!(post(&endpoint, "{").status, 400);
    assert_eq!(post(&endpoint, ping).status, 202);
    drop(client);
    eventually(DEADLINE, || post(&endpoint, ping).status == 404);
}

#[test]
fn hello_is_short() {
    let proxy = only("legacy");
    let stream = Stream::open("GET", &proxy.url("legacy/sse"), &[("Accept", "text/event-stream")], b"");
    let endpoint = proxy.url(&format!("legacy/{}", stream.next_event().1.data.expect("an address")));
    let info = json!({"name": "x".repeat(300_000), "version": "1"});
    let params = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": info});
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    assert_eq!(post(&endpoint, &hello.to_string()).status, 413);
}
