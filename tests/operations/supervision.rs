//! Children that crash, hang, or do not want to end.

use super::*;
use serde_json::json;
use std::time::{Duration, Instant};

/// So short that a test can watch it.
const FAST: &str =
    "[restart]\nbackoff_ms = 50\nbrake_exits = 4\nbrake_seconds = 60\nrestart_wait_seconds = 5\n";

#[test]
fn a_crash_is_followed_by_a_start_at_once_and_nobody_else_notices() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let (a, b) = (proxy.client("a"), proxy.client("b"));
    let before = b.text("pid", json!({}));
    let begin = Instant::now();
    let error = a.try_call("crash", json!({"code": 3})).unwrap_err();
    assert_eq!(error["data"]["exit_code"], 3, "{error}");
    assert_eq!(a.text("echo", json!({"text": "again"})), "again");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let entry = proxy.server("a");
    assert_eq!((&entry["state"], &entry["restarts"]), (&json!("ready"), &json!(1)));
    assert!(entry["last_error"].as_str().unwrap().contains("exited with status 3"), "{entry}");
    assert_eq!(b.text("pid", json!({})), before);
    assert_eq!(proxy.server("b")["restarts"], 0);
}

#[test]
fn a_child_that_exits_at_once_is_braked_and_the_others_serve() {
    let bad = Fake::stdio().env("FAKE_EXIT_AT_START", "9");
    let proxy = Site::new().config(FAST).fake("bad", bad).fake("good", Fake::stdio()).start();
    let entry = proxy.wait_server("bad", |entry| entry["reason"] == "crash-loop");
    assert_eq!(entry["state"], "stopped");
    assert_eq!(entry["restarts"], 3, "the fourth exit pulls the brake");
    assert!(entry["last_error"].as_str().unwrap().contains("exited with status 9"), "{entry}");
    assert_eq!(entry["children"], json!([]));
    let health = get(&proxy, "health").json();
    assert_eq!(health["servers"]["bad"]["reason"], "crash-loop", "{health}");
    let told = proxy.site.run(&["healthcheck"]);
    let told = String::from_utf8([told.stdout, told.stderr].concat()).unwrap();
    assert!(told.contains("bad is stopped (crash-loop)"), "{told}");
    let line = proxy.wait_log(|line| line.contains("bad: ends again and again"));
    for part in ["exited with status 9", "fake: told to exit at start", "mcp-proxy restart bad", "in 60 s"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    proxy.wait_log(|line| line.contains("bad: fake: told to exit at start"));
    assert_eq!(proxy.client("good").text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn the_pauses_between_starts_grow() {
    let config = "[restart]\nbackoff_ms = 100\nbrake_exits = 5\nbrake_seconds = 60\n";
    let proxy = Site::new().config(config).fake("bad", Fake::stdio().env("FAKE_EXIT_AT_START", "1")).start();
    proxy.wait_server("bad", |entry| entry["reason"] == "crash-loop");
    let pauses: Vec<u64> = proxy.log().iter().filter_map(|line| number_after(line, "in_ms=")).collect();
    assert_eq!(pauses.len(), 5, "{pauses:?}");
    assert_eq!((pauses[0], pauses[4]), (0, 60_000));
    for (pause, least) in pauses[1..4].iter().zip([100, 200, 400]) {
        assert!((least..=least * 5 / 4).contains(pause), "{pauses:?}");
    }
}

fn number_after(line: &str, key: &str) -> Option<u64> {
    let (_, rest) = line.split_once(key)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Crashes at its first starts, then runs.
fn crashing(site: &Site, times: u32) -> Fake {
    let counter = site.folder().join("starts");
    Fake::stdio()
        .env("FAKE_COUNTER_FILE", counter.to_str().unwrap())
        .env("FAKE_CRASH_TIMES", &times.to_string())
}

#[test]
fn a_call_wakes_a_server_on_the_brake() {
    let site = Site::new().config(FAST);
    site.add("a", &crashing(&site, 4));
    let proxy = site.start();
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    assert_eq!(proxy.client("a").text("echo", json!({"text": "awake"})), "awake");
    assert_eq!(proxy.server("a")["reason"], Value::Null);
}

/// Calls may come as fast as they like.
#[test]
fn calls_wake_a_server_on_the_brake_once_a_second_at_most() {
    let config = FAST.replace("restart_wait_seconds = 5", "restart_wait_seconds = 0");
    let proxy = Site::new().config(&config).fake("bad", Fake::stdio().env("FAKE_EXIT_AT_START", "9")).start();
    proxy.wait_server("bad", |entry| entry["reason"] == "crash-loop");
    let starts = || proxy.log().iter().filter(|line| line.contains("bad: started")).count();
    let (before, begin) = (starts(), Instant::now());
    let modern = Modern::new(&proxy.url("bad"));
    eventually(DEADLINE, || {
        modern.post(&modern.call_message("echo", json!({"text": "hi"})));
        starts() >= before + 3
    });
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn a_call_during_the_start_that_pulls_the_brake_wakes_it_too() {
    let site = Site::new().config(&FAST.replace("brake_exits = 4", "brake_exits = 2"));
    site.add("a", &crashing(&site, 2).env("FAKE_START_DELAY_MS", "500"));
    let proxy = site.start();
    proxy.wait_server("a", |entry| entry["restarts"] == 1 && entry["state"] == "starting");
    assert_eq!(proxy.client("a").text("echo", json!({"text": "awake"})), "awake");
    assert!(proxy.log().iter().any(|line| line.contains("crash-loop")));
}

#[test]
fn the_command_restart_ends_the_brake() {
    let site = Site::new().config(FAST);
    site.add("a", &crashing(&site, 4));
    let proxy = site.start();
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    let output = proxy.site.run(&["restart", "a"]);
    assert!(output.status.success(), "{output:?}");
    proxy.wait_ready("a");
}

#[test]
fn a_call_to_a_server_that_stays_down_says_why() {
    let config = FAST.replace("restart_wait_seconds = 5", "restart_wait_seconds = 1");
    let bad = Fake::stdio().env("FAKE_EXIT_AT_START", "9");
    let proxy = Site::new().config(&config).fake("bad", bad).start();
    proxy.wait_server("bad", |entry| entry["reason"] == "crash-loop");
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).to_string();
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let answer = request("POST", &proxy.url("bad"), &headers, message.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let error = answer.messages().pop().unwrap()["error"].clone();
    assert_eq!((&error["code"], &error["data"]["server"]), (&json!(-32603), &json!("bad")), "{error}");
    assert_eq!(error["data"]["exit_code"], 9);
    assert_eq!(error["data"]["stderr"][0], "fake: told to exit at start");
    assert!(error["message"].as_str().unwrap().contains("mcp-proxy restart bad"), "{error}");
}

#[test]
fn a_child_that_never_answers_meets_its_start_timeout() {
    let mute = Fake::stdio().env("FAKE_NEVER_ANSWER", "1").toml("start_timeout_seconds = 1");
    let proxy = Site::new().config(FAST).fake("mute", mute).fake("good", Fake::stdio()).start();
    proxy.wait_log(|line| {
        line.contains("mute: started, but did not speak MCP within start_timeout_seconds = 1")
    });
    proxy.wait_log(|line| line.contains("mute: starting again") && line.contains("start-timeout"));
    assert_eq!(proxy.client("good").text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn a_long_refusal_is_cut() {
    let script = r#"read -r hello
long=$(head -c 100000 /dev/zero | tr '\0' x)
printf '{"jsonrpc":"2.0","id":0,"error":{"code":-1,"message":"no %s"}}\n' "$long"
read -r more
"#;
    let site = Site::new().config("[restart]\nbrake_exits = 1\n");
    site.write("servers/a/server.sh", script);
    site.write("servers/a/server.toml", "command = \"sh\"\nargs = [\"server.sh\"]\n");
    let proxy = site.start();
    let line = proxy.wait_log(|line| line.contains("its answer: "));
    assert!(line.contains("no xxxx") && line.len() < 1000, "{} bytes", line.len());
}

#[test]
fn a_child_that_closes_its_stdout_is_replaced() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let before = proxy.child("a");
    let begin = Instant::now();
    let error = client.try_call("close_stdout", json!({})).unwrap_err();
    assert_eq!(error["code"], -32603, "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_ne!(client.text("pid", json!({})), before.to_string());
}

/// The processes of a server that its child has started, which answer to nobody.
#[track_caller]
fn with_grandchildren(proxy: &Proxy, name: &str) -> Vec<i32> {
    let client = proxy.client(name);
    let pids = ["pid", "fork", "fork_setsid"].map(|tool| client.text(tool, json!({})).parse().unwrap());
    eventually(DEADLINE, || pids.iter().all(|pid| lives(proxy, *pid)));
    pids.to_vec()
}

fn lives(proxy: &Proxy, pid: i32) -> bool {
    proxy.descendants().iter().any(|(other, _)| *other == pid)
}

#[test]
fn what_a_child_has_started_ends_with_it() {
    for end in ["crash", "abort"] {
        let proxy = Site::new().fake("a", Fake::stdio()).start();
        let pids = with_grandchildren(&proxy, "a");
        assert!(proxy.client("a").try_call(end, json!({})).is_err());
        eventually(DEADLINE, || !pids.iter().any(|pid| lives(&proxy, *pid)));
        proxy.wait_ready("a");
    }
}

#[test]
fn a_stopped_server_leaves_nothing_behind() {
    let stubborn = Fake::stdio().env("FAKE_IGNORE_TERM", "1").toml("stop_timeout_seconds = 1");
    let proxy = Site::new().fake("a", stubborn).start();
    let pids = with_grandchildren(&proxy, "a");
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    let entry = proxy.wait_server("a", |entry| entry["state"] == "stopped");
    assert_eq!((&entry["reason"], &entry["children"]), (&json!("requested"), &json!([])));
    eventually(DEADLINE, || !pids.iter().any(|pid| lives(&proxy, *pid)));
}

#[test]
fn a_server_s_end_is_no_other_s_whatever_their_names() {
    let proxy = Site::new().fake("notes", Fake::stdio()).fake("notes.1", Fake::stdio()).start();
    ["notes", "notes.1"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let (ends, stays) = (proxy.child("notes"), proxy.child("notes.1"));
    assert!(proxy.site.run(&["restart", "notes"]).status.success());
    proxy.wait_server("notes", |entry| entry["restarts"] == 1 && entry["state"] == "ready");
    assert_ne!(proxy.child("notes"), ends);
    assert_eq!((proxy.child("notes.1"), &proxy.server("notes.1")["restarts"]), (stays, &json!(0)));
}

/// Children of any of the proxy's threads that have ended and were not waited for.
fn zombies(proxy: &Proxy) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", proxy.pid())).unwrap().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<String> =
        children.flat_map(|all| all.split_whitespace().map(String::from).collect::<Vec<_>>()).collect();
    let state = |pid: &String| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    pids.into_iter()
        .filter(|pid| state(pid).rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
        .collect()
}

#[test]
fn nobody_stays_a_zombie() {
    let proxy =
        Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio().env("FAKE_EXIT_AT_START", "1")).start();
    for _ in 0..3 {
        with_grandchildren(&proxy, "a");
        assert!(proxy.client("a").try_call("crash", json!({})).is_err());
        proxy.wait_ready("a");
    }
    proxy.wait_server("b", |entry| entry["restarts"].as_u64() > Some(1));
    eventually(DEADLINE, || zombies(&proxy).is_empty());
}
