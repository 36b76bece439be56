//! `instances = "per-session"`: each session has a child of its own, and everything about it is that client's.

use crate::harness::*;
use crate::rig::*;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// A server of these eras, `a`, with a child for each session.
#[track_caller]
fn own_child(eras: &str, more: &str) -> Proxy {
    let site = Site::new().config("[restart]\nrestart_wait_seconds = 1\n");
    site.fake("a", fake(eras).toml("instances = \"per-session\"").toml(more)).start()
}

fn is_alive(proxy: &Proxy, pid: &str) -> bool {
    proxy.descendants().iter().any(|(alive, _)| alive.to_string() == pid)
}

#[track_caller]
fn pid(client: &Client) -> String {
    client.text("pid", json!({}))
}

#[track_caller]
fn state(client: &Client) -> Value {
    client.json("state", json!({}))
}

#[test]
fn every_session_has_its_own_state() {
    let proxy = own_child("legacy", "");
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    assert_ne!(pid(&one), pid(&two));
    one.request("logging/setLevel", json!({"level": "error"})).unwrap();
    two.request("logging/setLevel", json!({"level": "debug"})).unwrap();
    one.request("resources/subscribe", json!({"uri": "test://x"})).unwrap();
    assert_eq!((&state(&one)["level"], &state(&two)["level"]), (&json!("error"), &json!("debug")));
    assert_eq!(state(&two)["subscriptions"], json!([]));
    one.call("add_tool", json!({"name": "mine"}));
    let has_it =
        |client: &Client| client.request("tools/list", json!({})).unwrap().to_string().contains("\"mine\"");
    assert!(has_it(&one) && !has_it(&two));
}

#[test]
fn the_child_knows_its_client() {
    let proxy = own_child("legacy", "");
    let capabilities = json!({"roots": {"listChanged": true}, "sampling": {}, "experimental": {"x": {}}});
    let client = proxy.client_with("a").revision("2025-06-18").capabilities(capabilities.clone()).connect();
    let told = state(&client)["client"].clone();
    assert_eq!((&told["capabilities"], &told["protocolVersion"]), (&capabilities, &json!("2025-06-18")));
    assert_eq!(told["clientInfo"], json!({"name": "test", "version": "1.0.0"}));
}

#[test]
fn the_child_may_ask_for_roots_and_hears_when_they_change() {
    for eras in ["legacy", "modern"] {
        println!("{eras}");
        let proxy = own_child(eras, "");
        let client = Anyone::Legacy(
            proxy.client_with("a").capabilities(json!({"roots": {"listChanged": true}})).connect(),
        );
        assert_eq!(client.asked("ask", json!({"kind": "roots"})), answer_to("roots/list"));
        let Anyone::Legacy(session) = &client else { unreachable!() };
        session.notify("notifications/roots/list_changed", json!({}));
        let heard = received(&client).iter().any(|it| it["method"] == "notifications/roots/list_changed");
        assert_eq!(heard, eras == "legacy", "the modern era has no such notification");
    }
}

#[test]
fn two_sessions_may_be_asked_at_once() {
    let proxy = own_child("legacy", "");
    let able = || proxy.client_with("a").capabilities(json!({"sampling": {}})).connect();
    let clients = [able(), able()];
    let begin = |client: &Client| client.stream(&client.call_message("ask", json!({"kind": "sampling"})));
    let calls = clients.each_ref().map(begin);
    for (place, (client, call)) in clients.iter().zip(&calls).enumerate() {
        let (_, question) = call.next_message();
        client.answer(&question["id"], json!(place));
    }
    for (place, call) in calls.iter().enumerate() {
        assert_eq!(text_of(&call.next_message().1["result"]), place.to_string());
    }
}

#[test]
fn the_end_of_the_session_is_the_childs() {
    let proxy = own_child("legacy", "");
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    let (ends, stays) = (pid(&one), pid(&two));
    assert_eq!(one.end().status, 200);
    eventually(DEADLINE, || !is_alive(&proxy, &ends));
    assert_eq!(pid(&two), stays);
}

#[test]
fn the_death_of_a_child_is_its_sessions_alone() {
    let proxy = own_child("legacy", "");
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    let stays = pid(&two);
    one.request("logging/setLevel", json!({"level": "error"})).unwrap();
    assert_eq!(one.try_call("abort", json!({})).unwrap_err()["code"], -32603);
    assert_eq!(state(&one)["level"], "error", "the new child is told");
    assert_eq!(pid(&two), stays);
}

#[test]
fn at_the_cap_the_one_idle_longest_makes_room_and_comes_back() {
    let proxy = own_child("legacy", "max_instances = 2");
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    one.request("logging/setLevel", json!({"level": "error"})).unwrap();
    let (first, second) = (pid(&one), pid(&two));
    let three = proxy.client("a");
    let third = pid(&three);
    eventually(DEADLINE, || !is_alive(&proxy, &first));
    assert!(is_alive(&proxy, &second) && is_alive(&proxy, &third));
    assert_eq!(state(&one)["level"], "error", "with what it was told");
    eventually(DEADLINE, || !is_alive(&proxy, &second));
    assert_eq!(pid(&three), third);
}

#[test]
fn at_the_cap_with_all_busy_the_newcomer_waits_and_is_refused() {
    let proxy = own_child("legacy", "max_instances = 1");
    let (busy, late) = (proxy.client("a"), proxy.client("a"));
    let message = busy.call_message("hang", json!({}));
    let call = busy.stream(&message);
    let refused = late.try_call("echo", json!({"text": "hi"})).unwrap_err();
    assert_eq!(refused["code"], -32603, "{refused}");
    busy.notify("notifications/cancelled", json!({"requestId": message["id"]}));
    call.wait_end();
    assert_eq!(late.text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn tasks_pass() {
    let site = Site::new().fake("shared", fake("legacy").env("FAKE_TASKS", "1"));
    let own = fake("legacy").env("FAKE_TASKS", "1").toml("instances = \"per-session\"");
    let proxy = site.fake("own", own).start();
    assert_eq!(proxy.client("shared").server["capabilities"].get("tasks"), None);
    let client = proxy.client("own");
    assert!(client.server["capabilities"]["tasks"].is_object(), "{}", client.server);
    let params = json!({"name": "echo", "arguments": {}, "task": {"ttl": 60000}});
    let task = client.request("tools/call", params).unwrap()["task"].clone();
    let id = json!({"taskId": task["taskId"]});
    assert_eq!(client.request("tasks/get", id.clone()).unwrap()["status"], "completed");
    assert_eq!(text_of(&client.request("tasks/result", id).unwrap()), "echo");
}

/// A server takes a moment to stop, and clients do not wait for that.
#[test]
fn sessions_that_begin_while_the_server_is_replaced_hold_nothing_up() {
    let slow = || {
        let slow = fake("legacy").env("FAKE_IGNORE_EOF", "1").env("FAKE_START_DELAY_MS", "300");
        slow.toml("instances = \"per-session\"")
    };
    let proxy = Site::new().fake("a", slow()).start();
    let client = proxy.client("a");
    proxy.site.add("a", &slow().env("FAKE_NAME", "new"));
    proxy.signal(Signal::HUP);
    let hello = client.message("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}}));
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let begin = || request("POST", &proxy.url("a"), &headers, hello.to_string().as_bytes()).json();
    eventually(DEADLINE, || begin()["result"]["serverInfo"]["name"] == "new");
    let is_child = |(_, command): &&(i32, String)| command.contains("fake_stdio");
    let known = || entry(&proxy, "a")["children"].as_array().map(Vec::len);
    eventually(DEADLINE, || known() == Some(proxy.descendants().iter().filter(is_child).count()));
}

/// The sessions there are may be many more than the children there may be.
#[test]
fn who_restarts_the_server_wakes_no_child_that_sleeps() {
    let site = Site::new();
    let counter = site.folder().join("starts");
    let server = fake("legacy").env("FAKE_COUNTER_FILE", counter.to_str().unwrap());
    let server = server.toml("instances = \"per-session\"").toml("max_instances = 1");
    let proxy = site.fake("a", server).start();
    let (_asleep, awake) = (proxy.client("a"), proxy.client("a"));
    let before = pid(&awake);
    assert!(proxy.site.run(&["restart", "a"]).status.success());
    eventually(DEADLINE, || !is_alive(&proxy, &before));
    assert_ne!(pid(&awake), before);
    let starts = std::fs::read(&counter).unwrap().len();
    assert!(starts <= 4, "two at first, one again, and the first child of the server: not {starts}");
}

#[test]
fn a_child_that_somebody_waits_for_makes_no_room() {
    let slow = fake("legacy").env("FAKE_START_DELAY_MS", "500").toml("instances = \"per-session\"");
    let proxy = Site::new().fake("a", slow.toml("max_instances = 1")).start();
    let clients = std::thread::scope(|scope| {
        let both = [0, 1].map(|_| scope.spawn(|| proxy.client("a")));
        both.map(|thread| thread.join().unwrap())
    });
    let running = || entry(&proxy, "a")["children"].as_array().map(Vec::len);
    eventually(DEADLINE, || running() == Some(1));
    clients.iter().for_each(|client| assert_eq!(client.text("echo", json!({"text": "hi"})), "hi"));
}

#[test]
fn however_many_begin_at_once_there_are_never_more_children() {
    let site = Site::new().config("[restart]\nrestart_wait_seconds = 30\n");
    let own = "instances = \"per-session\"\nmax_instances = 2\n";
    let proxy = site.fake("a", fake("legacy").toml(own)).start();
    let over = AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                let all = proxy.descendants();
                most = most.max(all.iter().filter(|(_, command)| command.contains("fake_stdio")).count());
            }
            most
        });
        let begin =
            |_| scope.spawn(|| assert_eq!(proxy.client("a").text("echo", json!({"text": "hi"})), "hi"));
        let clients: Vec<_> = (0..12).map(begin).collect();
        // All of them, before it is asked how it went.
        let went: Vec<bool> = clients.into_iter().map(|client| client.join().is_ok()).collect();
        over.store(true, Ordering::Relaxed);
        assert!(went.into_iter().all(|well| well), "each is served in its turn");
        watch.join().unwrap()
    });
    assert!(most <= 2, "{most} children at once");
}
