//! The audit log: a line for each call of a tool.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

/// The lines so far, of calls of this tool.
fn lines(proxy: &Proxy, tool: &str) -> Vec<Value> {
    let lines = proxy.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    lines.filter(|line| line["target"] == "audit" && line["tool"] == tool).collect()
}

/// The only line of a call of this tool, once it is there.
#[track_caller]
fn line(proxy: &Proxy, tool: &str) -> Value {
    wait_for(DEADLINE, || lines(proxy, tool).pop())
}

fn logged(proxy: &Proxy, tool: &str) -> String {
    line(proxy, tool)["outcome"].as_str().unwrap().to_string()
}

#[test]
fn every_call_has_one_line_however_it_ends() {
    for name in SERVERS {
        for pick in 0..2 {
            let site = Site::new().fake(name, fake(name).toml("tools = { deny = ['cwd'] }"));
            let proxy = site.arg("--log-format").arg("json").start();
            let client = Anyone::of_both_eras(&proxy, name, &json!({})).into_iter().nth(pick).unwrap();
            println!("a {} client meets {name}", client.era());
            client.call("echo", json!({"text": "the-argument"}));
            client.call("fail", json!({"text": "the-result"}));
            client.try_call("nope", json!({})).unwrap_err();
            client.try_call("cwd", json!({})).unwrap_err();
            client.call("progress", json!({"steps": 2}));
            client.call("big", json!({"bytes": 200_000}));
            client.request("tools/list", json!({})).unwrap();
            client.try_call("crash", json!({})).unwrap_err();
            for (tool, outcome) in [
                ("echo", "ok"),
                ("fail", "tool-error"),
                ("nope", "error(-32602)"),
                ("cwd", "refused"),
                ("progress", "ok"),
                ("big", "ok"),
                ("crash", "error(-32603)"),
            ] {
                assert_eq!(logged(&proxy, tool), outcome, "{tool}");
                assert_eq!(lines(&proxy, tool).len(), 1, "{tool}");
            }
            let echo = line(&proxy, "echo");
            for (field, value) in [
                ("event", "tool-call"),
                ("server", name),
                ("who", "anyone"),
                ("address", "127.0.0.1"),
                ("level", "info"),
            ] {
                assert_eq!(echo[field], value, "{echo}");
            }
            assert!(echo["duration_ms"].is_u64(), "{echo}");
            let log = proxy.log().join("\n");
            assert!(!log.contains("the-argument") && !log.contains("the-result"), "{log}");
        }
    }
}

#[test]
fn a_call_that_is_given_up_says_so() {
    for name in STDIO {
        let hasty = fake(name).toml("call_idle_seconds = 1\ntools = {}");
        let proxy = Site::new().fake(name, hasty).arg("--log-format").arg("json").start();
        let legacy = proxy.client(name);
        legacy.try_call("hang", json!({})).unwrap_err();
        assert_eq!(logged(&proxy, "hang"), "timeout");
        let message = legacy.call_message("sleep", json!({"ms": 60_000}));
        let stream = legacy.stream(&message);
        legacy.notify("notifications/cancelled", json!({"requestId": message["id"]}));
        stream.next_message();
        assert_eq!(logged(&proxy, "sleep"), "cancelled");
        let modern = Modern::new(&proxy.url(name));
        drop(modern.open(&modern.call_message("progress", json!({"steps": 1, "ms": 60_000}))));
        assert_eq!(logged(&proxy, "progress"), "cancelled");
    }
}

#[test]
fn a_question_ends_a_modern_call_and_the_next_one_is_logged_too() {
    let proxy = Site::new().fake("legacy", fake("legacy")).arg("--log-format").arg("json").start();
    let client = Anyone::Modern(Modern::new(&proxy.url("legacy")).capabilities(json!({"sampling": {}})));
    client.asked("ask", json!({"kind": "sampling"}));
    eventually(DEADLINE, || lines(&proxy, "ask").len() == 2);
    let outcomes: Vec<Value> = lines(&proxy, "ask").iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["input-required", "ok"]);
}

#[test]
fn a_name_from_outside_is_cut_and_harmless() {
    let proxy = Site::new().fake("a", fake("legacy")).start();
    let name = format!("\u{1b}[2J\u{202e}\n{}", "x".repeat(5000));
    proxy.client("a").try_call(&name, json!({})).unwrap_err();
    let line = proxy.wait_log(|line| line.contains("tool call"));
    assert!(line.len() < 400 && line.contains("[2J") && line.contains("error(-32602)"), "{line}");
    assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}'), "{line}");
}

#[test]
fn text_says_the_same() {
    let proxy = Site::new().fake("notes", fake("legacy")).start();
    proxy.client("notes").call("echo", json!({"text": "hi"}));
    let line = proxy.wait_log(|line| line.contains("tool call"));
    for part in [
        "INFO  notes: tool call (",
        "who=\"anyone\"",
        "address=\"127.0.0.1\"",
        "tool=\"echo\"",
        "outcome=\"ok\"",
        "duration_ms=",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[test]
fn it_can_be_switched_off() {
    let config = "[log]\naudit = false\n";
    let proxy = Site::new().fake("notes", fake("legacy")).config(config).start();
    let client = proxy.client("notes");
    client.call("echo", json!({"text": "hi"}));
    client.try_call("crash", json!({})).unwrap_err();
    proxy.wait_log(|line| line.contains("told to crash"));
    assert!(!proxy.log().iter().any(|line| line.contains("tool call")), "{:?}", proxy.log());
}
