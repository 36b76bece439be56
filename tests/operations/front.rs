//! The front door: who may enter, and where each path leads.

use super::*;
use serde_json::json;
use std::io::Read;
use std::time::{Duration, Instant};

const MCP: [(&str, &str); 2] =
    [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];

fn ping(url: &str, headers: &[(&str, &str)]) -> Response {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    request("POST", url, &[&MCP[..], headers].concat(), body)
}

fn two() -> Proxy {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    proxy
}

#[test]
fn only_our_own_names_are_served() {
    let proxy = two();
    for path in ["a", "b", "health", "servers", "a/health", "nothing", ".well-known/x"] {
        for host in ["evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.nip.io"] {
            let answer = request("GET", &proxy.url(path), &[("Host", host)], b"");
            assert_eq!(answer.status, 403, "{host} {path}: {answer:?}");
            assert!(answer.text().contains("allowed_hosts"), "{answer:?}");
        }
        for origin in ["http://evil.example", "https://localhost.evil.example", "null", "file://"] {
            let answer = request("GET", &proxy.url(path), &[("Origin", origin)], b"");
            assert_eq!(answer.status, 403, "{origin} {path}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:3000", "192.168.1.2:3000"] {
        assert_eq!(request("GET", &proxy.url("health"), &[("Host", host)], b"").status, 200, "{host}");
    }
}

#[test]
fn a_page_from_an_address_is_a_page_from_elsewhere() {
    let proxy = two();
    for path in ["a", "b", "health"] {
        let ask = |host, origin| request("GET", &proxy.url(path), &[("Host", host), ("Origin", origin)], b"");
        for origin in ["http://203.0.113.5", "http://[2001:db8::1]:3000", "http://192.168.1.5:8080"] {
            let answer = ask("192.168.1.5:3000", origin);
            assert_eq!(answer.status, 403, "{origin} {path}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        for origin in ["http://192.168.1.5:3000", "http://127.0.0.1:6274", "http://[::1]:6274"] {
            let answer = ask("192.168.1.5:3000", origin);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{path}: {answer:?}");
        }
    }
}

#[test]
fn names_and_origins_can_be_added() {
    let config = "[proxy]\nallowed_hosts = [\"mcp.example\"]\nallowed_origins = [\"app://obsidian\"]\n";
    let proxy = Site::new().config(config).start();
    let headers = [("Host", "mcp.example"), ("Origin", "app://obsidian")];
    assert_eq!(request("GET", &proxy.url("health"), &headers, b"").status, 200);
    assert_eq!(request("GET", &proxy.url("health"), &[("Origin", "app://other")], b"").status, 403);
}

#[test]
fn a_page_may_ask_and_read() {
    let proxy = two();
    let origin = "http://localhost:6274";
    let preflight = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type, mcp-session-id, mcp-param-city, x-evil"),
    ];
    for path in ["a", "b", "a/mcp", "health"] {
        let answer = request("OPTIONS", &proxy.url(path), &preflight, b"");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        let headers = answer.header("access-control-allow-headers").unwrap();
        for name in
            ["content-type", "authorization", "mcp-session-id", "mcp-protocol-version", "mcp-param-city"]
        {
            assert!(headers.contains(name), "{headers}");
        }
        assert!(!headers.contains("x-evil"), "{headers}");
        let answer = ping(&proxy.url(path), &[("Origin", origin)]);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
        let exposed = answer.header("access-control-expose-headers").unwrap().to_lowercase();
        assert!(exposed.contains("mcp-session-id") && exposed.contains("www-authenticate"), "{exposed}");
        assert!(answer.header("vary").unwrap().contains("Origin"));
    }
    let refused = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    assert_eq!(request("OPTIONS", &proxy.url("a"), &refused, b"").status, 403);
    assert_eq!(ping(&proxy.url("a"), &[]).header("access-control-allow-origin"), None);
}

#[test]
fn metadata_that_is_not_there_is_not_waited_for() {
    let slow = Fake::stdio().env("FAKE_START_DELAY_MS", "60000");
    let proxy = Site::new().fake("slow", slow).fake("b", Fake::http()).start();
    let begin = Instant::now();
    for path in [
        ".well-known/oauth-protected-resource",
        ".well-known/oauth-authorization-server/slow",
        ".well-known/oauth-protected-resource/b/mcp",
        "slow/.well-known/openid-configuration",
        "b/.well-known/oauth-protected-resource",
        "b/mcp/.well-known/openid-configuration",
    ] {
        let answer = get(&proxy, path);
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")), "{path}");
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn who_asks_for_no_server_hears_their_names() {
    let proxy = two();
    for path in ["mcp", "mcp/", "c", "c/mcp", "api", "api/nothing", "A"] {
        for method in ["GET", "POST"] {
            let answer = request(method, &proxy.url(path), &MCP, b"{}");
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            assert!(answer.json()["error"].as_str().unwrap().ends_with("there are: /a /b"), "{answer:?}");
        }
    }
    assert!(get(&proxy, "").text().contains(&proxy.url("a")));
}

#[test]
fn every_spelling_of_an_endpoint_is_the_same() {
    let proxy = two();
    for name in ["a", "b"] {
        let client = proxy.client(name);
        for url in ["", "/", "/mcp", "?x=1", "/mcp?x=1"].map(|tail| proxy.url(&format!("{name}{tail}"))) {
            let headers: Vec<_> = client.headers();
            let answer =
                request("POST", &url, &headers, client.message("ping", json!({})).to_string().as_bytes());
            assert_eq!(answer.status, 200, "{url}: {answer:?}");
        }
    }
}

#[test]
fn a_bridge_has_a_port_of_its_own_with_the_same_guard() {
    let proxy = two();
    let port = proxy.server("a")["port"].as_u64().unwrap();
    let own = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    let client = Client::connect(&own("mcp"));
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    // The same sessions: what began here goes on there.
    let answer = request(
        "POST",
        &proxy.url("a"),
        &client.headers(),
        client.message("ping", json!({})).to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(request("GET", &own("health"), &[], b"").json()["name"], "a");
    assert_eq!(ping(&own(""), &[("Host", "evil.example")]).status, 403);
    assert_eq!(ping(&own(""), &[("Origin", "http://evil.example")]).status, 403);
    assert_eq!(ping(&own("mcp"), &[]).status, 400, "a ping without a session");
    // Nothing of the rest of the proxy is behind this door.
    for path in ["servers", "b", "b/mcp", "api/reload", "api/servers/b/stop"] {
        let answer = request("POST", &own(path), &[("Authorization", &commands::bearer(&proxy))], b"");
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    assert_eq!(proxy.server("b")["state"], "ready");
}

#[test]
fn commands_need_the_secret_and_a_post() {
    let proxy = two();
    let bearer = commands::bearer(&proxy);
    for path in ["api/servers/a/stop", "api/servers/a/restart", "api/servers/a/start", "api/reload"] {
        let longer = format!("{bearer}0");
        for wrong in ["", "Bearer ", "Bearer 0", "Basic abc", &bearer[..bearer.len() - 1], &longer] {
            let answer = request("POST", &proxy.url(path), &[("Authorization", wrong)], b"");
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, Some("Bearer")),
                "{path} {wrong}"
            );
        }
        assert_eq!(request("POST", &proxy.url(path), &[], b"").status, 401, "{path}");
        for method in ["GET", "DELETE", "PUT"] {
            let answer = request(method, &proxy.url(path), &[("Authorization", &bearer)], b"");
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    assert_eq!(proxy.server("a")["restarts"], 0);
    let order = |path: &str| request("POST", &proxy.url(path), &[("Authorization", &bearer)], b"");
    assert_eq!(order("api/servers/a/stop").status, 202);
    proxy.wait_server("a", |entry| entry["state"] == "stopped");
    assert_eq!(order("api/reload").status, 200);
    assert_eq!(order("api/servers/c/stop").status, 404);
    assert_eq!(order("api/servers/a/explode").status, 404);
}

#[test]
fn what_is_only_read_is_not_written() {
    let proxy = two();
    for path in ["health", "ready", "servers", "api/servers", "a/health", "a/logs", ""] {
        let answer = request("POST", &proxy.url(path), &[], b"{}");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
        let mut connection = Connection::open(&proxy.url(""));
        connection.send("HEAD", &proxy.url(path), &[("Connection", "close")], b"");
        assert_eq!(connection.head().status, 200, "{path}");
        assert_eq!(connection.reader.read_to_end(&mut Vec::new()).unwrap(), 0, "{path}");
    }
}

/// Sends a request target as it is; the status and the body that come back.
fn target(proxy: &Proxy, target: &str) -> (u16, String) {
    let lines = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = String::from_utf8(raw(&proxy.url(""), lines.as_bytes())).unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("no status for {target}: {answer}")), answer)
}

#[test]
fn paths_are_taken_as_they_stand() {
    let proxy = two();
    for trick in [
        "//a/health",
        "//servers",
        "/./servers",
        "/%61/health",
        "/%2e%2e/servers",
        "/../servers",
        "/a/../b/x",
        "/a/..%2fb/x",
        "/a/%2e%2e/servers",
        "/a/../servers",
        "/a//health",
        "/a/health/",
        "/servers/",
        "/api//servers",
        "/api/../servers",
        "/A/health",
        "/%00",
        "/a%2fhealth",
    ] {
        let (status, answer) = target(&proxy, trick);
        assert_eq!(status, 404, "{trick}: {answer}");
        assert!(!answer.contains("\"children\""), "{trick}: {answer}");
    }
    // Below an HTTP server it is that server's business, and arrives as it was written.
    for path in ["/../servers", "//x", "/%2e%2e/servers", "/a%2Fb%20c?d=%2F&e", "/health/x"] {
        let (status, answer) = target(&proxy, &format!("/b{path}"));
        assert_eq!(status, 200, "{path}: {answer}");
        let seen: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        assert_eq!((&seen["path"], &seen["query"]), (&json!(path), &json!(query)));
    }
}

#[test]
fn an_absolute_target_is_guarded_by_its_own_name() {
    let proxy = two();
    assert_eq!(target(&proxy, "http://evil.example/health").0, 403);
    assert_eq!(target(&proxy, "http://localhost/health").0, 200);
}

#[test]
fn the_log_of_a_server_is_read_by_its_name() {
    let proxy = two();
    proxy.client("a").call("stderr", json!({"text": "a word", "lines": 2}));
    eventually(DEADLINE, || get(&proxy, "a/logs").text() == "a word\na word\n");
    assert_eq!(get(&proxy, "a/logs").header("content-type"), Some("text/plain; charset=utf-8"));
}
