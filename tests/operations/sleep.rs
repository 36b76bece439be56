//! Servers that are started by the first call.

use super::*;
use serde_json::json;

const ON_DEMAND: &str = "start = \"on-demand\"";

#[test]
fn what_is_started_on_demand_is_asleep_and_well_until_the_first_call() {
    let site = Site::new().fake("a", Fake::stdio().toml(ON_DEMAND)).fake("b", Fake::http().toml(ON_DEMAND));
    let proxy = site.start();
    for name in ["a", "b"] {
        let entry = proxy.wait_server(name, |entry| entry["reason"] == "asleep");
        assert_eq!((&entry["state"], &entry["children"]), (&json!("stopped"), &json!([])));
        assert_eq!(get(&proxy, &format!("{name}/health")).status, 200);
    }
    assert_eq!(get(&proxy, "ready").json(), json!({"ready": true, "starting": []}));
    assert_eq!(get(&proxy, "health").json()["status"], "ok");
    let url = proxy.url("a");
    let row = proxy.wait_log(|line| line.contains(&url) && line.contains("asleep"));
    assert_eq!(row.split_whitespace().last(), Some("asleep"));
    for name in ["a", "b"] {
        assert_eq!(proxy.client(name).text("echo", json!({"text": "awake"})), "awake");
        let entry = proxy.server(name);
        assert_eq!((&entry["state"], &entry["reason"]), (&json!("ready"), &Value::Null));
        assert_eq!((&entry["restarts"], &entry["last_error"]), (&json!(0), &Value::Null));
    }
}

#[test]
fn waking_up_is_no_illness() {
    let slow = Fake::stdio().toml(ON_DEMAND).env("FAKE_START_DELAY_MS", "1000");
    let proxy = Site::new().fake("a", slow).start();
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| proxy.client("a").text("echo", json!({"text": "hi"})));
        proxy.wait_server("a", |entry| entry["state"] == "starting");
        assert_eq!(get(&proxy, "ready").status, 200);
        assert_eq!(get(&proxy, "health").json()["status"], "ok");
        assert_eq!(call.join().unwrap(), "hi");
    });
}

#[test]
fn a_sleeper_that_cannot_be_started_is_ill() {
    let bad = Fake::stdio().toml(ON_DEMAND).env("FAKE_EXIT_AT_START", "3");
    let site = Site::new().config("[restart]\nbrake_exits = 1\nrestart_wait_seconds = 2\n").fake("a", bad);
    let proxy = site.start();
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).to_string();
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let answer = request("POST", &proxy.url("a"), &headers, message.as_bytes());
    let error = answer.messages().pop().unwrap()["error"].clone();
    assert_eq!(error["data"]["exit_code"], 3, "{error}");
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    assert_eq!(get(&proxy, "a/health").status, 503);
    assert_eq!(get(&proxy, "health").status, 503);
}

#[test]
fn commands_stop_and_start_a_sleeper() {
    let proxy = Site::new().fake("a", Fake::stdio().toml(ON_DEMAND)).start();
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    proxy.wait_server("a", |entry| entry["reason"] == "requested");
    assert!(proxy.site.run(&["start", "a"]).status.success());
    proxy.wait_ready("a");
}

#[test]
fn a_server_of_the_modern_era_only_is_found_out_at_its_start() {
    let proxy = Site::new().fake("a", Fake::stdio().env("FAKE_ERAS", "modern")).start();
    let entry = proxy.wait_ready("a");
    assert_eq!((&entry["restarts"], &entry["last_error"]), (&json!(0), &Value::Null));
    proxy.wait_log(|line| line.contains("a: speaks only the modern era"));
}
