//! A token in the path, for clients that can send no header field.

use super::*;
use serde_json::json;

fn site() -> Site {
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).fake("t", Fake::stdio());
    site.config("[auth]\ntoken_in_path = true\n[log]\nlevel = \"trace\"\n")
}

#[test]
fn a_token_in_the_path_opens_what_is_behind_it() {
    let site = site();
    let token = site.token(&["--servers", "a,b"]);
    let proxy = site.start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let at = |path: &str| proxy.url(&format!("t/{token}/{path}"));
    for name in ["a", "b"] {
        assert_eq!(Client::connect(&at(name)).text("echo", json!({"text": "hi"})), "hi");
        assert_eq!(Client::connect(&at(&format!("{name}/mcp"))).text("echo", json!({"text": "hi"})), "hi");
    }
    for old in [SseClient::connect(&at("a/sse")), SseClient::connect(&at("a")), SseClient::connect(&at("a/"))]
    {
        assert!(old.endpoint.contains(&format!("/t/{token}/a/messages?")), "{}", old.endpoint);
        assert_eq!(old.text("echo", json!({"text": "hi"})), "hi");
    }
    let answer = request("GET", &at("a/health"), &[], b"");
    assert_eq!((answer.status, answer.header("referrer-policy")), (200, Some("no-referrer")));
    assert!(!answer.text().contains(&token), "no URL shows it");
    for (path, status) in [("t", 403), ("none", 403), ("", 403), ("a/none", 404), ("health", 200)] {
        assert_eq!(request("GET", &at(path), &[], b"").status, status, "{path}");
    }
    for wrong in [
        "t/wrong/a",
        "t//a",
        "t",
        "a",
        &format!("t/{token}x/a"),
        &format!("T/{token}/a"),
        &format!("x/t/{token}/a"),
    ] {
        assert_eq!(request("GET", &proxy.url(wrong), &[], b"").status, 401, "{wrong}");
    }
    let both = request("GET", &at("a/health"), &[("Authorization", &bearer(&token))], b"");
    assert_eq!(both.status, 400);
}

#[test]
fn a_token_in_the_path_is_forwarded_and_logged_nowhere() {
    let site = site();
    let token = site.token(&[]);
    let proxy = site.start();
    proxy.wait_ready("b");
    let seen = request("GET", &proxy.url(&format!("t/{token}/b/echo/x?y=1")), &[("X-A", "1")], b"");
    assert!(seen.text().contains("/echo/x") && !seen.text().contains(&token), "{}", seen.text());
    request("GET", &proxy.url("t/mcp_never-right/b/echo"), &[], b"");
    request("GET", &proxy.url("t/mcp_never-right/b/echo\x7f"), &[], b"");
    proxy.wait_log(|line| line.contains("unknown token"));
    let log = proxy.log().join("\n");
    assert!(!log.contains(&token) && !log.contains("mcp_never-right"), "{log}");
}

#[test]
fn it_has_to_be_asked_for() {
    let site = Site::new().fake("a", Fake::stdio());
    let token = site.token(&[]);
    let proxy = site.start();
    assert_eq!(request("GET", &proxy.url(&format!("t/{token}/a/health")), &[], b"").status, 401);
}

#[test]
fn it_stands_behind_the_prefix_of_the_public_url() {
    let config = "[proxy]\npublic_url = \"https://home.example/mcp\"\n[auth]\ntoken_in_path = true\n";
    let site = Site::new().config(config).fake("a", Fake::stdio());
    let token = site.token(&[]);
    let proxy = site.start();
    for prefix in ["mcp/", ""] {
        let url = proxy.url(&format!("{prefix}t/{token}/a"));
        assert_eq!(Client::connect(&url).text("echo", json!({"text": "hi"})), "hi", "{prefix}");
    }
}
