//! How a call ends that does not end well: each has its status, and says what to do.

use crate::rig::{SERVERS, all, fake};
use crate::scripted::{called, scripted};
use crate::*;
use serde_json::json;

#[test]
fn what_is_wrong_has_a_status_whatever_the_server() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let call = |tool: &str, arguments: &str| post(&proxy, &format!("api/{name}/tools/{tool}"), arguments);
        let unknown = error(&call("nope", "{}"));
        assert_eq!(
            unknown,
            (404, format!("server {name} has no tool \"nope\"; GET /api/{name}/tools lists those there are"))
        );
        let failed = call("fail", r#"{"text":"no luck"}"#);
        assert_eq!(error(&failed), (422, "no luck".into()));
        assert_eq!(failed.json()["data"]["isError"], true);
        assert_eq!(get(&proxy, &format!("api/{name}/resources?uri=test://missing")).status, 404);
        let crashed = call("crash", r#"{"code":3}"#);
        assert_eq!(crashed.status, 502, "{crashed:?}");
        assert_eq!(crashed.json()["data"]["exit_code"], 3, "{crashed:?}");
        let next = call("echo", r#"{"text":"again"}"#);
        assert_eq!(next.json()["content"][0]["text"], "again", "{next:?}");
    }
    for path in ["api/none/tools", "api/LEGACY/tools", "api/leg%61cy/tools"] {
        let nobody = error(&get(&proxy, path));
        assert!(nobody.0 == 404 && nobody.1.contains("/both-http"), "{nobody:?}");
    }
}

#[test]
fn who_does_not_answer_in_time_is_a_timeout() {
    for name in SERVERS {
        let proxy = Site::new().fake(name, fake(name).toml("call_timeout_seconds = 1")).start();
        let late = post(&proxy, &format!("api/{name}/tools/hang"), "{}");
        assert_eq!(late.status, 504, "{name}: {late:?}");
        assert!(late.json()["error"].as_str().unwrap().contains("call_timeout_seconds = 1"), "{late:?}");
    }
}

#[test]
fn who_is_not_there_has_not_seen_the_call() {
    for name in ["legacy", "modern-http"] {
        let site = Site::new().config("[restart]\nrestart_wait_seconds = 1\n").fake(name, fake(name));
        let proxy = site.start();
        proxy.wait_ready(name);
        assert!(proxy.site.run(&["stop", name]).status.success());
        proxy.wait_server(name, |entry| entry["state"] == "stopped");
        let down = post(&proxy, &format!("api/{name}/tools/echo"), "{}");
        assert_eq!((down.status, down.header("retry-after")), (503, Some("2")), "{down:?}");
        assert_eq!(down.json()["data"]["server"], name);
    }
}

#[test]
fn a_question_cannot_be_answered_and_says_so() {
    for name in ["modern", "modern-http"] {
        let proxy = Site::new().fake(name, fake(name)).start();
        let (status, text) = error(&post(&proxy, &format!("api/{name}/tools/ask"), "{}"));
        assert_eq!(status, 501);
        assert!(text.contains("has a question for its user") && text.contains(&format!("/{name}")), "{text}");
    }
    // A legacy tool hears that nobody can be asked. One that goes on without has a result, one that fails does not.
    let proxy =
        scripted(Site::new().fake("goes-on", fake("legacy")), "fails", r#"[{"name":"ask"}]"#, &[]).start();
    assert_eq!(post(&proxy, "api/goes-on/tools/ask", "{}").status, 200);
    assert_eq!(post(&proxy, "api/fails/tools/ask", "{}").status, 501);
    for (tool, status) in [("require_url", 501), ("fail", 422)] {
        assert_eq!(
            post(&proxy, &format!("api/goes-on/tools/{tool}"), r#"{"id":"e-1","text":"x"}"#).status,
            status,
            "{tool}"
        );
    }
}

#[test]
fn a_servers_own_errors_are_told() {
    let tools = r#"[{"name":"picky"},{"name":"broken"},{"name":"odd"},{"name":"python"}]"#;
    let answers = [
        ("picky", r#""error":{"code":-32602,"message":"a is missing","data":{"at":1.0}}"#),
        ("broken", r#""error":{"code":-32603,"message":"disk full"}"#),
        ("odd", r#""error":"no object""#),
        ("hidden", r#""result":{"content":[{"type":"text","text":"Unknown tool: hidden"}],"isError":true}"#),
    ];
    let proxy = scripted(Site::new(), "s", tools, &answers).start();
    let call = |tool: &str| post(&proxy, &format!("api/s/tools/{tool}"), "{}");
    assert_eq!(call("picky").text(), "{\"error\":\"a is missing\",\"data\":{\"at\":1.0}}\n");
    assert_eq!(call("picky").status, 400);
    assert_eq!(error(&call("broken")), (502, "disk full".into()));
    assert_eq!(call("odd").status, 502);
    // Some say so by a result; it is in no list, so it is not there.
    assert_eq!(call("hidden").status, 404);
    assert_eq!(error(&call("python")), (400, "odd words".into()));
}

/// Who hangs up takes the call back.
#[test]
fn a_client_that_leaves_cancels_its_call() {
    for name in SERVERS {
        println!("{name}");
        let proxy = Site::new().fake(name, fake(name)).arg("--log-format").arg("json").start();
        proxy.wait_ready(name);
        let url = proxy.url(&format!("api/{name}/tools/hang"));
        let mut connection = Connection::open(&url);
        connection.send("POST", &url, &[JSON], b"{}");
        wait_for(DEADLINE, || (proxy.server(name)["in_flight"].as_u64()? > 0).then_some(()));
        drop(connection);
        proxy.wait_log(|line| {
            line.contains("\"tool\":\"hang\"") && line.contains("\"outcome\":\"cancelled\"")
        });
        wait_for(DEADLINE, || (proxy.server(name)["in_flight"] == 0).then_some(()));
    }
}

#[test]
fn a_call_that_is_too_long_for_its_pipe_or_too_large_is_told() {
    let site = Site::new().config("[limits]\nmax_message_bytes = 100000\n").fake("a", Fake::stdio());
    let proxy = site.start();
    let large = post(&proxy, "api/a/tools/big", r#"{"bytes":200000}"#);
    assert_eq!(large.status, 502, "{large:?}");
    assert!(error(&large).1.contains("max_message_bytes"));
    assert_eq!(post(&proxy, "api/a/tools/big", r#"{"bytes":50000}"#).status, 200);
}

/// Only calls of listed names reach the server twice: a tool that fails is not asked for again.
#[test]
fn a_failing_tool_is_called_once() {
    let failing = r#""result":{"content":[],"isError":true}"#;
    let proxy = scripted(Site::new(), "s", r#"[{"name":"t"}]"#, &[("t", failing)]).start();
    let failed = post(&proxy, "api/s/tools/t", "{}");
    assert_eq!(error(&failed), (422, "the tool has failed and does not say why".into()));
    assert_eq!(failed.json()["data"], json!({"content": [], "isError": true}));
    assert_eq!(called(&proxy, "s"), ["t"]);
}
