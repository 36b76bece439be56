//! Sessions with HTTP servers outlive the server's process, and the proxy's.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Kills its child and waits until the proxy has noticed: a call that meets the dying one fails with it.
fn kill_child(proxy: &Proxy, name: &str) {
    let restarts = proxy.server(name)["restarts"].as_u64().unwrap();
    kill_process(Pid::from_raw(proxy.child(name)).unwrap(), Signal::KILL).unwrap();
    proxy.wait_server(name, |entry| entry["restarts"] == restarts + 1);
}

fn remote(site: Site, url: &str) -> Site {
    site.write("servers/far/server.toml", &format!("url = {url:?}\n"));
    site
}

fn one(fake: Fake) -> Proxy {
    let proxy = Site::new().fake("b", fake).start();
    proxy.wait_ready("b");
    proxy
}

/// How often a tool was called with this text, as the server sees it.
fn calls_with(client: &Client, text: &str) -> usize {
    let received: Vec<String> = serde_json::from_value(client.json("received", json!({}))).unwrap();
    let wanted = json!({"text": text}).to_string();
    received.iter().filter(|line| line.contains("tools/call") && line.contains(&wanted)).count()
}

#[test]
fn neither_side_learns_the_others_id() {
    let proxy = one(Fake::http());
    let clients = [proxy.client("b"), proxy.client("b")];
    assert_ne!(clients[0].session(), clients[1].session());
    for client in &clients {
        assert_eq!(client.session().len(), 112, "{}", client.session());
        let answer = client.post(&client.call_message("echo", json!({"text": "hi"})));
        assert_eq!(answer.header("mcp-session-id"), Some(client.session()), "{answer:?}");
        assert_eq!(client.listen().head.header("mcp-session-id"), Some(client.session()));
    }
    let named: Vec<String> = serde_json::from_value(clients[0].json("named", json!({}))).unwrap();
    assert!(named.len() >= 2 && named.iter().all(|id| id.starts_with("fake-") || id.is_empty()), "{named:?}");
}

#[test]
fn a_server_without_sessions_gets_none() {
    let proxy = one(Fake::http().env("FAKE_NO_SESSIONS", "1"));
    let client = proxy.client("b");
    assert_eq!(client.session(), "");
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn many_calls_that_meet_a_forgotten_session_begin_it_once() {
    for how in ["404", "400", "text"] {
        let proxy = one(Fake::http().env("FAKE_FORGETS", how));
        let client = proxy.client("b");
        let before: u64 = client.text("initializes", json!({})).parse().unwrap();
        assert_eq!(client.text("forget", json!({})), "forgotten");
        std::thread::scope(|scope| {
            for n in 0..20 {
                let client = &client;
                let text = format!("call {n}.");
                scope.spawn(move || assert_eq!(client.text("echo", json!({"text": text})), text));
            }
        });
        assert_eq!(client.text("initializes", json!({})), (before + 1).to_string(), "{how}");
        for n in 0..20 {
            assert_eq!(calls_with(&client, &format!("call {n}.")), 1, "{how}: call {n}");
        }
        assert_eq!(client.text("sessions", json!({})), "1");
    }
}

#[test]
fn what_a_client_has_said_is_said_again() {
    let proxy = one(Fake::http());
    let client = proxy.client_with("b").capabilities(json!({"roots": {}})).connect();
    client.request("logging/setLevel", json!({"level": "warning"})).unwrap();
    for uri in ["note:///1", "note:///2", "note:///3"] {
        client.request("resources/subscribe", json!({"uri": uri})).unwrap();
    }
    client.request("resources/unsubscribe", json!({"uri": "note:///2"})).unwrap();
    let before = client.json("state", json!({}));
    for again in 1..3 {
        kill_child(&proxy, "b");
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
        assert_eq!(client.json("state", json!({})), before);
        assert_eq!(proxy.server("b")["restarts"], again);
    }
}

#[test]
fn a_call_in_flight_is_not_made_again() {
    let proxy = one(Fake::http());
    let client = proxy.client("b");
    let error = client.try_call("crash", json!({"code": 3})).unwrap_err();
    assert_eq!(error["data"]["exit_code"], 3, "{error}");
    let answers = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..20).map(|_| scope.spawn(|| client.text("echo", json!({"text": "again"})))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(answers.iter().all(|answer| answer == "again"));
    assert_eq!(proxy.server("b")["restarts"], 1);
    assert_eq!(client.text("sessions", json!({})), "1");
}

#[test]
fn the_stream_of_a_client_goes_on_with_the_next_child() {
    let proxy = one(Fake::http());
    let client = proxy.client("b");
    let stream = client.listen();
    let notify = |method: &str| {
        eventually(DEADLINE, || client.text("notify", json!({"method": method})) == "1");
        assert_eq!(stream.next_message().1["method"], method);
    };
    notify("notifications/before");
    for life in ["notifications/second", "notifications/third"] {
        kill_child(&proxy, "b");
        notify(life);
    }
    proxy.site.run(&["restart", "b"]);
    notify("notifications/restarted");
    assert_eq!(client.end().status, 200);
    stream.wait_end();
}

#[test]
fn the_stream_of_a_client_goes_on_with_a_server_elsewhere() {
    let fake = FakeHttp::start();
    let proxy = remote(Site::new(), &fake.url).start();
    let client = proxy.client("far");
    let stream = client.listen();
    let port = fake.url.split([':', '/']).nth(4).unwrap().to_string();
    drop(fake);
    let _next = FakeHttp::with(&[("PORT", &port)]);
    let notify = json!({"method": "notifications/after"});
    eventually(DEADLINE, || client.text("notify", notify.clone()) == "1");
    assert_eq!(stream.next_message().1["method"], "notifications/after");
}

#[test]
fn a_session_outlives_the_proxy() {
    let fake = FakeHttp::start();
    let mut proxy = remote(Site::new(), &fake.url).fake("b", Fake::http()).start();
    let (far, near) = (proxy.client("far"), proxy.client("b"));
    near.request("logging/setLevel", json!({"level": "error"})).unwrap();
    let state = near.json("state", json!({}));
    let begun = far.text("initializes", json!({}));
    proxy.kill();
    proxy.start_again();
    assert_eq!(near.text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(near.json("state", json!({})), state);
    // What a server elsewhere calls it, it still does.
    assert_eq!(far.text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(far.text("sessions", json!({})), "1");
    assert_eq!(far.text("initializes", json!({})), begun);
    far.text("forget", json!({}));
    assert_eq!(far.text("echo", json!({"text": "again"})), "again");
    // Without its record the id has to do.
    proxy.kill();
    std::fs::remove_dir_all(proxy.site.state_dir().join("sessions")).unwrap();
    proxy.start_again();
    let state = near.json("state", json!({}));
    assert_eq!(state["client"]["protocolVersion"], "2025-11-25", "{state}");
    assert_eq!(far.text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn a_session_that_was_ended_stays_so() {
    let mut proxy = one(Fake::http());
    let (client, other) = (proxy.client("b"), proxy.client("b"));
    assert_eq!(client.end().status, 200);
    assert_eq!(other.text("sessions", json!({})), "1");
    kill_child(&proxy, "b");
    // No server knows that one: there is nobody to ask.
    assert_eq!(other.end().status, 200);
    for _ in 0..2 {
        for client in [&client, &other] {
            let answer = client.post(&client.message("ping", json!({})));
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!(-32001)), "{answer:?}");
            assert_eq!(client.end().status, 404);
        }
        proxy.kill();
        proxy.start_again();
    }
}

#[test]
fn a_server_may_keep_its_sessions() {
    let proxy = one(Fake::http().env("FAKE_KEEPS_SESSIONS", "1"));
    let client = proxy.client("b");
    let refused = client.end();
    assert_eq!((refused.status, refused.header("mcp-session-id")), (405, Some(client.session())));
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn ids_of_others_do_not_reach_the_server() {
    let fake = FakeHttp::start();
    let proxy = remote(Site::new(), &fake.url).fake("b", Fake::http()).start();
    proxy.wait_ready("b");
    let (client, far) = (proxy.client("b"), proxy.client("far"));
    let named = client.json("named", json!({}));
    let id = client.session();
    let forged = format!("{}{}", if id.starts_with('0') { '1' } else { '0' }, &id[1..]);
    let theirs = named.as_array().unwrap().last().unwrap().as_str().unwrap();
    for wrong in [far.session(), &forged, &id[..111], &format!("{id}0"), theirs, "x"] {
        let mut headers = client.headers();
        headers.retain(|(name, _)| *name != "Mcp-Session-Id");
        headers.push(("Mcp-Session-Id", wrong));
        let message = client.call_message("echo", json!({"text": "mine"})).to_string();
        for (method, body) in [("POST", message.as_bytes()), ("GET", b""), ("DELETE", b"")] {
            let answer = request(method, &proxy.url("b"), &headers, body);
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!(-32001)), "{wrong}");
        }
    }
    assert_eq!(client.json("named", json!({})), named);
    assert_eq!(calls_with(&client, "mine"), 0);
}

#[test]
fn a_server_on_demand_sleeps_under_its_sessions() {
    let lazy = || Fake::http().toml("start = \"on-demand\"").toml("idle_stop_seconds = 1");
    let often = "[health]\ninterval_seconds = 1\n";
    let proxy = Site::new().config(often).fake("b", lazy()).fake("c", lazy()).start();
    let (client, listener) = (proxy.client("b"), proxy.client("c"));
    let stream = listener.listen();
    for _ in 0..2 {
        proxy.wait_server("b", |entry| entry["reason"] == "asleep");
        assert_eq!(client.text("echo", json!({"text": "awake"})), "awake");
    }
    proxy.wait_server("b", |entry| entry["reason"] == "asleep");
    assert_eq!(proxy.server("c")["state"], "ready", "somebody listens to it");
    drop(stream);
    proxy.wait_server("c", |entry| entry["reason"] == "asleep");
    // A session can be ended without waking anybody.
    assert_eq!(listener.end().status, 200);
    assert_eq!(proxy.server("c")["reason"], "asleep");
}

#[test]
fn a_bridged_call_does_not_notice_that_its_server_has_forgotten() {
    let proxy = one(Fake::http());
    let (modern, old) = (Modern::new(&proxy.url("b")), SseClient::connect(&proxy.url("b/sse")));
    for forgets in [true, false] {
        assert_eq!(modern.text("echo", json!({"text": "modern"})), "modern");
        assert_eq!(old.text("echo", json!({"text": "old"})), "old");
        match forgets {
            true => drop(modern.text("forget", json!({}))),
            false => kill_child(&proxy, "b"),
        }
    }
    assert_eq!(modern.text("echo", json!({"text": "modern"})), "modern");
    assert_eq!(old.text("echo", json!({"text": "old"})), "old");
}
