//! A secret's value is shown nowhere, whoever prints it.

use super::*;
use serde_json::json;

const SECRETS: [&str; 4] = ["value-in-dotenv", "value-in-env", "value-in-a-file", "value-in-an-argument"];

/// A server that prints all its secrets wherever it can, and then does `last`.
fn blabber(last: &str) -> Site {
    let words = "$DOTENV $API_KEY $FILED $2";
    // Lines are cut at 4096 bytes and at 120: not within a secret.
    let (long, short) = ("x".repeat(4085), "x".repeat(30));
    let does = format!(
        "echo \"on stderr: {words}\" >&2; echo \"> on stdout: {words} {short} $DOTENV\"; echo \"{long} $DOTENV\" >&2; {last}"
    );
    let keys = "env = { API_KEY = 'value-in-env' }\nenv_from_files = { FILED = 'file' }\n";
    let toml = script(&does).replace("''']", "''', '--token', 'sh', 'value-in-an-argument']") + keys;
    let toml = toml.replace("'--token', 'sh', 'value", "'sh', '--token', 'value");
    let site = Site::new();
    site.write("servers/blab/.env", "DOTENV=value-in-dotenv\n");
    site.write("servers/blab/file", "value-in-a-file\n");
    site.write("servers/blab/server.toml", &toml);
    site
}

#[track_caller]
fn shows_none(what: &str, text: &str) {
    for secret in SECRETS {
        // A half would do, too.
        assert!(!text.contains(secret) && !text.contains(&secret[..8]), "{secret} in {what}: {text}");
    }
}

/// Everything the proxy can be made to say.
#[track_caller]
fn looked_over(proxy: &Proxy) {
    for path in ["servers", "api/servers", "health", "blab/health", "blab/logs", "metrics", ""] {
        shows_none(path, &String::from_utf8_lossy(&request("GET", &proxy.url(path), &[], b"").body));
    }
    for args in [&["check"][..], &["check", "--json"]] {
        let out = proxy.site.run(args);
        shows_none(
            "check",
            &format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)),
        );
    }
    shows_none("the log", &proxy.log().join("\n"));
}

#[test]
fn what_a_server_says_of_its_secrets_is_masked() {
    for format in ["text", "json"] {
        let site = blabber("true");
        let proxy = site.arg("--log-format").arg(format).start();
        pid(&proxy, "blab");
        proxy.wait_log(|line| line.contains("on stderr: *** *** *** ***"));
        proxy.wait_log(|line| line.contains("on stdout: *** *** *** *** xxx"));
        proxy.wait_log(|line| line.contains("xxx ***… (a line of"));
        looked_over(&proxy);
        let logs = request("GET", &proxy.url("blab/logs"), &[], b"");
        assert!(String::from_utf8_lossy(&logs.body).contains("on stderr: *** *** *** ***"));
    }
}

#[test]
fn the_error_of_a_server_that_fails_tells_no_secret() {
    let site = blabber("exit 3");
    let proxy = site.config("[restart]\nrestart_wait_seconds = 0\n").start();
    trouble(&proxy, "blab");
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let answer = request("POST", &proxy.url("blab"), &headers, initialize.to_string().as_bytes());
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("on stderr: *** *** *** ***"), "{text}");
    shows_none("the answer", &text);
    looked_over(&proxy);
}

#[test]
fn the_words_of_a_refusal_tell_no_secret() {
    // Of the error 500 bytes are shown: not half of the second.
    let message = format!("bad key $DOTENV {} $DOTENV", "x".repeat(440));
    let error = format!(r#"{{\"code\":-32603,\"message\":\"{message}\"}}"#);
    let refusal = format!(r#"{{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{error}}}"#);
    let site = blabber(&format!("read -r hello; echo \"{refusal}\"; read -r line; exit"));
    let proxy = site.start();
    let trouble = trouble(&proxy, "blab");
    proxy.wait_log(|line| line.contains("bad key ***"));
    shows_none("/servers", &trouble);
    looked_over(&proxy);
}

/// What passes between client and server is theirs.
#[test]
fn messages_are_not_touched() {
    let site = Site::new().fake("a", Fake::stdio().env("API_KEY", "value-in-env"));
    let proxy = site.start();
    assert_eq!(proxy.client("a").text("echo", json!({ "text": "value-in-env" })), "value-in-env");
}

#[test]
fn headers_for_a_server_elsewhere_are_secrets() {
    let site = Site::new().config(
        "[server.far]\nurl = 'http://127.0.0.1:1/mcp?api_key=value-in-the-query'\nheaders = { Authorization = 'Bearer value-in-a-header' }\n",
    );
    let out = site.run(&["check", "--json"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("Authorization") && !text.contains("value-in"), "{text}");
    let proxy = site.start();
    wait_server(&proxy, "far", |entry| entry["health"] == "unhealthy" || entry["last_error"].is_string());
    assert!(!proxy.log().join("\n").contains("value-in"), "{:?}", proxy.log());
}
