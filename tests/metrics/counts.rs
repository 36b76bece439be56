//! What is counted after known traffic.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;
use std::fs;

const TOOL: &str = "tools/call";

#[test]
fn requests_are_counted_by_method_and_outcome() {
    let proxy = Site::new().fake("a", Fake::stdio().toml("tools = { deny = ['pid'] }")).start();
    let client = proxy.client("a");
    for _ in 0..3 {
        client.text("echo", json!({"text": "hi"}));
    }
    client.call("fail", json!({"text": "no"}));
    client.try_call("nothing", json!({})).unwrap_err();
    client.try_call("pid", json!({})).unwrap_err();
    client.request("tools/list", json!({})).unwrap();
    client.request("ping", json!({})).unwrap();
    client.request("no/such/method", json!({})).unwrap_err();
    let page = scrape(&proxy);
    let outcomes = ["ok", "tool_error", "error", "refused"].map(|outcome| page.requests(TOOL, outcome));
    assert_eq!(outcomes, [3.0, 1.0, 1.0, 1.0]);
    assert_eq!([page.requests("initialize", "ok"), page.requests("tools/list", "ok")], [1.0, 1.0]);
    assert_eq!([page.requests("other", "ok"), page.requests("other", "error")], [1.0, 1.0]);
    let count = |outcome: &str| {
        page.get(&format!("call_duration_seconds_count{{server=\"a\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!([count("ok"), count("tool_error"), count("refused")], [3.0, 1.0, 1.0]);
    let all = page.get("call_duration_seconds_bucket{server=\"a\",outcome=\"ok\",le=\"+Inf\"}");
    assert_eq!(all, 3.0, "no list is among them");
    assert!(page.get("call_duration_seconds_sum{server=\"a\",outcome=\"ok\"}") > 0.0);
    assert!(page.get("server_bytes_total{server=\"a\",direction=\"to_server\"}") > 300.0);
    assert!(page.get("server_bytes_total{server=\"a\",direction=\"from_server\"}") > 300.0);
    assert_eq!(page.get("session_events_total{server=\"a\",event=\"created\"}"), 1.0);
}

#[test]
fn a_crash_is_a_lost_call_an_exit_and_a_restart() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let before = proxy.wait_child("a");
    let client = proxy.client("a");
    client.try_call("crash", json!({"code": 3})).unwrap_err();
    let second = proxy.wait_restart("a", before);
    client.try_call("abort", json!({})).unwrap_err();
    proxy.wait_restart("a", second);
    let page = scrape(&proxy);
    assert_eq!(page.requests(TOOL, "lost"), 2.0);
    assert_eq!(page.get("exits_total{server=\"a\",reason=\"failed\"}"), 1.0);
    assert_eq!(page.get("exits_total{server=\"a\",reason=\"signalled\"}"), 1.0);
    assert_eq!(
        [page.get("starts_total{server=\"a\"}"), page.get("restarts_total{server=\"a\"}")],
        [3.0, 2.0]
    );
}

#[test]
fn a_call_that_takes_too_long_or_is_taken_back_is_told_apart() {
    let site = Site::new().fake("slow", Fake::stdio().toml("call_timeout_seconds = 1"));
    let proxy = site.fake("a", Fake::stdio().toml("stream_after_ms = 0")).start();
    proxy.client("slow").stream(&proxy.client("slow").call_message("hang", json!({}))).wait_end();
    let timed_out = "requests_total{server=\"slow\",method=\"tools/call\",outcome=\"timed_out\"}";
    wait(&proxy, timed_out, 1.0);
    let client = proxy.client("a");
    let message = client.call_message("hang", json!({}));
    let call = client.stream(&message);
    wait(&proxy, "in_flight{server=\"a\"}", 1.0);
    client.notify("notifications/cancelled", json!({"requestId": message["id"]}));
    call.wait_end();
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"cancelled\"}", 1.0);
    assert_eq!(scrape(&proxy).get("in_flight{server=\"a\"}"), 0.0);
    // A modern client cancels by going away.
    let modern = Modern::new(&proxy.url("a"));
    drop(modern.open(&modern.call_message("hang", json!({}))));
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"cancelled\"}", 2.0);
}

#[test]
fn a_server_that_is_not_there_is_unavailable_and_down() {
    let config = "[restart]\nrestart_wait_seconds = 1\n";
    let proxy = Site::new().fake("a", Fake::stdio()).config(config).start();
    let client = proxy.client("a");
    wait(&proxy, "server_up{server=\"a\"}", 1.0);
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    proxy.wait_server("a", |entry| entry["state"] == "stopped");
    client.try_call("echo", json!({"text": "hi"})).unwrap_err();
    let page = scrape(&proxy);
    assert_eq!(page.requests(TOOL, "unavailable"), 1.0);
    assert_eq!([page.get("server_up{server=\"a\"}"), page.get("server_wanted{server=\"a\"}")], [0.0, 0.0]);
    assert_eq!(page.get("exits_total{server=\"a\",reason=\"requested\"}"), 1.0);
    let info = "server_info{server=\"a\",kind=\"stdio\",state=\"stopped\",health=\"unknown\"}";
    assert_eq!(page.get(info), 1.0);
}

#[test]
fn what_finds_no_room_is_counted() {
    let fake = Fake::stdio().toml("stream_after_ms = 0");
    let proxy = Site::new().fake("a", fake).config("[limits]\nmax_calls = 2\n").start();
    let clients = [proxy.client("a"), proxy.client("a")];
    let _calls = clients.each_ref().map(|client| client.stream(&client.call_message("hang", json!({}))));
    wait(&proxy, "in_flight{server=\"a\"}", 2.0);
    proxy.client("a").try_call("pid", json!({})).unwrap_err();
    let page = scrape(&proxy);
    assert_eq!(page.get("rejections_total{server=\"a\",queue=\"calls\"}"), 1.0);
    assert_eq!(page.requests(TOOL, "overloaded"), 1.0);
}

#[test]
fn queues_that_are_full_are_counted() {
    let fake = || Fake::stdio().toml("stream_after_ms = 0");
    let config = "[limits]\nstdin_queue_bytes = 100000\nstream_queue_bytes = 100000\n";
    let proxy = Site::new().fake("a", fake()).fake("b", fake()).config(config).start();
    let client = proxy.client("a");
    let _wedged = client.stream(&client.call_message("wedge", json!({})));
    let _in_the_pipe = client.stream(&client.call_message("echo", json!({"text": "x".repeat(300_000)})));
    client.try_call("pid", json!({"text": "x".repeat(100_000)})).unwrap_err();
    let page = scrape(&proxy);
    assert!(page.get("rejections_total{server=\"a\",queue=\"stdin\"}") >= 1.0);
    assert_eq!(page.requests(TOOL, "overloaded"), 1.0);
    // A client that does not read its stream.
    let client = proxy.client("b");
    let token = "t".repeat(1000);
    let message = client.progress_message("progress", json!({"steps": 20_000, "ms": 0}), json!(token));
    let mut unread = Connection::open(&proxy.url("b"));
    unread.send("POST", &proxy.url("b"), &client.headers(), message.to_string().as_bytes());
    let lost = "rejections_total{server=\"b\",queue=\"stream_queue\"}";
    eventually(DEADLINE, || scrape(&proxy).get(lost) > 0.0);
}

#[test]
fn streams_are_counted_while_they_are_open() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let kind = |kind: &str| format!("server_streams{{server=\"a\",kind=\"{kind}\"}}");
    let client = proxy.client("a");
    let listening = client.listen();
    let line = SseClient::connect(&proxy.url("a/sse"));
    let subscribed = Modern::new(&proxy.url("a")).listen(json!({"toolsListChanged": true}));
    wait(&proxy, &kind("session"), 1.0);
    wait(&proxy, &kind("sse"), 1.0);
    wait(&proxy, &kind("listen"), 1.0);
    assert_eq!(line.text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(scrape(&proxy).requests(TOOL, "ok"), 1.0, "2024-11-05 counts as well");
    drop((listening, line, subscribed));
    ["session", "sse", "listen"].iter().for_each(|name| wait(&proxy, &kind(name), 0.0));
    wait(&proxy, "streams", 0.0);
}

#[test]
fn modern_requests_and_batches_are_counted() {
    let proxy = Site::new().fake("a", Fake::stdio().env("FAKE_ERAS", "both")).start();
    let modern = Modern::new(&proxy.url("a"));
    modern.discover();
    modern.text("echo", json!({"text": "hi"}));
    modern.call("fail", json!({"text": "no"}));
    let page = scrape(&proxy);
    let counted =
        [page.requests("other", "ok"), page.requests(TOOL, "ok"), page.requests(TOOL, "tool_error")];
    assert_eq!(counted, [1.0, 1.0, 1.0]);
    let client = proxy.client_with("a").revision("2025-03-26").connect();
    let echo = client.call_message("echo", json!({"text": "hi"}));
    client.post(&json!([client.message("ping", json!({})), echo]));
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"ok\"}", 2.0);
    wait(&proxy, "requests_total{server=\"a\",method=\"other\",outcome=\"ok\"}", 2.0);
}

#[test]
fn an_http_server_is_counted_too() {
    let proxy = Site::new().fake("a", Fake::http()).start();
    let client = proxy.client("a");
    client.text("echo", json!({"text": "hi"}));
    client.call("fail", json!({"text": "no"}));
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"tool_error\"}", 1.0);
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"ok\"}", 1.0);
    wait(&proxy, "requests_total{server=\"a\",method=\"initialize\",outcome=\"ok\"}", 1.0);
    // The three, and the notification that the client is there.
    wait(&proxy, "server_http_responses_total{server=\"a\",status=\"2xx\"}", 4.0);
    let page = scrape(&proxy);
    assert!(page.get("server_bytes_total{server=\"a\",direction=\"to_server\"}") > 300.0);
    assert!(page.get("server_bytes_total{server=\"a\",direction=\"from_server\"}") > 300.0);
    assert_eq!(page.get("session_events_total{server=\"a\",event=\"created\"}"), 1.0);
    let stream = client.listen();
    wait(&proxy, "server_streams{server=\"a\",kind=\"forwarded\"}", 1.0);
    drop(stream);
    wait(&proxy, "server_streams{server=\"a\",kind=\"forwarded\"}", 0.0);
    client.try_call("crash", json!({})).unwrap_err();
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"lost\"}", 1.0);
}

#[test]
fn who_is_refused_at_the_door_is_counted_by_why() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[auth]\nmode = \"token\"\n");
    let token = proxy.token(&["--servers", "a"]);
    let proxy = proxy.start();
    let get = |path: &str, fields: &[(&str, &str)]| request("GET", &proxy.url(path), fields, b"").status;
    assert_eq!(get("servers", &[]), 401);
    assert_eq!(get("servers", &[("Authorization", &format!("Bearer {token}"))]), 403);
    assert_eq!(get("health", &[("Origin", "http://evil.example")]), 403);
    for _ in 0..10 {
        assert_eq!(get("servers", &[("Authorization", "Bearer wrong")]), 401);
    }
    assert_eq!(get("servers", &[("Authorization", "Bearer wrong")]), 429);
    let page = scrape(&proxy);
    let refused = |reason: &str| page.get(&format!("auth_failures_total{{reason=\"{reason}\"}}"));
    let reasons = ["missing", "foreign", "origin", "unknown", "locked", "expired"].map(refused);
    assert_eq!(reasons, [1.0, 1.0, 1.0, 10.0, 1.0, 0.0]);
    assert_eq!(page.get("lockouts_total"), 1.0);
}

#[test]
fn the_listener_is_counted() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    raw(&proxy.url("health"), b"GET / HTTP/1.1\nHost: x\n\n");
    assert_eq!(request("GET", &proxy.url("nothing"), &[], b"").status, 404);
    let page = scrape(&proxy);
    assert!(page.get("http_responses_total{status=\"4xx\"}") >= 2.0);
    assert_eq!(page.get("http_malformed_total"), 1.0);
    assert!(page.get("http_requests_total") >= 2.0 && page.get("connections_total") >= 3.0);
    assert!(page.get("http_received_bytes_total") > 100.0 && page.get("http_sent_bytes_total") > 100.0);
    assert_eq!([page.get("servers"), page.get("servers_left_out")], [1.0, 0.0]);
}

#[test]
fn sleep_and_waking_are_counted() {
    let fake = Fake::stdio().toml("start = \"on-demand\"").toml("idle_stop_seconds = 1");
    let proxy = Site::new().fake("a", fake).config("[health]\ninterval_seconds = 1\n").start();
    assert_eq!(scrape(&proxy).get("server_up{server=\"a\"}"), 1.0, "asleep is well");
    proxy.client("a").text("echo", json!({"text": "hi"}));
    assert_eq!(scrape(&proxy).get("wakes_total{server=\"a\"}"), 1.0);
    wait(&proxy, "exits_total{server=\"a\",reason=\"asleep\"}", 1.0);
    assert_eq!(scrape(&proxy).get("restarts_total{server=\"a\"}"), 0.0);
}

#[test]
fn a_session_that_comes_back_is_revived() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    proxy.stop();
    proxy.start_again();
    client.text("echo", json!({"text": "hi"}));
    let page = scrape(&proxy);
    let event = |event: &str| page.get(&format!("session_events_total{{server=\"a\",event=\"{event}\"}}"));
    assert_eq!([event("created"), event("revived")], [0.0, 1.0]);
}

#[test]
fn counters_never_go_back_while_the_name_lives() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    client.text("echo", json!({"text": "hi"}));
    let before = scrape(&proxy);
    proxy.site.add("a", &Fake::stdio().env("X", "1"));
    assert!(proxy.site.run(&["reload"]).status.success());
    client.text("echo", json!({"text": "hi"}));
    let after = scrape(&proxy);
    for (sample, value) in before.0.iter().filter(|(sample, _)| sample.contains("_total")) {
        assert!(after.0.get(sample).is_some_and(|now| now >= value), "{sample}: {value}");
    }
    fs::remove_dir_all(proxy.site.folder().join("servers/a")).unwrap();
    assert!(proxy.site.run(&["reload"]).status.success());
    let gone = text(&proxy);
    assert!(!gone.contains("server=\"a\""), "{gone}");
}
