//! What is said of the servers' health, and what follows from it.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant, SystemTime};

const OFTEN: &str = "[health]\ninterval_seconds = 1\ntimeout_seconds = 1\n";

fn often() -> Site {
    Site::new().config(OFTEN)
}

#[track_caller]
fn wait_health(proxy: &Proxy, name: &str, health: &str) -> Value {
    proxy.wait_server(name, |entry| entry["health"] == health)
}

/// A stopped process is alive and does nothing, which is what a hung server looks like.
#[track_caller]
fn freeze(proxy: &Proxy, name: &str) -> i32 {
    let pid = proxy.child(name);
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
    pid
}

#[test]
fn servers_that_answer_are_healthy() {
    let fake = FakeHttp::start();
    let site = often().fake("a", Fake::stdio()).fake("b", Fake::http());
    site.write("servers/far/server.toml", &format!("url = {:?}\n", fake.url));
    let proxy = site.start();
    for name in ["a", "b", "far"] {
        wait_health(&proxy, name, "healthy");
        assert_eq!(get(&proxy, &format!("{name}/health")).status, 200);
    }
    let health = get(&proxy, "health");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
    let well = json!({"state": "ready", "health": "healthy"});
    assert_eq!(health.json()["servers"], json!({"a": well, "b": well, "far": well}));
}

/// After each round; what is run again comes back.
#[test]
fn pages_of_the_program_are_given_back() {
    let site = Site::new().config("[health]\ninterval_seconds = 2\n").fake("a", Fake::stdio());
    let proxy = site.start();
    let mut most = 0;
    eventually(DEADLINE, || {
        let now = proxy.memory("RssFile");
        most = most.max(now);
        now < most / 2
    });
    assert_eq!(get(&proxy, "health").status, 200);
}

#[test]
fn a_hung_server_is_restarted_unless_it_is_busy() {
    let site = often().fake("idle", Fake::stdio()).fake("http", Fake::http()).fake("busy", Fake::stdio());
    let proxy = site.fake("good", Fake::stdio()).start();
    ["idle", "http", "busy", "good"].iter().for_each(|name| drop(wait_health(&proxy, name, "healthy")));
    let client = proxy.client("busy");
    let before = proxy.child("busy");
    let _call = client.stream(&client.call_message("wedge", json!({})));
    wait_health(&proxy, "busy", "degraded");
    let health = get(&proxy, "health");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
    // Whatever befalls the idle ones from here on has befallen the busy one as often.
    let frozen = ["idle", "http"].map(|name| (name, freeze(&proxy, name)));
    for (name, frozen) in frozen {
        let entry = proxy.wait_server(name, |entry| entry["restarts"] == 1 && entry["state"] == "ready");
        assert_ne!(entry["children"][0]["pid"], frozen);
        assert!(
            entry["last_error"].as_str().unwrap().contains("did not answer its health checks"),
            "{entry}"
        );
        wait_health(&proxy, name, "healthy");
    }
    proxy.wait_log(|line| line.contains("idle: starting again") && line.contains("\"unhealthy\""));
    let busy = proxy.server("busy");
    assert_eq!((&busy["health"], &busy["restarts"]), (&json!("degraded"), &json!(0)), "{busy}");
    assert_eq!((proxy.child("busy"), &busy["in_flight"]), (before, &json!(1)));
    assert!(busy["last_error"].as_str().unwrap().contains("does not answer ping"), "{busy}");
    assert_eq!(proxy.server("good")["restarts"], 0);
}

#[test]
fn a_server_that_is_silent_for_longer_than_any_call_may_be_is_hung_however_busy() {
    let proxy = often().fake("a", Fake::stdio().toml("call_idle_seconds = 2")).start();
    let client = proxy.client("a");
    freeze(&proxy, "a");
    let (begin, restarted) = (Instant::now(), AtomicBool::new(false));
    // Each call ends at its deadline, and the next one follows.
    let calls = || {
        while !restarted.load(SeqCst) && begin.elapsed() < DEADLINE {
            let _ = client.try_call("echo", json!({"text": "hi"}));
        }
    };
    std::thread::scope(|scope| {
        let _callers = [(); 2].map(|()| scope.spawn(calls));
        let entry = proxy.wait_server("a", |entry| entry["restarts"] == 1);
        restarted.store(true, SeqCst);
        assert!(
            entry["last_error"].as_str().unwrap().contains("did not answer its health checks"),
            "{entry}"
        );
    });
}

#[test]
fn a_long_call_is_no_illness() {
    let proxy = often().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let stream = client.stream(&client.call_message("sleep", json!({"ms": 4000})));
    proxy.wait_server("a", |entry| entry["health"] == "healthy" && entry["in_flight"] == 1);
    let (_, message) = stream.next_message();
    assert_eq!(message["result"]["content"][0]["text"], "slept");
    let entry = proxy.server("a");
    assert_eq!((&entry["health"], &entry["in_flight"]), (&json!("healthy"), &json!(0)));
}

#[test]
fn a_server_that_freezes_and_thaws_is_healthy_again() {
    let proxy = often().fake("a", Fake::stdio()).start();
    wait_health(&proxy, "a", "healthy");
    let frozen = freeze(&proxy, "a");
    wait_health(&proxy, "a", "degraded");
    assert_eq!(get(&proxy, "a/health").status, 503);
    kill_process(Pid::from_raw(frozen).unwrap(), Signal::CONT).unwrap();
    wait_health(&proxy, "a", "healthy");
    assert_eq!((proxy.child("a"), &proxy.server("a")["restarts"]), (frozen, &json!(0)));
}

#[test]
fn a_killed_http_server_is_noticed_at_once() {
    let proxy = Site::new().fake("a", Fake::http()).start();
    proxy.wait_ready("a");
    let before = proxy.child("a");
    kill_process(Pid::from_raw(before).unwrap(), Signal::KILL).unwrap();
    let entry = proxy.wait_server("a", |entry| entry["restarts"] == 1 && entry["state"] == "ready");
    assert!(entry["last_error"].as_str().unwrap().contains("was killed by signal 9"), "{entry}");
    assert_eq!(proxy.client("a").text("echo", json!({"text": "again"})), "again");
}

#[test]
fn one_bad_server_degrades_and_only_all_together_bring_it_down() {
    let fast = "[restart]\nbrake_exits = 1\n";
    let bad = || Fake::stdio().env("FAKE_EXIT_AT_START", "1");
    let proxy =
        Site::new().config(fast).fake("bad", bad()).fake("worse", bad()).fake("good", Fake::stdio()).start();
    for name in ["bad", "worse"] {
        proxy.wait_server(name, |entry| entry["reason"] == "crash-loop");
        assert_eq!(get(&proxy, &format!("{name}/health")).status, 503);
    }
    proxy.wait_ready("good");
    let health = get(&proxy, "health");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
    assert_eq!(get(&proxy, "good/health").status, 200);
    // A server that was stopped on purpose does not count, for good or ill.
    assert!(proxy.site.run(&["stop", "good"]).status.success());
    proxy.wait_server("good", |entry| entry["state"] == "stopped");
    let health = get(&proxy, "health");
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("down")));
    let good = json!({"state": "stopped", "health": "unknown", "reason": "requested"});
    assert_eq!(health.json()["servers"]["good"], good);
    ["bad", "worse"].iter().for_each(|name| drop(proxy.site.run(&["stop", name])));
    eventually(DEADLINE, || get(&proxy, "health").status == 200);
}

#[test]
fn ready_once_every_first_start_has_ended() {
    let slow = Fake::stdio().env("FAKE_START_DELAY_MS", "1500");
    let proxy =
        Site::new().fake("slow", slow).fake("bad", Fake::stdio().env("FAKE_EXIT_AT_START", "1")).start();
    let first = get(&proxy, "ready");
    assert_eq!((first.status, &first.json()["ready"]), (503, &json!(false)));
    let starting = first.json()["starting"].clone();
    assert!(starting.as_array().unwrap().contains(&json!("slow")), "{starting}");
    eventually(DEADLINE, || get(&proxy, "ready").status == 200);
    proxy.wait_ready("slow");
    assert_eq!(get(&proxy, "ready").json(), json!({"ready": true, "starting": []}));
}

#[test]
fn no_servers_is_well() {
    let proxy = Site::new().start();
    assert_eq!(get(&proxy, "health").json(), json!({"status": "ok", "servers": {}}));
    assert_eq!(get(&proxy, "ready").status, 200);
    assert_eq!(get(&proxy, "servers").json(), json!({"servers": [], "left_out": []}));
}

#[test]
fn servers_are_described_as_documented() {
    let fake = FakeHttp::start();
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http());
    site.write("servers/far/server.toml", &format!("url = {:?}\n", fake.url));
    let proxy = site.start();
    let _client = proxy.client("a");
    ["b", "far"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    for (name, kind) in [("a", "stdio"), ("b", "http"), ("far", "remote")] {
        let (mut entry, mut own) = (proxy.server(name), get(&proxy, &format!("{name}/health")).json());
        assert!(figures_of(&mut entry).is_object() && figures_of(&mut own).is_object());
        assert_eq!(own, entry);
        let since = humantime_parse(entry["since"].as_str().unwrap());
        assert!(since.elapsed().unwrap() < Duration::from_secs(60), "{entry}");
        let (port, children) = (entry["port"].take(), entry["children"].take());
        assert_eq!(port.is_u64(), kind != "remote", "{port}");
        assert_eq!(children.as_array().unwrap().len(), usize::from(kind != "remote"));
        // What an HTTP server speaks is its own affair.
        let era = (kind == "stdio").then_some("legacy");
        for child in children.as_array().unwrap() {
            assert!(
                child["pid"].is_u64() && child["era"] == json!(era) && child["session"].is_null(),
                "{child}"
            );
        }
        let expected = json!({
            "name": name, "kind": kind, "url": proxy.url(name), "port": null, "state": "ready", "reason": null,
            "health": "unknown", "since": entry["since"], "restarts": 0, "last_error": null, "in_flight": 0,
            "sessions": usize::from(kind == "stdio"), "children": null,
        });
        assert_eq!(entry, expected);
    }
    assert_eq!(still(get(&proxy, "servers").json()), still(get(&proxy, "api/servers").json()));
}

/// `2026-01-02T03:04:05.678Z`
fn humantime_parse(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
