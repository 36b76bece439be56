//! The proxy after each thing that can end something: as it was before.

use super::*;
use rustix::process::{Pid, Signal, kill_process};

/// A child, a grandchild, one in a session of its own, and one that hides.
const CROWD: &str = "quiet='</dev/null >/dev/null 2>&1'
eval \"sleep 6005 $quiet &\"
eval \"setsid sleep 6005 $quiet &\"
(setsid env -i PATH=\"$PATH\" sh -c 'sleep 6005 &' </dev/null >/dev/null 2>&1 &)
exec $FAKE";

fn crowd() -> Proxy {
    let site = Site::new();
    let folder = site.folder().join("tmp");
    std::fs::create_dir(&folder).unwrap();
    let site = site.env("TMPDIR", &folder);
    script(&site, "a", CROWD, "");
    script(
        &site,
        "own",
        "sleep 6006 </dev/null >/dev/null 2>&1 &\nexec $FAKE",
        "instances = \"per-session\"\n",
    );
    let proxy = site.fake("b", Fake::stdio()).fake("http", Fake::http()).start();
    ["a", "b", "http"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    settled(&proxy);
    proxy
}

#[track_caller]
fn settled(proxy: &Proxy) {
    eventually(DEADLINE, || count(proxy, "sleep 6005") == 3 && count(proxy, "sh -c sleep") == 0);
}

/// The same servers run as before the event, and nothing else.
#[track_caller]
fn nothing_is_left_after(event: &str, act: impl Fn(&Proxy)) {
    let proxy = crowd();
    // Once, so that what is made once is made.
    act(&proxy);
    settled(&proxy);
    let before = Figures::of(&proxy);
    for _ in 0..3 {
        act(&proxy);
    }
    settled(&proxy);
    before.wait(&proxy, event);
}

#[track_caller]
fn restarted(proxy: &Proxy, act: impl FnOnce()) {
    let before = proxy.wait_child("a");
    act();
    proxy.wait_restart("a", before);
}

#[test]
fn after_a_child_s_end() {
    nothing_is_left_after("SIGKILL of a child", |proxy| {
        let pid = Pid::from_raw(proxy.wait_child("a")).unwrap();
        restarted(proxy, || kill_process(pid, Signal::KILL).unwrap());
    });
}

#[test]
fn after_a_restart_by_command() {
    nothing_is_left_after("restart", |proxy| {
        restarted(proxy, || assert!(proxy.site.run(&["restart", "a"]).status.success()));
    });
}

#[test]
fn after_a_stop_and_a_start() {
    nothing_is_left_after("stop and start", |proxy| {
        restarted(proxy, || {
            assert!(proxy.site.run(&["stop", "a"]).status.success());
            proxy.wait_server("a", |entry| entry["state"] == "stopped");
            assert!(proxy.site.run(&["start", "a"]).status.success());
        });
    });
}

#[test]
fn after_a_reload() {
    nothing_is_left_after("reload", |proxy| {
        proxy.site.write("servers/a/.env", &format!("NOT={}\n", proxy.wait_child("a")));
        restarted(proxy, || assert!(proxy.site.run(&["reload"]).status.success()));
    });
}

#[test]
fn after_a_session_s_end() {
    nothing_is_left_after("DELETE", |proxy| {
        let clients = [(); 3].map(|()| proxy.client("own"));
        clients.iter().for_each(|client| drop(client.text("pid", json!({}))));
        assert!(count(proxy, "sleep 6006") >= 3);
        for client in &clients {
            let _stream = client.listen();
            assert!(request("DELETE", &proxy.url("own"), &client.headers(), b"").status < 300);
        }
        eventually(DEADLINE, || count(proxy, "sleep 6006") == 0);
    });
}

#[test]
fn after_calls_and_clients_that_went_away() {
    nothing_is_left_after("calls and broken connections", |proxy| {
        let clients = [proxy.client("a"), proxy.client("b"), proxy.client("http")];
        let streams: Vec<_> = clients
            .iter()
            .map(|client| client.stream(&client.call_message("sleep", json!({"ms": 300}))))
            .collect();
        let listening: Vec<_> = clients.iter().map(Client::listen).collect();
        drop((streams, listening));
        for client in &clients {
            assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
            assert!(request("DELETE", client.url(), &client.headers(), b"").status < 300);
        }
    });
}

#[test]
fn after_the_proxy_s_own_end() {
    for killed in [false, true] {
        let mut proxy = crowd();
        drop(proxy.client("own").text("pid", json!({})));
        if killed {
            proxy.kill();
        } else {
            assert_eq!(proxy.stop().code(), Some(0));
        }
        eventually(DEADLINE, || proxy.descendants().is_empty());
        let left = figures::files(&proxy);
        let run = |file: &String| file.contains("/run-") || file.contains("/containers/");
        // A killed one cannot take its own run file away; the next on that port writes over it.
        assert_eq!(left.iter().filter(|file| run(file)).count(), usize::from(killed), "{left:?}");
    }
}

#[test]
fn after_polls_of_its_own() {
    let config = "[health]\ninterval_seconds = 1\n[defaults]\nstart = \"always\"\n";
    let proxy = Site::new().config(config).fake("a", Fake::stdio()).start();
    proxy.wait_server("a", |entry| entry["health"] == "healthy");
    // One more, by which it is asked.
    eventually(DEADLINE, || figures::metric(&proxy, "mcp_proxy_connections") == 1);
}
