//! Where the cookie counts, and where it must not even be seen.

use crate::harness::{Fake, Proxy, Site, request};
use crate::rig::{PASSWORD, PERSON, owner, passwd};
use serde_json::json;

fn proxy() -> Proxy {
    let site = Site::new().fake("notes", Fake::stdio()).fake("web", Fake::http());
    site.token(&[]);
    passwd(&site, PASSWORD);
    let proxy = site.start();
    ["notes", "web"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    proxy
}

#[test]
fn it_is_good_for_the_page_and_nothing_else() {
    let proxy = proxy();
    let browser = owner(&proxy);
    for path in ["", "servers", "api/servers", "notes/logs", "notes/health", "api/notes/tools"] {
        assert_eq!(browser.get(path).status, 200, "{path}");
    }
    for path in [
        "metrics",
        "notes",
        "notes/mcp",
        "notes/sse",
        "web",
        "web/echo",
        "mcp",
        "none",
        "api/notes/prompts",
        "api/notes/resources",
    ] {
        assert_eq!(browser.get(path).status, 401, "{path}");
    }
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let headers = [&headers[..], &[("Origin", browser.origin.as_str())]].concat();
    for path in ["notes", "web", "notes/messages", "api/notes/tools/echo"] {
        let answer = request("POST", &proxy.url(path), &browser.headers(&headers), ping.as_bytes());
        assert_eq!(answer.status, 401, "{path}");
    }
}

#[test]
fn it_counts_at_the_front_door_only() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let port = proxy.server("notes")["port"].as_u64().unwrap();
    let value = browser.cookie.split_once('=').unwrap().1;
    for name in [browser.cookie.clone(), format!("mcp-proxy-visit-{port}={value}")] {
        let url = format!("http://127.0.0.1:{port}/logs");
        assert_eq!(request("GET", &url, &[PERSON, ("Cookie", &name)], b"").status, 401);
    }
}

#[test]
fn a_page_of_another_origin_cannot_look_through_it() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let foreign = browser.headers(&[("Origin", "http://localhost:8080")]);
    assert_eq!(request("GET", &proxy.url("servers"), &foreign, b"").status, 403);
}

#[test]
fn of_two_cookies_none_counts_and_another_credential_wins() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let both = format!("{0}; {0}", browser.cookie);
    assert_eq!(request("GET", &proxy.url("servers"), &[("Cookie", &both)], b"").status, 401);
    let wrong = browser.headers(&[("Authorization", "Bearer mcp_wrong")]);
    assert_eq!(request("GET", &proxy.url("servers"), &wrong, b"").status, 401);
}

#[test]
fn no_server_gets_to_see_it() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let cookie = format!("theme=dark; {}", browser.cookie);
    let bearer = proxy.operator();
    let answer =
        request("GET", &proxy.url("web/echo"), &[("Authorization", &bearer), ("Cookie", &cookie)], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    assert!(text.contains("theme=dark") && !text.contains("mcp-proxy-visit"), "{text}");
}
