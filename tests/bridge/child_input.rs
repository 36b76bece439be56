//! A child that does not read what it is sent.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn calls_to_a_child_that_hangs_fail_in_time_and_other_servers_go_on() {
    let proxy = Site::new()
        .fake("a", Fake::stdio().toml("call_timeout_seconds = 1"))
        .fake("b", Fake::stdio())
        .start();
    let (stuck, well) = (proxy.client("a"), proxy.client("b"));
    for tool in ["wedge", "pid", "pid"] {
        let error = stuck.try_call(tool, json!({})).unwrap_err();
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("timeout")), "{tool}");
        assert_eq!(well.text("echo", json!({"text": "fine"})), "fine");
    }
    assert_eq!(stuck.request("ping", json!({})), Ok(json!({})), "the session itself is well");
}

#[test]
fn what_waits_for_a_child_is_bounded() {
    let proxy = Site::new()
        .fake("a", Fake::stdio().toml("stream_after_ms = 0"))
        .config("[limits]\nstdin_queue_bytes = 100000\n")
        .start();
    let client = proxy.client("a");
    let _wedged = client.stream(&client.call_message("wedge", json!({})));
    let _in_the_pipe = client.stream(&client.call_message("echo", json!({"text": "x".repeat(300_000)})));
    let error = client.try_call("pid", json!({"text": "x".repeat(100_000)})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("not-reading")));
    assert!(error["message"].as_str().unwrap().contains("does not read its input"), "{error}");
}

/// It can never take a call again, so waiting for it helps nobody.
#[test]
fn a_child_that_closes_its_stdin_is_replaced() {
    let site = Site::new();
    let result = r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#;
    let rest = r#"if [ ! -e deaf ]; then exec <&-; touch deaf; exec sleep 100; fi
read initialized
read call
echo '{"jsonrpc":"2.0","id":2,"result":"from the second"}'
cat >/dev/null"#;
    site.write("servers/a/server.toml", &script(result, rest));
    let proxy = site.start();
    let client = proxy.client("a");
    eventually(DEADLINE, || proxy.site.folder().join("servers/a/deaf").exists());
    assert_eq!(client.request("tools/list", json!({})), Ok(json!("from the second")));
    assert_eq!(entry(&proxy, "a")["restarts"], 1);
}
