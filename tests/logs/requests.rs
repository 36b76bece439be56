//! Which request a line is about: the id of the answer, of the proxy's lines, of the server's.

use super::{lines, parsed};
use crate::harness::*;
use serde_json::{Value, json};

/// In the log of what is sent.
fn json_site() -> Site {
    Site::new().arg("--log-format").arg("json")
}

fn id(response: &Response) -> String {
    response.header("x-request-id").unwrap_or_else(|| panic!("no id in {response:?}")).to_string()
}

/// The last line of that event, once there is one.
#[track_caller]
fn line(proxy: &Proxy, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
    let found = |line: &str| {
        let line = parsed(line);
        line["event"] == event && matches(&line)
    };
    parsed(&proxy.wait_log(found))
}

/// Calls a tool by a request of that id.
#[track_caller]
fn call(client: &Client, request_id: &str, tool: &str, arguments: Value) -> Response {
    let message = client.call_message(tool, arguments).to_string();
    let headers = [client.headers(), vec![("X-Request-Id", request_id)]].concat();
    request("POST", client.url(), &headers, message.as_bytes())
}

#[test]
fn every_answer_says_which_request_it_is_for() {
    let proxy = json_site().fake("notes", Fake::stdio()).start();
    let client = proxy.client("notes");
    assert_eq!(id(&call(&client, "mine-1.a_B", "echo", json!({"text": "x"}))), "mine-1.a_B");
    let (get, url) = ("GET", |path: &str| proxy.url(path));
    let ours = id(&request(get, &url("health"), &[], b""));
    assert_eq!((ours.len(), ours.bytes().all(|byte| byte.is_ascii_hexdigit())), (16, true), "{ours}");
    assert_ne!(ours, id(&request(get, &url("health"), &[], b"")));
    for (insane, path) in [("a b", "health"), ("a\"b", "nothing-here"), (&"x".repeat(65), "notes/logs")] {
        assert_eq!(id(&request(get, &url(path), &[("X-Request-Id", insane)], b"")).len(), 16, "{insane}");
    }
    let answer = String::from_utf8(raw(&proxy.url(""), b"GET / HTTP/1.1\r\nhost\r\n\r\n")).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\r\nx-request-id: "), "{answer}");
    let evil = request(get, &url("health"), &[("Host", "evil.example"), ("X-Request-Id", "e")], b"");
    assert_eq!((evil.status, id(&evil).as_str()), (403, "e"));
    assert_eq!(line(&proxy, "refused", |_| true)["request_id"], "e");
}

#[test]
fn a_page_may_send_it_and_read_it() {
    let proxy = json_site().fake("notes", Fake::stdio()).start();
    let origin = ("Origin", "http://localhost:5173");
    let asked = [origin, ("Access-Control-Request-Method", "POST")];
    let preflight = request("OPTIONS", &proxy.url("notes"), &asked, b"");
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("x-request-id"));
    let answer = request("GET", &proxy.url("health"), &[origin], b"");
    assert!(answer.header("access-control-expose-headers").unwrap().contains("X-Request-Id"));
}

#[test]
fn the_call_of_a_tool_is_joined_with_what_the_server_sees_and_prints() {
    let proxy = json_site().env("RUST_LOG", "debug").fake("notes", Fake::stdio()).start();
    let client = proxy.client("notes");
    call(&client, "dying", "crash", json!({}));
    let audit = line(&proxy, "tool-call", |_| true);
    assert_eq!((&audit["request_id"], &audit["tool"]), (&"dying".into(), &"crash".into()), "{audit}");
    let sent = line(&proxy, "call", |line| line["request_id"] == "dying");
    assert_eq!((&sent["call"], sent["call"].is_u64()), (&audit["call"], true), "{sent} {audit}");
    let printed = line(&proxy, "stderr", |line| line["message"] == "fake: told to crash");
    assert_eq!(printed["request_id"], "dying", "{printed}");
    let down = line(&proxy, "restart", |_| true);
    assert_eq!(down.get("request_id"), None, "the supervisor is at no request: {down}");
}

#[test]
fn the_number_of_a_call_is_the_id_that_the_child_sees() {
    let proxy = json_site().fake("notes", Fake::stdio()).start();
    let client = proxy.client("notes");
    call(&client, "seen", "received", json!({}));
    let seen = client.text("received", json!({}));
    let seen: Vec<Value> = serde_json::from_str(&seen).unwrap();
    let number = line(&proxy, "tool-call", |line| line["request_id"] == "seen")["call"].clone();
    let is_it = |line: &Value| {
        serde_json::from_str::<Value>(line.as_str().unwrap()).is_ok_and(|it| it["id"] == number)
    };
    assert!(seen.iter().any(is_it), "{number} is not among {seen:#?}");
}

#[test]
fn of_several_requests_none_is_guessed() {
    let proxy = json_site().fake("notes", Fake::stdio()).start();
    let (one, two) = (proxy.client("notes"), proxy.client("notes"));
    let waiting = one.stream(&one.call_message("sleep", json!({"ms": 60_000})));
    call(&two, "other", "stderr", json!({"lines": 1, "text": "which of the two?"}));
    let printed = line(&proxy, "stderr", |line| line["message"] == "which of the two?");
    assert_eq!(printed.get("request_id"), None, "{printed}");
    drop(waiting);
}

#[test]
fn in_a_row_of_calls_each_line_is_its_own_call_s_or_nobody_s() {
    let proxy = json_site().fake("notes", Fake::stdio()).start();
    let client = proxy.client("notes");
    for number in 0..20 {
        let name = format!("call-{number}");
        call(&client, &name, "stderr", json!({"lines": 1, "text": name}));
    }
    line(&proxy, "stderr", |line| line["message"] == "call-19");
    for line in lines(&proxy).iter().filter(|line| line["event"] == "stderr") {
        let request = line["request_id"].as_str();
        assert!(request.is_none() || request == line["message"].as_str(), "{line}");
    }
}

/// A server that logs before it answers what is none of the requests during which it may ask.
const TALKER: &str = r#"#!/bin/sh
while read -r line; do
    id=$(printf %s "$line" | sed -n 's/.*"id":\([^,}]*\).*/\1/p')
    case "$line" in
    *'"initialize"'*)
        result='{"protocolVersion":"2025-11-25","capabilities":{"logging":{}},"serverInfo":{"name":"talker","version":"1"}}' ;;
    *) result='{}' ;;
    esac
    case "$line" in
    *completion/complete*)
        echo '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"thinking"}}' ;;
    esac
    [ -z "$id" ] || echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$result}"
done
"#;

#[test]
fn a_log_message_for_nobody_has_the_only_request_too() {
    let site = json_site().env("RUST_LOG", "debug");
    let program = site.program("servers/talker/talk.sh", TALKER);
    site.write("servers/talker/server.toml", &format!("command = {program:?}\ntransport = \"stdio\"\n"));
    let proxy = site.start();
    let client = proxy.client("talker");
    // What the proxy asks at the start, too, may be what a message is about.
    wait_for(DEADLINE, || {
        let message = client.message("completion/complete", json!({})).to_string();
        let headers = [client.headers(), vec![("X-Request-Id", "complete")]].concat();
        assert_eq!(request("POST", client.url(), &headers, message.as_bytes()).status, 200);
        let told = lines(&proxy).into_iter().rfind(|line| line["event"] == "log-message")?;
        (told["request_id"] == "complete").then_some(())
    });
}

#[test]
fn an_http_server_is_told_the_id_and_the_trace() {
    let proxy = json_site().fake("web", Fake::http()).start();
    proxy.wait_ready("web");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("X-Request-Id", "fwd-1"), ("traceparent", trace), ("tracestate", "a=b")];
    let response = request("GET", &proxy.url("web/echo"), &headers, b"");
    assert_eq!(id(&response), "fwd-1");
    let seen = response.text().to_ascii_lowercase();
    for (name, value) in [("x-request-id", "fwd-1"), ("traceparent", trace), ("tracestate", "a=b")] {
        assert!(seen.contains(name) && seen.contains(value), "{name}: {seen}");
    }
    let insane = request("GET", &proxy.url("web/echo"), &[("X-Request-Id", "not sane")], b"");
    assert!(!insane.text().contains("not sane") && insane.text().contains(&id(&insane)), "{insane:?}");
}

#[test]
fn each_request_has_a_line_without_its_path() {
    let site = json_site().env("RUST_LOG", "info,access=debug").config("[auth]\ntoken_in_path = true\n");
    let site = site.fake("notes", Fake::stdio());
    let token = site.token(&["--name", "phone"]);
    let proxy = site.start();
    let response = request("GET", &proxy.url(&format!("t/{token}/notes/logs?key=the-query")), &[], b"");
    assert_eq!(response.status, 200, "{response:?}");
    let entry = line(&proxy, "request", |line| line["route"] == "server-logs");
    assert_eq!((&entry["target"], &entry["level"]), (&"access".into(), &"debug".into()), "{entry}");
    assert_eq!((&entry["method"], &entry["place"]), (&"GET".into(), &"notes".into()), "{entry}");
    assert_eq!((&entry["status"], &entry["request_id"]), (&200.into(), &id(&response).into()), "{entry}");
    assert!(entry["duration_ms"].is_u64(), "{entry}");
    assert!(entry["bytes"].as_u64().unwrap() > response.body.len() as u64, "{entry}");
    request("GET", &proxy.url("the-stranger-s-word"), &[], b"");
    line(&proxy, "request", |line| line["status"] == 401);
    let log = proxy.log().join("\n");
    for secret in [token.as_str(), "the-query", "the-stranger-s-word"] {
        assert!(!log.contains(secret), "{log}");
    }
}
