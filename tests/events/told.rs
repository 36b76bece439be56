//! What is told: the snapshot, and then each change.

use super::*;
use serde_json::Value;
use std::time::{Duration, Instant};

#[test]
fn the_snapshot_is_what_servers_says() {
    let proxy =
        Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).fake("mcp", Fake::stdio()).start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let snapshot = watch(&proxy).next();
    assert_eq!((&snapshot["type"], &snapshot["status"]), (&json!("snapshot"), &json!("ok")));
    humantime::parse_rfc3339(snapshot["at"].as_str().unwrap()).unwrap();
    let servers = request("GET", &proxy.url("servers"), &[], b"").json();
    assert_eq!(still(&snapshot), still(&servers));
    assert_eq!(snapshot["left_out"], servers["left_out"]);
    assert_eq!(snapshot["left_out"][0]["name"], "mcp");
}

/// The entries without what moves.
#[track_caller]
fn still(all: &Value) -> Vec<Value> {
    let mut entries = all["servers"].as_array().unwrap().clone();
    entries.iter_mut().for_each(|entry| drop(entry.as_object_mut().unwrap().remove("figures").unwrap()));
    entries
}

#[test]
fn a_crash_is_told() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let pid = proxy.wait_child("a");
    let mut watch = watch(&proxy);
    assert_eq!(watch.next()["servers"][0]["children"][0]["pid"], pid);
    processes::kill(pid);
    let entry = watch.wait_server("a", |entry| entry["state"] == "ready" && entry["restarts"] == 1);
    assert_ne!(entry["children"][0]["pid"], pid);
    assert!(entry["last_error"].as_str().unwrap().contains("signal 9"), "{entry}");
    assert_eq!(entry["url"], proxy.url("a"));
}

/// Not at the next look that is due anyway: one of five at least is told within a second, however busy the machine is.
#[test]
fn a_change_is_told_when_it_happens() {
    let proxy = restarting().fake("a", Fake::stdio()).start();
    proxy.wait_child("a");
    let mut watch = watch(&proxy);
    watch.next();
    let mut delays = (1..=5).map(|round| {
        let begun = Instant::now();
        processes::kill(proxy.child("a"));
        watch.wait_server("a", |entry| entry["state"] == "ready" && entry["restarts"] == round);
        begun.elapsed()
    });
    assert!(delays.any(|delay| delay < Duration::from_secs(1)), "none came at once");
}

#[test]
fn commands_are_told_and_the_status_of_all_with_them() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let mut watch = watch(&proxy);
    assert_eq!(watch.next()["status"], "ok");
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    let entry = watch.wait_server("a", |entry| entry["state"] == "stopped");
    assert_eq!((&entry["reason"], &entry["children"]), (&json!("requested"), &json!([])));
    assert!(proxy.site.run(&["start", "a"]).status.success());
    watch.wait_server("a", |entry| entry["state"] == "ready");
    let before = proxy.child("b");
    assert!(proxy.site.run(&["restart", "b"]).status.success());
    watch.wait_server("b", |entry| entry["state"] == "ready" && entry["children"][0]["pid"] != before);
}

#[test]
fn servers_that_come_and_go_are_told() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_child("a");
    let mut watch = watch(&proxy);
    assert_eq!(watch.next()["servers"].as_array().unwrap().len(), 1);
    proxy.site.add("b", &Fake::stdio());
    assert!(proxy.site.run(&["reload"]).status.success());
    watch.wait_server("b", |entry| entry["state"] == "ready");
    std::fs::remove_dir_all(proxy.site.folder().join("servers/b")).unwrap();
    assert!(proxy.site.run(&["reload"]).status.success());
    let removed = watch.wait(|message| message["type"] == "removed");
    assert_eq!((&removed["name"], &removed["status"]), (&json!("b"), &json!("ok")));
    proxy.site.add("metrics", &Fake::stdio());
    assert!(proxy.site.run(&["reload"]).status.success());
    let left_out = watch.wait(|message| message["type"] == "left_out");
    assert_eq!(left_out["left_out"][0]["name"], "metrics");
}

#[test]
fn a_server_that_cannot_start_is_told_and_the_whole_is_down() {
    let site = Site::new().config("[restart]\nbrake_exits = 2\nbrake_seconds = 3600\nbackoff_ms = 10\n");
    site.write("servers/a/server.toml", "command = \"sh\"\nargs = [\"-c\", \"exit 3\"]\n");
    let proxy = site.start();
    let mut watch = watch(&proxy);
    // Perhaps it has happened already.
    let mut message = watch.next();
    let is_told = |message: &serde_json::Value| {
        let entry = if message["type"] == "snapshot" { &message["servers"][0] } else { &message["server"] };
        entry["reason"] == "crash-loop" && message["status"] == "down"
    };
    while !is_told(&message) {
        message = watch.next();
    }
}

/// Of one who is late, what was in between is left out; the last word is always told.
#[test]
fn who_is_late_gets_the_latest() {
    let proxy = restarting().fake("a", Fake::stdio()).start();
    proxy.wait_child("a");
    let mut late = watch(&proxy);
    for _ in 0..5 {
        let before = proxy.child("a");
        processes::kill(before);
        proxy.wait_restart("a", before);
    }
    let last = proxy.server("a");
    late.wait_server("a", |entry| entry["state"] == "ready" && entry["children"] == last["children"]);
}

#[test]
fn figures_are_told_to_who_asks_for_them() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_child("a");
    let mut plain = watch(&proxy);
    let mut figures = Watch::open(&proxy.url("health/ws?figures=1"), &[]);
    let first = figures.wait(|message| message["type"] == "figures");
    assert_eq!(
        (&first["servers"]["a"]["sessions"], &first["servers"]["a"]["in_flight"]),
        (&json!(0), &json!(0))
    );
    let client = proxy.client("a");
    let next = figures.wait(|message| message["type"] == "figures");
    assert_eq!(next["servers"]["a"]["sessions"], 1, "only what has changed");
    assert_eq!(client.end().status, 200);
    let pid = proxy.child("a");
    processes::kill(pid);
    loop {
        let message = plain.next();
        assert_ne!(message["type"], "figures");
        if message["type"] == "server" {
            break;
        }
    }
    for query in ["figures=0", "figures=61", "figures=", "figures=x", "a=b&figures=-1"] {
        let refused = Watch::try_open(&proxy.url(&format!("health/ws?{query}")), &[]).err().unwrap();
        assert!(refused.status == 400 && refused.text().contains("1 to 60"), "{query}: {refused:?}");
    }
}
