//! Sessions that outlive the proxy: after a restart, at another proxy, after a reload the client's next request works.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;

/// SIGKILL, and the same again at the same address.
#[track_caller]
fn kill_and_start(proxy: &mut Proxy) {
    proxy.kill();
    proxy.start_again();
}

/// Another proxy with the same servers and the same state folder.
#[track_caller]
fn sharing(proxy: &Proxy, config: &str) -> Proxy {
    let site = Site::new().fake("a", Fake::stdio()).config(config);
    symlink(proxy.site.state_dir(), site.state_dir()).unwrap();
    site.start()
}

/// What a request of this session is answered.
#[track_caller]
fn status(client: &Client) -> u16 {
    client.post(&client.message("ping", json!({}))).status
}

#[track_caller]
fn assert_unknown(client: &Client) {
    let ping = client.post(&client.message("ping", json!({})));
    assert_eq!((ping.status, &ping.json()["error"]["code"]), (404, &json!(-32001)), "{ping:?}");
    assert_eq!(client.end().status, 404);
    let mut headers = client.headers();
    headers.retain(|(name, _)| *name != "Content-Type");
    let url = client.url();
    assert_eq!(request("GET", url, &headers, b"").status, 404);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    assert_eq!(client.post(&answer).status, 404);
}

#[track_caller]
fn subscribe(client: &Client, uri: &str) {
    assert_eq!(client.request("resources/subscribe", json!({ "uri": uri })), Ok(json!({})));
}

#[track_caller]
fn set_level(client: &Client, level: &str) {
    assert_eq!(client.request("logging/setLevel", json!({ "level": level })), Ok(json!({})));
}

#[test]
fn after_a_restart_of_the_proxy_the_next_request_simply_works() {
    let mut proxy = proxy(Fake::stdio());
    let old = proxy.client_with("a").revision("2025-06-18").connect();
    let (called, noted) = (proxy.client("a"), proxy.client("a"));
    for round in ["one", "two"] {
        kill_and_start(&mut proxy);
        assert_eq!(called.text("echo", json!({ "text": round })), round);
        noted.notify("notifications/initialized", json!({}));
        assert_eq!(old.request("ping", json!({})), Ok(json!({})));
        assert_eq!(entry(&proxy, "a")["sessions"], 3);
        assert_eq!(called.text("initializes", json!({})), "1", "the child is one that was greeted once");
    }
}

#[test]
fn what_a_session_wanted_is_wanted_again() {
    let mut proxy = proxy(Fake::stdio());
    let (client, other) = (proxy.client("a"), proxy.client("a"));
    for uri in ["test://x", "test://y", "test://z"] {
        subscribe(&client, uri);
    }
    assert_eq!(client.request("resources/unsubscribe", json!({"uri": "test://y"})), Ok(json!({})));
    set_level(&client, "notice");
    kill_and_start(&mut proxy);
    // The child runs already when the session appears.
    assert_eq!(other.json("state", json!({}))["subscriptions"], json!([]));
    let stream = client.listen();
    let state = other.json("state", json!({}));
    assert_eq!(
        (&state["level"], &state["subscriptions"]),
        (&json!("notice"), &json!(["test://x", "test://z"]))
    );
    assert_eq!(other.text("touch", json!({"uri": "test://x"})), "sent");
    assert_eq!(stream.next_message().1["params"]["uri"], "test://x");
    list_changed(&other, "tools");
    assert_list_changed(&stream, "tools");
}

#[test]
fn the_stream_goes_on_whatever_the_client_has_seen_last() {
    let mut proxy = streaming();
    let client = proxy.client("a");
    let before = hang(&client).next_event().1.id.expect("an id for whoever comes back");
    let stream = client.listen();
    list_changed(&client, "tools");
    let seen =
        std::iter::from_fn(|| stream.event_or_end()).find_map(|event| event.data.and(event.id)).unwrap();
    kill_and_start(&mut proxy);
    // The stream of the first call is not taken for that of the first call of the time before.
    let call = hang(&client);
    call.next_event();
    let lost = client.resume(Some(&before));
    let told = lost.next_message().1;
    assert_eq!((&told["error"]["code"], &told["error"]["data"]["reason"]), (&json!(-32603), &json!("lost")));
    assert!(before.ends_with(&format!("-{}", told["id"])), "{before}: {told}");
    lost.wait_end();
    for last in [seen.as_str(), "0-0", "nonsense", "99-1"] {
        println!("{last}");
        let stream = client.resume(Some(last));
        if last != "99-1" {
            list_changed(&client, "tools");
            assert_list_changed(&stream, "tools");
        }
    }
}

#[test]
fn the_child_of_a_session_is_greeted_as_the_session_began() {
    let mut proxy = proxy(Fake::stdio().toml("instances = \"per-session\""));
    let capabilities = json!({"sampling": {}, "roots": {"listChanged": true}, "experimental": {"x": 1}});
    let client = proxy.client_with("a").revision("2025-06-18").capabilities(capabilities).connect();
    let hello = at_child(&client, "initialize")[0]["params"].clone();
    assert_eq!(hello["capabilities"]["experimental"]["x"], 1);
    set_level(&client, "notice");
    subscribe(&client, "test://x");
    kill_and_start(&mut proxy);
    assert_eq!(entry(&proxy, "a")["children"].as_array().map_or(0, Vec::len), 0, "nobody has called");
    // Who listens for what it has subscribed to needs its child, and calls the same one.
    let stream = client.listen();
    eventually(DEADLINE, || entry(&proxy, "a")["children"].as_array().map_or(0, Vec::len) == 1);
    assert_eq!(at_child(&client, "initialize")[0]["params"], hello);
    let state = client.json("state", json!({}));
    assert_eq!((&state["level"], &state["subscriptions"]), (&json!("notice"), &json!(["test://x"])));
    assert_eq!(client.text("touch", json!({"uri": "test://x"})), "sent");
    assert_eq!(stream.next_message().1["params"]["uri"], "test://x");
}

/// Also for a stream no more children run than may: the next call waits for a place.
#[test]
fn at_the_cap_a_stream_has_no_child_started() {
    let mut proxy = proxy(Fake::stdio().toml("instances = \"per-session\"\nmax_instances = 1"));
    let (client, busy) = (proxy.client("a"), proxy.client("a"));
    subscribe(&client, "test://x");
    kill_and_start(&mut proxy);
    let message = busy.call_message("hang", json!({}));
    let call = busy.stream(&message);
    let pid = || entry(&proxy, "a")["children"][0]["pid"].as_u64();
    eventually(DEADLINE, || pid().is_some());
    let (first, stream) = (pid(), client.listen());
    busy.notify("notifications/cancelled", json!({"requestId": message["id"]}));
    call.wait_end();
    assert_eq!(pid(), first);
    assert_eq!(client.text("touch", json!({"uri": "test://x"})), "sent");
    assert_eq!(stream.next_message().1["params"]["uri"], "test://x");
    assert_ne!(pid(), first);
}

#[test]
fn a_session_whose_record_is_lost_goes_on_with_what_its_id_says() {
    let mut proxy = proxy(Fake::stdio().toml("instances = \"per-session\""));
    let capabilities = json!({"sampling": {}, "elicitation": {"url": {}}});
    let client = proxy.client_with("a").revision("2025-06-18").capabilities(capabilities.clone()).connect();
    proxy.kill();
    std::fs::remove_dir_all(proxy.site.state_dir().join("sessions")).unwrap();
    proxy.start_again();
    let hello = at_child(&client, "initialize")[0]["params"].clone();
    assert_eq!((&hello["protocolVersion"], &hello["capabilities"]), (&json!("2025-06-18"), &capabilities));
}

#[test]
fn what_was_ended_stays_ended() {
    let mut proxy = proxy(Fake::stdio());
    let (gone, forgotten, client) = (proxy.client("a"), proxy.client("a"), proxy.client("a"));
    assert_eq!(gone.end().status, 200);
    kill_and_start(&mut proxy);
    assert_unknown(&gone);
    assert_eq!(forgotten.end().status, 200, "it is not in memory");
    assert_unknown(&forgotten);
    kill_and_start(&mut proxy);
    assert_unknown(&gone);
    assert_unknown(&forgotten);
    assert_eq!(status(&client), 200);
}

#[test]
fn whoever_was_not_given_the_id_is_not_let_in() {
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio());
    let mut proxy = site.config("[limits]\nsession_max_age_seconds = 3600\n").start();
    let (client, stranger) = (proxy.client("a"), proxy.client("b"));
    let elsewhere = self::proxy(Fake::stdio());
    let foreign = elsewhere.client("a");
    kill_and_start(&mut proxy);
    let id = client.session();
    let (head, last) = id.split_at(id.len() - 1);
    let forged = format!("{head}{}", if last == "0" { "1" } else { "0" });
    let ids = [
        forged.as_str(),
        head,
        &format!("{id}0"),
        &id.to_uppercase(),
        stranger.session(),
        foreign.session(),
        "x",
        &"0".repeat(112),
        &"f".repeat(4000),
    ];
    for id in ids {
        assert_unknown(&client.with_session(id));
    }
    assert_eq!(entry(&proxy, "a")["sessions"], 0, "a wrong id makes nothing");
    assert_eq!(status(&client), 200);
    proxy.kill();
    proxy.site.write("proxy.toml", "[limits]\nsession_max_age_seconds = 1\n");
    proxy.start_again();
    eventually(DEADLINE, || status(&client) == 404);
    assert_unknown(&client);
}

#[test]
fn many_requests_at_once_revive_one_session() {
    let mut proxy = proxy(Fake::stdio().toml("instances = \"per-session\"\nmax_instances = 8"));
    let client = proxy.client("a");
    kill_and_start(&mut proxy);
    let pids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| client.text("pid", json!({})))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(pids.len(), 1, "{pids:?}");
    assert_eq!(entry(&proxy, "a")["sessions"], 1);
}

#[test]
fn sessions_outlive_a_change_of_their_server() {
    let proxy = proxy(Fake::stdio().env("FAKE_NAME", "old"));
    let client = proxy.client("a");
    let stream = client.listen();
    subscribe(&client, "test://x");
    for more in ["", "instances = \"per-session\"", "eras = \"legacy\""] {
        let before = child_pid(&client);
        proxy.site.add("a", &Fake::stdio().env("FAKE_NAME", "new").toml(more));
        assert!(proxy.site.run(&["reload"]).status.success());
        eventually(DEADLINE, || child_pid(&client) != before);
        assert_eq!(client.json("state", json!({}))["subscriptions"], json!(["test://x"]), "{more}");
    }
    stream.wait_end();
    let stream = client.listen();
    assert_eq!(client.text("touch", json!({"uri": "test://x"})), "sent");
    assert_eq!(stream.next_message().1["params"]["uri"], "test://x");
}

#[test]
fn proxies_that_share_the_state_folder_share_the_sessions() {
    let proxy = proxy(Fake::stdio());
    let other = sharing(&proxy, "[health]\ninterval_seconds = 1\n");
    let (client, gone) = (proxy.client("a"), proxy.client("a"));
    set_level(&client, "notice");
    let (at_other, gone_at_other) = (client.at(&other.url("a")), gone.at(&other.url("a")));
    assert_eq!(at_other.json("state", json!({}))["level"], "notice");
    assert_eq!(status(&gone_at_other), 200);
    let stream = gone_at_other.listen();
    assert_eq!(gone.end().status, 200);
    stream.wait_end();
    assert_unknown(&gone_at_other);
    assert_eq!(status(&at_other), 200);
}

#[test]
fn proxies_that_share_the_key_alone_know_each_others_sessions() {
    let start = |site: &Site| site.write("key", "a secret that only these two proxies have\n");
    let sites = [Site::new(), Site::new()].map(|site| {
        let key = start(&site);
        site.fake("a", Fake::stdio()).config(&format!("[proxy]\nsession_key_file = {key:?}\n"))
    });
    let [one, other] = sites.map(Site::start);
    let client = one.client_with("a").capabilities(json!({"sampling": {}})).connect();
    set_level(&client, "notice");
    let client = client.at(&other.url("a"));
    let call = client.begin(&client.call_message("ask", json!({"kind": "sampling"})));
    let question: Value = call.expect("a question, before the answer").next_message().1;
    assert_eq!(question["method"], "sampling/createMessage");
}
