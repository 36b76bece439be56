//! The harness and the fake servers against each other: what the other tests stand on has to hold by itself.

mod harness;

use harness::*;
use serde_json::{Value, json};
use std::time::Duration;

const MODERN: (&str, &str) = ("FAKE_ERAS", "modern");
const META: &str = "io.modelcontextprotocol/";

#[test]
fn a_session_lives_from_initialize_to_delete() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    assert_eq!(client.text("echo", json!({"text": "é\"\\"})), "é\"\\");
    assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
    assert_eq!(client.end().status, 200);
    assert_eq!(client.post(&client.message("ping", json!({}))).status, 404);
}

#[test]
fn events_are_seen_when_they_come() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    let stream =
        client.stream(&client.progress_message("progress", json!({"steps": 2, "ms": 150}), json!("t")));
    let (first, message) = stream.next_message();
    assert_eq!(message["params"]["progressToken"], "t");
    let (second, _) = stream.next_message();
    assert!(second - first > Duration::from_millis(100), "{:?}", second - first);
    let (_, result) = stream.next_message();
    assert_eq!(result["result"]["content"][0]["text"], "done");
    stream.wait_end();
}

#[test]
fn a_dropped_stream_is_a_closed_connection() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    drop(client.stream(&client.call_message("hang", json!({}))));
    eventually(DEADLINE, || client.text("closed", json!({})) == "1");
}

#[test]
fn a_get_stream_carries_notifications() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    let stream = client.listen();
    let notify = json!({"method": "notifications/tools/list_changed"});
    eventually(DEADLINE, || client.text("notify", notify.clone()) == "1");
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
}

#[test]
fn any_other_path_shows_the_request_it_got() {
    let fake = FakeHttp::start();
    let url = fake.url.replace("/mcp", "/a%20b?c=d");
    let seen = request("PUT", &url, &[("X-One", "1")], b"body").json();
    assert_eq!(seen["path"], "/a%20b");
    assert_eq!(seen["query"], "c=d");
    assert_eq!(seen["body"], "body");
    assert!(seen["headers"].as_array().unwrap().contains(&json!(["x-one", "1"])));
    let answer = raw(&url, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

/// Parameters with the claim of a modern request.
fn claimed(mut params: Value) -> Value {
    params["_meta"][format!("{META}protocolVersion")] = json!("2026-07-28");
    params["_meta"][format!("{META}clientCapabilities")] = json!({"elicitation": {}, "sampling": {}});
    params
}

fn call(tool: &str, arguments: Value) -> Value {
    claimed(json!({"name": tool, "arguments": arguments}))
}

#[test]
fn a_modern_child_wants_a_claim_in_every_request() {
    let mut fake = FakeStdio::with(&[MODERN]);
    assert_eq!(fake.request(0, "tools/list", json!({}))["error"]["code"], -32602);
    let mut half = claimed(json!({}));
    half["_meta"].as_object_mut().unwrap().remove(&format!("{META}clientCapabilities"));
    assert_eq!(fake.request(1, "tools/list", half)["error"]["code"], -32602);
    let mut old = claimed(json!({}));
    old["_meta"][format!("{META}protocolVersion")] = json!("2025-11-25");
    let refused = fake.request(2, "tools/list", old);
    let data = json!({"supported": ["2026-07-28"], "requested": "2025-11-25"});
    assert_eq!((&refused["error"]["code"], &refused["error"]["data"]), (&json!(-32022), &data));
    let list = fake.request(3, "tools/list", claimed(json!({})));
    assert_eq!((&list["result"]["resultType"], &list["result"]["ttlMs"]), (&json!("complete"), &json!(0)));
}

#[test]
fn a_modern_child_knows_nothing_of_the_legacy_era() {
    let mut fake = FakeStdio::with(&[MODERN]);
    for method in ["ping", "logging/setLevel", "resources/subscribe", "no/such"] {
        assert_eq!(fake.request(0, method, claimed(json!({})))["error"]["code"], -32601, "{method}");
    }
    let refused = fake.request(1, "initialize", json!({"protocolVersion": "2025-11-25"}));
    assert_eq!(refused["error"]["code"], -32022);
    let missing = claimed(json!({"uri": "test://missing"}));
    assert_eq!(fake.request(2, "resources/read", missing)["error"]["code"], -32602);
    let mut legacy = FakeStdio::with(&[]);
    let missing = legacy.request(0, "resources/read", json!({"uri": "test://missing"}));
    assert_eq!(missing["error"]["code"], -32002);
}

#[test]
fn a_modern_child_asks_by_its_results() {
    let mut fake = FakeStdio::with(&[MODERN]);
    let asked = fake.request(0, "tools/call", call("ask_twice", json!({"text": "who?"})))["result"].clone();
    assert_eq!(asked["resultType"], "input_required");
    assert_eq!(asked["inputRequests"]["q"]["method"], "elicitation/create");
    let mut retry = call("ask_twice", json!({"text": "who?"}));
    retry["inputResponses"] = json!({"q": 1});
    retry["requestState"] = asked["requestState"].clone();
    let again = fake.request(1, "tools/call", retry.clone())["result"].clone();
    assert_eq!(again["resultType"], "input_required");
    retry["inputResponses"] = json!({"q": 2});
    retry["requestState"] = again["requestState"].clone();
    let done = fake.request(2, "tools/call", retry.clone());
    assert_eq!(done["result"]["content"][0]["text"], "[1,2]");
    retry["requestState"] = json!("forged");
    assert_eq!(fake.request(3, "tools/call", retry)["error"]["code"], -32602);
}

#[test]
fn a_modern_child_asks_only_what_the_client_can_do() {
    let mut fake = FakeStdio::with(&[MODERN]);
    let many = fake.request(0, "tools/call", call("ask_many", json!({})));
    assert_eq!(many["result"]["inputRequests"].as_object().unwrap().len(), 2);
    for (kind, lacking) in [("roots", json!({"roots": {}})), ("url", json!({"elicitation": {"url": {}}}))] {
        let error = fake.request(1, "tools/call", call("ask", json!({"kind": kind})))["error"].clone();
        let data = json!({"requiredCapabilities": lacking});
        assert_eq!((&error["code"], &error["data"]), (&json!(-32021), &data));
    }
    let nothing = fake.request(2, "tools/call", call("ask", json!({"kind": "none"})))["result"].clone();
    assert!(nothing.get("inputRequests").is_none() && nothing["requestState"].is_string(), "{nothing}");
}

#[test]
fn a_modern_child_logs_what_was_asked_for() {
    let mut fake = FakeStdio::with(&[MODERN]);
    fake.send(
        &json!({"jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": call("log_many", json!({}))}),
    );
    assert_eq!(fake.next()["id"], 0, "nothing was said before");
    let mut loud = call("log_many", json!({}));
    loud["_meta"][format!("{META}logLevel")] = json!("critical");
    fake.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": loud}));
    for level in ["critical", "alert", "emergency"] {
        assert_eq!(fake.next()["params"]["data"], level);
    }
    assert_eq!(fake.next()["id"], 1);
}

#[test]
fn a_legacy_child_asks_by_requests() {
    let mut fake = FakeStdio::with(&[]);
    let call = |id: u64, tool: &str| {
        let params = json!({"name": tool, "arguments": {"kind": "url", "id": "e"}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    fake.send(&call(5, "ask_twice"));
    for answer in ["one", "two"] {
        let question = fake.next();
        assert_eq!(
            (&question["method"], &question["params"]["mode"]),
            (&json!("elicitation/create"), &json!("url"))
        );
        fake.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": answer}));
    }
    assert_eq!(fake.next()["result"]["content"][0]["text"], r#"["one","two"]"#);
    fake.send(&call(6, "require_url"));
    let error = fake.next()["error"].clone();
    assert_eq!(
        (&error["code"], &error["data"]["elicitations"][0]["elicitationId"]),
        (&json!(-32042), &json!("e"))
    );
    fake.send(&call(7, "require_url"));
    assert_eq!(fake.next()["result"]["content"][0]["text"], "done");
}

/// The texts of the messages that are log messages.
fn logged(messages: &[Value]) -> Vec<&str> {
    let logs = messages.iter().filter(|message| message["method"] == "notifications/message");
    logs.filter_map(|message| message["params"]["data"].as_str()).collect()
}

#[test]
fn a_legacy_http_server_asks_and_logs_on_the_posts_stream() {
    let fake = FakeHttp::start();
    let client = Client::connect(&fake.url);
    let call = client.stream(&client.call_message("ask", json!({"kind": "roots"})));
    let (_, question) = call.next_message();
    assert_eq!(question["method"], "roots/list");
    client.answer(&question["id"], json!({"roots": []}));
    assert_eq!(call.next_message().1["result"]["content"][0]["text"], r#"{"roots":[]}"#);
    let messages = client.post(&client.call_message("log_many", json!({}))).messages();
    assert_eq!(logged(&messages).len(), 8);
    client.request("resources/subscribe", json!({"uri": "test://x"})).unwrap();
    assert_eq!(client.text("touch", json!({"uri": "test://x"})), "sent");
    assert_eq!(client.listen().next_message().1["params"]["uri"], "test://x", "what waited for a stream");
}

#[test]
fn a_modern_http_server_checks_the_header_fields() {
    let fake = FakeHttp::with(&[MODERN]);
    let client = Modern::new(&fake.url);
    assert_eq!(client.discover()["supportedVersions"], json!(["2026-07-28"]));
    let arguments = json!({"region": "eu", "count": 3, "place": {"city": "Bern"}});
    assert_eq!(client.json("mirror", arguments.clone()), arguments);
    let message = client.call_message("mirror", arguments);
    let headers = client.headers(&message);
    for left_out in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Param-Count", "Mcp-Param-City"] {
        let rest = headers.iter().filter(|(name, _)| name != left_out);
        let rest: Vec<_> = rest.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let refused = client.post_with(&message, &rest);
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(-32020)), "{left_out}");
        assert_eq!(refused.json()["id"], message["id"]);
    }
    for region in ["eü", " eu", "=?base64?ZXU=?=", "a\nb"] {
        assert_eq!(client.json("mirror", json!({"region": region}))["region"], region, "in base64");
    }
}

#[test]
fn a_modern_http_server_has_its_own_statuses() {
    let fake = FakeHttp::with(&[MODERN]);
    let client = Modern::new(&fake.url);
    assert_eq!(client.post(&client.message("ping", json!({}))).status, 404);
    assert_eq!(client.post(&client.call_message("ask", json!({"kind": "roots"}))).status, 400);
    let mut bare = client.message("tools/list", json!({}));
    bare["params"] = json!({});
    let refused = client.post(&bare);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(-32602)));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    let refused = client.post(&initialize);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(-32022)));
    assert_eq!(request("GET", &fake.url, &[("Accept", "text/event-stream")], b"").status, 405);
}

#[test]
fn a_modern_http_server_hears_its_streams_close() {
    let fake = FakeHttp::with(&[MODERN]);
    let client = Modern::new(&fake.url);
    let call = client.call_message("hang", json!({}));
    drop(client.open(&call));
    let cancelled = |line: &Value| {
        let line = line.as_str().unwrap();
        line.contains("notifications/cancelled") && line.contains(&format!("\"requestId\":{}", call["id"]))
    };
    eventually(DEADLINE, || client.json("received", json!({})).as_array().unwrap().iter().any(cancelled));
}

#[test]
fn a_modern_http_server_tells_each_listener_what_it_wants() {
    let fake = FakeHttp::with(&[MODERN]);
    let client = Modern::new(&fake.url);
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["test://x"]});
    let (one, two) =
        (client.listen_as(json!("s"), filter.clone()), client.listen(json!({"promptsListChanged": true})));
    for stream in [&one, &two] {
        assert_eq!(stream.next_message().1["method"], "notifications/subscriptions/acknowledged");
    }
    client.call("list_changed", json!({"what": "tools"}));
    client.call("list_changed", json!({"what": "prompts"}));
    assert_eq!(client.text("touch", json!({"uri": "test://x"})), "sent");
    let id = format!("{META}subscriptionId");
    let (_, first) = one.next_message();
    assert_eq!(
        (&first["method"], &first["params"]["_meta"][&id]),
        (&json!("notifications/tools/list_changed"), &json!("s"))
    );
    assert_eq!(one.next_message().1["params"]["uri"], "test://x");
    assert_eq!(two.next_message().1["method"], "notifications/prompts/list_changed");
    assert_eq!(client.text("end_listens", json!({})), "2");
    assert_eq!(one.next_message().1["result"]["_meta"][&id], "s");
    one.wait_end();
}

#[test]
fn an_http_server_of_both_eras_serves_both_at_once() {
    let fake = FakeHttp::with(&[("FAKE_ERAS", "both")]);
    let (old, new) = (Client::connect(&fake.url), Modern::new(&fake.url));
    assert_eq!(old.text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(new.text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(old.listen().head.status, 200);
}

#[test]
fn an_old_server_answers_on_its_one_stream() {
    let fake = FakeHttp::with(&[("FAKE_TRANSPORT", "sse")]);
    let client = SseClient::connect(&fake.url.replace("/mcp", "/sse"));
    assert_eq!(client.server["protocolVersion"], "2024-11-05");
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    let id = client.begin_call("ask", json!({"kind": "sampling"}));
    let question = client.next();
    client.answer(&question["id"], json!("an answer"));
    assert_eq!(client.wait(&id).unwrap()["content"][0]["text"], r#""an answer""#);
    client.request("resources/subscribe", json!({"uri": "test://x"})).unwrap();
    client.begin_call("touch", json!({"uri": "test://x"}));
    assert_eq!(client.next()["method"], "notifications/resources/updated");
}
