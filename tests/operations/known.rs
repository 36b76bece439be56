//! What servers have answered before is answered while they sleep, and compared when they are back.

use super::*;
use serde_json::json;
use std::path::PathBuf;

/// Idle children are stopped within seconds.
const SLEEPY: &str = "[health]\ninterval_seconds = 1\n[defaults]\nidle_stop_seconds = 1\n";
const LISTS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// Where the answers of a server's child are kept; `a+modern` is the second one of `a`.
fn answers(proxy: &Proxy, child: &str) -> PathBuf {
    proxy.site.state_dir().join(format!("answers/{child}.json"))
}

/// Waits until this is known of it.
#[track_caller]
fn wait_known(proxy: &Proxy, child: &str, words: &str) {
    let file = answers(proxy, child);
    eventually(DEADLINE, || std::fs::read_to_string(&file).is_ok_and(|text| text.contains(words)));
}

#[track_caller]
fn wait_asleep(proxy: &Proxy, name: &str) {
    proxy.wait_server(name, |entry| entry["reason"] == "asleep" && entry["state"] == "stopped");
}

/// A proxy that is started again with what it knows of its server.
#[track_caller]
fn known(fake: Fake) -> Proxy {
    let mut proxy = Site::new().config(SLEEPY).fake("a", fake).start();
    proxy.wait_ready("a");
    wait_known(&proxy, "a", "resources/templates/list");
    proxy.kill();
    proxy.start_again();
    wait_asleep(&proxy, "a");
    proxy
}

/// All that a client asks before it calls anything.
#[track_caller]
fn begin(proxy: &Proxy) -> (Client, Vec<Value>) {
    let client = proxy.client("a");
    let lists = LISTS.map(|list| client.request(list, json!({})).unwrap());
    assert_eq!(client.request("ping", json!({})), Ok(json!({})));
    let all = std::iter::once(client.server.clone()).chain(lists).collect();
    (client, all)
}

#[track_caller]
fn begin_modern(proxy: &Proxy) -> Vec<Value> {
    let client = Modern::new(&proxy.url("a"));
    let methods = ["server/discover"].into_iter().chain(LISTS);
    methods.map(|method| client.request(method, json!({})).unwrap()).collect()
}

#[track_caller]
fn assert_no_child(proxy: &Proxy) {
    assert_eq!(proxy.server("a")["children"], json!([]));
    assert_eq!(proxy.log().iter().filter(|line| line.contains(": started")).count(), 0);
}

#[test]
fn the_start_of_a_client_wakes_no_server_of_either_era() {
    for eras in ["legacy", "modern", "both"] {
        let mut proxy = Site::new().fake("a", Fake::stdio().env("FAKE_ERAS", eras)).start();
        proxy.wait_ready("a");
        let before = (begin(&proxy).1, begin_modern(&proxy));
        wait_known(&proxy, "a", "resources/templates/list");
        if eras == "both" {
            wait_known(&proxy, "a+modern", "resources/templates/list");
        }
        proxy.kill();
        proxy.start_again();
        wait_asleep(&proxy, "a");
        let (client, legacy) = begin(&proxy);
        let _stream = client.listen();
        client.notify("notifications/roots/list_changed", json!({}));
        assert_eq!((legacy, begin_modern(&proxy)), before, "{eras}");
        assert_no_child(&proxy);
        assert_eq!(client.text("echo", json!({"text": "awake"})), "awake");
        let modern = Modern::new(&proxy.url("a"));
        let called =
            modern.request("tools/call", json!({"name": "echo", "arguments": {"text": "hi"}})).unwrap();
        assert_eq!(called["content"][0]["text"], "hi");
    }
}

#[test]
fn sleeping_servers_have_no_process() {
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let site = names.iter().fold(Site::new(), |site, name| site.fake(name, Fake::stdio()));
    let mut proxy = site.start();
    names.iter().for_each(|name| wait_known(&proxy, name, "resources/templates/list"));
    proxy.kill();
    proxy.start_again();
    names.iter().for_each(|name| wait_asleep(&proxy, name));
    assert_eq!(get(&proxy, "ready").json(), json!({"ready": true, "starting": []}));
    assert_eq!(get(&proxy, "health").json()["status"], "ok");
    let others =
        || proxy.descendants().into_iter().filter(|(_, command)| command.contains("fake_stdio")).count();
    eventually(DEADLINE, || others() == 0);
    assert_eq!(proxy.client("s3").text("echo", json!({"text": "awake"})), "awake");
    assert_eq!(others(), 1);
}

#[test]
fn pages_are_told_by_their_cursors() {
    let proxy = known(Fake::stdio().env("FAKE_PAGES", "1"));
    let client = proxy.client("a");
    let page = |params| client.request("tools/list", params).unwrap();
    let (first, second) = (page(json!({})), page(json!({"cursor": "page-2"})));
    assert_no_child(&proxy);
    client.text("echo", json!({"text": "awake"}));
    assert_eq!((page(json!({})), page(json!({"cursor": "page-2"}))), (first, second));
}

#[test]
fn what_is_not_known_wakes_the_child() {
    let proxy = known(Fake::stdio());
    let client = proxy.client("a");
    assert_eq!(client.request("tools/list", json!({"cursor": "?"})).unwrap()["tools"][0]["name"], "echo");
    proxy.wait_ready("a");
}

#[test]
fn a_level_that_was_set_while_it_slept_is_told_when_it_wakes() {
    let proxy = known(Fake::stdio());
    let client = proxy.client("a");
    assert_eq!(client.request("logging/setLevel", json!({"level": "error"})), Ok(json!({})));
    assert_no_child(&proxy);
    assert_eq!(client.json("state", json!({}))["level"], "error");
}

#[test]
fn another_configuration_another_program_or_a_broken_file_is_started_once() {
    type Change = fn(&Proxy);
    let changes: [Change; 3] = [
        |proxy| proxy.site.add("a", &Fake::stdio().env("FAKE_NAME", "other")),
        |proxy| drop(proxy.site.write("servers/a/package.json", "{}")),
        |proxy| std::fs::write(answers(proxy, "a"), "{").unwrap(),
    ];
    for change in changes {
        let mut proxy = known(Fake::stdio());
        proxy.kill();
        change(&proxy);
        proxy.start_again();
        proxy.wait_ready("a");
    }
}

#[test]
fn what_is_too_large_is_not_kept() {
    let config = "[limits]\nmax_cached_bytes = 1200\n";
    let mut proxy = Site::new().config(config).fake("a", Fake::stdio()).start();
    wait_known(&proxy, "a", "prompts/list");
    assert!(std::fs::metadata(answers(&proxy, "a")).unwrap().len() < 1200 + 200);
    proxy.kill();
    proxy.start_again();
    wait_asleep(&proxy, "a");
    let client = proxy.client("a");
    client.request("prompts/list", json!({})).unwrap();
    assert_no_child(&proxy);
    assert!(client.request("tools/list", json!({})).unwrap()["tools"].as_array().unwrap().len() > 10);
    proxy.wait_ready("a");
}

#[test]
fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let proxy = known(Fake::stdio());
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(answers(&proxy, "a")), 0o600);
    assert_eq!(mode(proxy.site.state_dir().join("answers")), 0o700);
}

#[test]
fn a_subscription_with_a_stream_keeps_the_child_awake() {
    let proxy = known(Fake::stdio());
    let client = proxy.client("a");
    assert_eq!(client.request("resources/subscribe", json!({"uri": "test://x"})), Ok(json!({})));
    proxy.wait_ready("a");
    wait_asleep(&proxy, "a");
    let stream = client.listen();
    let child = proxy.wait_child("a");
    let other = proxy.client("a");
    // Twice as long as it takes one without to fall asleep.
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(other.text("touch", json!({"uri": "test://x"})), "sent");
    assert_eq!(stream.next_message().1["method"], "notifications/resources/updated");
    assert_eq!(proxy.child("a"), child);
    drop(stream);
    wait_asleep(&proxy, "a");
}

// ---- lists that differ

/// A server whose tools stand in a file beside its folder.
fn with_tools(site: Site, name: &str, eras: &str) -> Site {
    let file = site.write("tools", "one");
    site.fake(name, Fake::stdio().env("FAKE_TOOLS_FILE", file.to_str().unwrap()).env("FAKE_ERAS", eras))
}

/// Makes the child say something to everybody: nothing came before it.
#[track_caller]
fn assert_nothing_before(client: &Client, stream: &Stream) {
    client.text("list_changed", json!({"what": "prompts"}));
    assert_eq!(stream.next_message().1["method"], "notifications/prompts/list_changed");
}

/// Waits until the child has been asked for everything.
#[track_caller]
fn wait_asked(client: &Client) {
    eventually(DEADLINE, || {
        let lines = client.json("received", json!({})).to_string();
        LISTS.iter().all(|list| lines.contains(list))
    });
}

#[test]
fn tools_that_differ_after_a_crash_are_told_and_equal_ones_are_not() {
    for eras in ["legacy", "modern"] {
        let proxy = with_tools(Site::new(), "a", eras).start();
        let client = proxy.client("a");
        let stream = client.listen();
        wait_known(&proxy, "a", "resources/templates/list");
        let crash = || drop(client.try_call("abort", json!({})));
        crash();
        wait_asked(&client);
        assert_nothing_before(&client, &stream);
        proxy.site.write("tools", "one two");
        crash();
        assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed", "{eras}");
        assert_nothing_before(&client, &stream);
        wait_known(&proxy, "a", "\"two\"");
    }
}

#[test]
fn who_wakes_with_other_tools_says_so() {
    let mut proxy = with_tools(Site::new(), "a", "legacy").start();
    wait_known(&proxy, "a", "resources/templates/list");
    proxy.kill();
    proxy.site.write("tools", "one two");
    proxy.start_again();
    wait_asleep(&proxy, "a");
    let client = proxy.client("a");
    let stream = client.listen();
    let has = |name: &str| client.request("tools/list", json!({})).unwrap().to_string().contains(name);
    assert!(has("\"one\"") && !has("\"two\""));
    client.text("echo", json!({"text": "awake"}));
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
    assert!(has("\"two\""));
}

#[test]
fn a_child_that_always_runs_is_compared_by_what_clients_asked_for() {
    let site = Site::new();
    let file = site.write("tools", "one");
    let fake = Fake::stdio().toml("start = \"always\"").env("FAKE_TOOLS_FILE", file.to_str().unwrap());
    let proxy = site.fake("a", fake).start();
    let client = proxy.client("a");
    let stream = client.listen();
    client.request("tools/list", json!({})).unwrap();
    wait_known(&proxy, "a", "tools/list");
    let lines = client.json("received", json!({})).to_string();
    assert!(!lines.contains("prompts/list") && !lines.contains("resources/list"), "{lines}");
    proxy.site.write("tools", "one two");
    assert!(proxy.site.run(&["restart", "a"]).status.success());
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
}

#[test]
fn the_child_of_one_session_is_compared_too() {
    let site = Site::new();
    let file = site.write("tools", "one");
    let fake =
        Fake::stdio().toml("instances = \"per-session\"").env("FAKE_TOOLS_FILE", file.to_str().unwrap());
    let proxy = site.fake("a", fake).start();
    let client = proxy.client("a");
    let stream = client.listen();
    client.request("tools/list", json!({})).unwrap();
    let asked = || client.json("received", json!({})).to_string().matches("tools/list").count();
    eventually(DEADLINE, || asked() == 2);
    proxy.site.write("tools", "one two");
    let _ = client.try_call("abort", json!({}));
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
}

#[test]
fn what_a_child_says_has_changed_is_asked_again_and_told_once() {
    let proxy = Site::new().config(SLEEPY).fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let stream = client.listen();
    wait_known(&proxy, "a", "resources/templates/list");
    client.text("add_tool", json!({"name": "fresh"}));
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
    wait_known(&proxy, "a", "fresh");
    assert_nothing_before(&client, &stream);
}

// ---- falling asleep

#[test]
fn no_call_is_lost_to_a_child_that_falls_asleep() {
    let names: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
    let site = names.iter().fold(Site::new().config(SLEEPY), |site, name| site.fake(name, Fake::stdio()));
    let proxy = site.start();
    let woken = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (n, name) in names.iter().enumerate() {
            let (proxy, woken) = (&proxy, &woken);
            scope.spawn(move || {
                let client = proxy.client(name);
                let mut child = client.text("pid", json!({}));
                for round in 0..6 {
                    // About as long as it takes to fall asleep.
                    std::thread::sleep(std::time::Duration::from_millis(
                        1000 + (n as u64 * 173 + round * 97) % 1000,
                    ));
                    let now = client.text("pid", json!({}));
                    woken.fetch_add((now != child).into(), std::sync::atomic::Ordering::Relaxed);
                    child = now;
                }
            });
        }
    });
    assert!(woken.into_inner() > 0, "none ever slept");
}
