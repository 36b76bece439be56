//! Clients that come while the child starts, or cannot.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

const HASTY: &str = "[restart]\nrestart_wait_seconds = 1\n";

/// Sends `initialize`; the answer has to be an error with status 200, so that no client takes us for an older server.
fn refused_handshake(fake: Fake) -> Value {
    let proxy = Site::new().fake("a", fake).config(HASTY).start();
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}});
    let message = json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": params});
    let response = request("POST", &proxy.url("a"), &headers, message.to_string().as_bytes());
    assert_eq!((response.status, response.header("mcp-session-id")), (200, None), "{response:?}");
    let answer = response.json();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("i"), &json!(-32603)));
    assert_eq!(answer["error"]["data"]["server"], "a");
    answer["error"].clone()
}

#[test]
fn clients_wait_for_a_child_that_is_slow_to_start() {
    let proxy = proxy(Fake::stdio().env("FAKE_START_DELAY_MS", "500"));
    let early = proxy.client("a");
    assert_eq!(early.text("echo", json!({"text": "at last"})), "at last");
    assert_eq!(entry(&proxy, "a")["restarts"], 0);
}

#[test]
fn a_child_that_exits_at_start_is_named_with_its_exit_and_its_last_words() {
    let error = refused_handshake(Fake::stdio().env("FAKE_EXIT_AT_START", "3"));
    assert_eq!(error["data"]["exit_code"], 3, "{error}");
    assert_eq!(error["data"]["reason"], "exited(3)");
    let words = error["data"]["stderr"].as_array().unwrap();
    assert!(words.contains(&json!("fake: told to exit at start")), "{error}");
}

#[test]
fn a_child_that_never_answers_is_given_its_start_timeout_and_no_more() {
    let error =
        refused_handshake(Fake::stdio().env("FAKE_NEVER_ANSWER", "1").toml("start_timeout_seconds = 1"));
    assert_eq!(error["data"]["reason"], "start-timeout", "{error}");
    assert!(error["message"].as_str().unwrap().contains("start_timeout_seconds = 1"), "{error}");
}

#[test]
fn a_program_that_does_not_exist_is_said_to_be_missing() {
    let site = Site::new();
    site.write("servers/a/server.toml", "command = \"/nowhere/at-all\"\ntransport = \"stdio\"\n");
    let proxy = site.config(HASTY).start();
    let response = request("GET", &proxy.url("servers"), &[], b"").text();
    assert!(response.contains("/nowhere/at-all"), "{response}");
}

#[test]
fn a_child_that_refuses_initialize_does_not_become_ready() {
    let site = Site::new();
    let refusal = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32022,"message":"modern only"}}"#;
    let toml = format!("command = \"sh\"\nargs = [\"-c\", '''\nread line\necho '{refusal}'\ncat''']\n");
    site.write("servers/a/server.toml", &toml);
    let proxy = site.config(HASTY).start();
    eventually(DEADLINE, || entry(&proxy, "a")["last_error"].to_string().contains("could not be started"));
    assert_ne!(entry(&proxy, "a")["state"], "ready");
}

/// What a child says of itself is kept for as long as it lives: it may not be as long as any message.
#[test]
fn a_server_that_says_too_much_of_itself_is_refused() {
    let site = Site::new();
    let hello = r#"{"jsonrpc":"2.0","id":0,"result":{"capabilities":{},"instructions":""#;
    for (name, bytes) in [("long", 2_000_000), ("endless", 20_000_000)] {
        let script = format!(
            "read line\nprintf '%s' '{hello}'\nhead -c {bytes} /dev/zero | tr '\\000' x\necho '\"}}}}'\ncat"
        );
        let toml = format!("command = \"sh\"\nargs = [\"-c\", '''\n{script}''']\ntransport = \"stdio\"\n");
        site.write(&format!("servers/{name}/server.toml"), &toml);
    }
    let proxy = site.config(HASTY).start();
    for name in ["long", "endless"] {
        let trouble = proxy.trouble(name);
        assert!(trouble.contains("of itself in its first answer"), "{trouble}");
        assert_ne!(proxy.server(name)["state"], "ready");
    }
}
