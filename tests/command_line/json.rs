//! `--json`: one document on stdout, whatever comes of it.

use super::*;
use serde_json::json;

#[test]
fn commands_say_what_they_did() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    let said = |args: &[&str]| json(&proxy.site, 0, args);
    for action in ["stop", "start", "restart"] {
        assert_eq!(said(&[action, "a", "--json"]), json!({"ok": true, "server": "a", "action": action}));
    }
    proxy.wait_ready("a");
    assert_eq!(said(&["--json", "reload"])["ok"], true);
    let health = said(&["healthcheck", "--json"]);
    assert_eq!((&health["status"], &health["servers"]["a"]["state"]), (&json!("ok"), &json!("ready")));
    let token = said(&["token", "new", "--name", "phone", "--json"]);
    assert_eq!(token["name"], "phone");
    assert!(token["token"].as_str().unwrap().len() > 30, "{token}");
    assert_eq!(said(&["token", "list", "--json"])["tokens"][0]["name"], "phone");
    assert_eq!(said(&["token", "revoke", "phone", "--json"]), json!({"ok": true, "name": "phone"}));
}

#[test]
fn faults_are_json_too() {
    let site = Site::new();
    let said = |code, args: &[&str]| json(&site, code, args)["error"].as_str().unwrap().to_string();
    for args in [&["list"][..], &["reload"], &["stop", "a"], &["healthcheck"], &["logs", "a"]] {
        let error = said(1, &[args, &["--json"]].concat());
        assert!(error.contains("no running proxy left its address in"), "{error}");
    }
    assert!(said(1, &["token", "revoke", "x", "--json"]).contains('x'));
    assert!(said(2, &["lst", "--json"]).contains("did you mean `list`?"));
    assert!(said(2, &["--json", "run"]).contains("--json does not go with run"));
    let (code, out, error) = run(&site, &["add", "x", "--bad", "--", "sh", "--json"]);
    assert_eq!((code, out.as_str()), (2, ""), "that --json was the server's: {error}");
}

#[test]
fn a_proxy_that_is_not_well_says_so_in_json() {
    let proxy = Site::new()
        .config("[restart]\nbrake_exits = 1\n")
        .fake("a", Fake::stdio().env("FAKE_EXIT_AT_START", "1"))
        .start();
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    assert_eq!(json(&proxy.site, 1, &["healthcheck", "--json"])["status"], "down");
}
