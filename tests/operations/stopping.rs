//! The end of the proxy, asked for or not: nothing of it is left.

use super::canned::Canned;
use super::*;
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

/// Servers of every kind, among them those that do not want to go.
fn all_kinds() -> Proxy {
    let stubborn = || Fake::stdio().env("FAKE_IGNORE_TERM", "1").toml("stop_timeout_seconds = 1");
    let site =
        Site::new().fake("good", Fake::stdio()).fake("stubborn", stubborn()).fake("http", Fake::http());
    let proxy = site.fake("crowd", stubborn()).start();
    ["good", "stubborn", "http"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let client = proxy.client("crowd");
    client.text("fork", json!({}));
    client.text("fork_setsid", json!({}));
    proxy
}

#[test]
fn a_killed_proxy_leaves_nothing_behind() {
    let mut proxy = all_kinds();
    assert!(proxy.descendants().len() >= 6, "{:?}", proxy.descendants());
    let begin = Instant::now();
    proxy.kill();
    eventually(Duration::from_secs(6), || proxy.descendants().is_empty());
    println!("gone after {:?}", begin.elapsed());
}

#[test]
fn a_killed_proxy_can_be_started_again_at_once() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    proxy.kill();
    proxy.start_again();
    assert_eq!(proxy.client("a").text("echo", json!({"text": "again"})), "again");
}

#[test]
fn interrupt_and_terminate_and_a_failing_power_end_it_cleanly() {
    for signal in [Signal::INT, Signal::TERM, Signal::POWER] {
        let mut proxy = all_kinds();
        proxy.signal(signal);
        assert_eq!(proxy.wait_exit().code(), Some(0), "{signal:?}");
        // The guard sees the end of the proxy and ends a moment later.
        eventually(DEADLINE, || proxy.descendants().is_empty());
        proxy.wait_log(|line| line.ends_with("proxy: stopped"));
        assert_eq!(run_files(&proxy), 0);
    }
}

fn run_files(proxy: &Proxy) -> usize {
    let names = std::fs::read_dir(proxy.site.state_dir()).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with("run-")).count()
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let stubborn = Fake::stdio().env("FAKE_IGNORE_TERM", "1").toml("stop_timeout_seconds = 60");
    let mut proxy = Site::new().fake("a", stubborn).start();
    proxy.wait_ready("a");
    proxy.signal(Signal::INT);
    proxy.wait_log(|line| line.contains("a second Ctrl-C stops at once"));
    let begin = Instant::now();
    proxy.signal(Signal::INT);
    assert_eq!(proxy.wait_exit().code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    eventually(Duration::from_secs(6), || proxy.descendants().is_empty());
    assert_eq!(run_files(&proxy), 0);
}

#[test]
fn calls_in_flight_are_answered_before_the_end() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    let (a, b) = (proxy.client("a"), proxy.client("b"));
    let (stdio, http) = std::thread::scope(|scope| {
        let stdio = scope.spawn(|| a.try_call("sleep", json!({"ms": 1500})));
        let http = scope.spawn(|| b.try_call("sleep", json!({"ms": 1500})));
        proxy.wait_server("a", |entry| entry["in_flight"] == 1);
        proxy.wait_server("b", |entry| entry["in_flight"] == 1);
        proxy.signal(Signal::TERM);
        proxy.wait_log(|line| line.contains("proxy: stopping"));
        let healthcheck = proxy.site.run(&["healthcheck"]);
        assert_eq!(healthcheck.status.code(), Some(1), "{healthcheck:?}");
        (stdio.join().unwrap(), http.join().unwrap())
    });
    assert_eq!(stdio.unwrap()["content"][0]["text"], "slept");
    assert_eq!(http.unwrap()["content"][0]["text"], "slept");
    assert_eq!(proxy.wait_exit().code(), Some(0));
}

#[test]
fn a_call_that_takes_too_long_does_not_hold_up_the_end() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let _call = client.stream(&client.call_message("hang", json!({})));
    let _listening = client.listen();
    let begin = Instant::now();
    assert_eq!(proxy.stop().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

#[test]
fn open_streams_do_not_hold_up_the_end() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    let (a, b) = (proxy.client("a"), proxy.client("b"));
    let _streams = [a.listen(), b.listen()];
    let begin = Instant::now();
    assert_eq!(proxy.stop().code(), Some(0));
    println!("stopped in {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_start_under_way_can_be_stopped() {
    let slow = Fake::stdio().env("FAKE_START_DELAY_MS", "60000");
    let mut proxy = Site::new().fake("slow", slow).start();
    proxy.wait_server("slow", |entry| entry["state"] == "starting");
    let begin = Instant::now();
    assert_eq!(proxy.stop().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_reload_that_waits_for_a_stubborn_server_does_not_hold_up_the_end() {
    let stubborn = || Fake::stdio().env("FAKE_IGNORE_TERM", "1").toml("stop_timeout_seconds = 60");
    let mut proxy = Site::new().fake("a", stubborn()).start();
    proxy.wait_ready("a");
    proxy.site.add("a", &stubborn().env("FAKE_NAME", "changed"));
    proxy.signal(Signal::HUP);
    eventually(DEADLINE, || !get(&proxy, "servers").text().contains("\"ready\""));
    let begin = Instant::now();
    proxy.signal(Signal::INT);
    proxy.wait_log(|line| line.contains("a second Ctrl-C stops at once"));
    proxy.signal(Signal::INT);
    assert_eq!(proxy.wait_exit().code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    eventually(Duration::from_secs(6), || proxy.descendants().is_empty());
}

#[test]
fn servers_that_do_not_answer_are_asked_together_and_do_not_hold_up_the_end() {
    let site = Site::new().config("[health]\ninterval_seconds = 1\ntimeout_seconds = 8\n");
    let silent = [(); 4].map(|()| Canned::silent());
    for (at, server) in silent.iter().enumerate() {
        site.write(&format!("servers/far-{at}/server.toml"), &format!("url = {:?}\n", server.url("/mcp")));
    }
    let mut proxy = site.start();
    silent[0].wait_request();
    let begin = Instant::now();
    silent[1..].iter().for_each(Canned::wait_request);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(proxy.stop().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
}
