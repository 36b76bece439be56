//! Other spellings of a request than those of the table: none of them gets past the door.

use super::*;

fn closed() -> (Proxy, String) {
    let site = Site::new().fake("hidden", Fake::stdio()).fake("http", Fake::http());
    let token = bearer(&site.token(&[]));
    let proxy = site.start();
    ["hidden", "http"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    (proxy, token)
}

/// The status lines of everything that comes back to a stranger.
#[track_caller]
fn statuses(proxy: &Proxy, bytes: &str) -> Vec<u16> {
    let (answer, statuses) = answers(proxy, bytes);
    assert!(!answer.contains("hidden"), "{bytes:?} tells a name: {answer}");
    statuses
}

fn answers(proxy: &Proxy, bytes: &str) -> (String, Vec<u16>) {
    let answer = String::from_utf8_lossy(&raw(&proxy.url(""), bytes.as_bytes())).into_owned();
    let lines = answer.split("HTTP/1.1 ").skip(1);
    let statuses = lines.filter_map(|rest| rest.get(..3)?.parse().ok()).collect();
    (answer, statuses)
}

#[test]
fn no_spelling_of_a_path_is_open() {
    let (proxy, _) = closed();
    for path in [
        "/hidden",
        "/hidden/",
        "/%68idden",
        "/./hidden",
        "/../hidden",
        "//hidden",
        "/hidden/../health",
        "/health/../hidden",
        "/health/",
        "/health/hidden",
        "/health%2f..%2fhidden",
        "/health;/hidden",
        "/HEALTH",
        "/ready/",
        "/ready/../servers",
        "/health%00",
        "/%2e%2e/servers",
        "/servers/",
        "/SERVERS",
        "/servers?x=/health",
        "/api/servers/../servers",
        "/metrics/",
        "/hidden/health",
        "/hidden/ready",
        "/http/health",
        "/http/x/health",
        "/http/../health/x",
        "/hidden/mcp?access_token=x",
        "/t/mcp_x/hidden",
        "/t/x",
        "/?/health",
        "/authorize",
        "/token",
        "/register",
        "/favicon.ico",
        "/robots.txt",
    ] {
        for line in [
            format!("GET {path} HTTP/1.1"),
            format!("POST {path} HTTP/1.1"),
            format!("GET {path} HTTP/1.0"),
            format!("GET http://localhost{path} HTTP/1.1"),
        ] {
            let request =
                format!("{line}\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            assert_eq!(statuses(&proxy, &request), [401], "{line}");
        }
    }
    // A path of authorization metadata leads nowhere else.
    for path in ["/.well-known/../hidden", "/hidden/.well-known/../mcp", "/.well-known/x/../../servers"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&proxy, &request), [404], "{path}");
    }
}

#[test]
fn no_header_opens() {
    let (proxy, right) = closed();
    let token = right.strip_prefix("Bearer ").unwrap().to_string();
    for headers in [
        format!("Proxy-Authorization: {right}"),
        format!("Cookie: token={token}"),
        format!("X-Api-Key: {token}"),
        format!("Authorization: {token}"),
        format!("Authorization: Basic {token}"),
        format!("Authorization: Bearer\t{token}"),
        format!("Authorization: Bearer{token}"),
        format!("Authorization: Bearer {token}x"),
        format!("Authorization: Bearer {}", &token[..46]),
        format!("Authorization: Bearer {}", token.to_uppercase()),
        format!("Authorization: Bearer x, {right}"),
        "X-Original-URL: /health".to_string(),
        "X-Rewrite-URL: /health".to_string(),
        "X-HTTP-Method-Override: OPTIONS".to_string(),
        "X-Forwarded-For: 127.0.0.1".to_string(),
        "X-Forwarded-Host: localhost".to_string(),
    ] {
        let request = format!(
            "GET /servers?access_token={token} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\nConnection: close\r\n\r\n"
        );
        assert!(matches!(statuses(&proxy, &request)[..], [401 | 429]), "{headers}");
    }
}

#[test]
fn the_scheme_is_written_in_any_case_and_one_credential_counts() {
    let (proxy, right) = closed();
    let token = right.strip_prefix("Bearer ").unwrap();
    let ask = |fields: &[(&str, &str)]| request("GET", &proxy.url("metrics"), fields, b"").status;
    for good in [format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer   {token}  ")] {
        assert_eq!(ask(&[("authorization", &good)]), 200, "{good}");
    }
    assert_eq!(ask(&[("AUTHORIZATION", &right)]), 200);
    for second in [right.as_str(), "Bearer wrong", "Basic x"] {
        assert_eq!(ask(&[("Authorization", &right), ("Authorization", second)]), 400, "{second}");
        assert_eq!(ask(&[("Authorization", second), ("authorization", &right)]), 400, "{second}");
    }
}

#[test]
fn each_request_of_a_connection_is_asked() {
    let (proxy, right) = closed();
    let ask = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let closing = "Connection: close\r\n";
    assert_eq!(statuses(&proxy, &(ask("/health", "") + &ask("/servers", closing))), [200, 401]);
    let with = format!("Authorization: {right}\r\n");
    assert_eq!(answers(&proxy, &(ask("/metrics/x/y", &with) + &ask("/servers", closing))).1, [404, 401]);
    // The body of a request that was refused is passed over, and no request of its own.
    let inner = ask("/health", "");
    let smuggled = format!(
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{inner}{}",
        inner.len(),
        ask("/metrics", closing)
    );
    assert_eq!(statuses(&proxy, &smuggled), [401, 401]);
}

/// Host and Origin come first, whatever is brought.
#[test]
fn a_token_does_not_replace_the_right_host() {
    let (proxy, right) = closed();
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let short = machine.strip_suffix(".local").unwrap_or(&machine).to_string();
    let ask = |line: &str, fields: &str| {
        answers(&proxy, &format!("GET {line}\r\n{fields}Authorization: {right}\r\nConnection: close\r\n\r\n"))
            .1
    };
    for (line, fields, status) in [
        ("/metrics HTTP/1.1", "Host: localhost\r\n", 200),
        ("/metrics HTTP/1.1", "Host: LOCALHOST:9\r\n", 200),
        ("/metrics HTTP/1.1", "Host: 203.0.113.9\r\n", 200),
        ("/metrics HTTP/1.1", "Host: [2001:db8::1]:3000\r\n", 200),
        ("/metrics HTTP/1.1", &format!("Host: {short}\r\n"), 200),
        ("/metrics HTTP/1.1", &format!("Host: {short}.local:3000\r\n"), 200),
        ("/metrics HTTP/1.1", "Host: evil.example\r\n", 403),
        ("/metrics HTTP/1.1", "Host: localhost.\r\n", 403),
        ("/metrics HTTP/1.1", "Host: localhost.evil.example\r\n", 403),
        ("/metrics HTTP/1.1", "Host: \r\n", 403),
        ("/metrics HTTP/1.1", "", 400),
        ("/metrics HTTP/1.1", "Host: localhost\r\nHost: localhost\r\n", 400),
        ("/metrics HTTP/1.1", "Host: localhost@evil.example\r\n", 400),
        // No browser speaks HTTP/1.0 or leaves Host out; a script may.
        ("/metrics HTTP/1.0", "", 200),
        ("/metrics HTTP/1.0", "Host: evil.example\r\n", 403),
        ("http://evil.example/metrics HTTP/1.1", "Host: localhost\r\n", 403),
        ("http://localhost/metrics HTTP/1.1", "Host: evil.example\r\n", 200),
        ("/metrics HTTP/1.1", "Host: localhost\r\nOrigin: http://localhost:6274\r\n", 200),
        ("/metrics HTTP/1.1", "Host: localhost\r\nOrigin: null\r\n", 403),
        ("/metrics HTTP/1.1", "Host: localhost\r\nOrigin: https://evil.example\r\n", 403),
        ("/metrics HTTP/1.1", "Host: localhost\r\nOrigin: http://localhost\r\nOrigin: null\r\n", 403),
    ] {
        assert_eq!(ask(line, fields), [status], "{line} {fields}");
    }
    // A page of an allowed origin may read why it was refused; no other may.
    let page = request("GET", &proxy.url("hidden"), &[("Origin", "http://localhost:6274")], b"");
    assert_eq!(
        (page.status, page.header("access-control-allow-origin")),
        (401, Some("http://localhost:6274"))
    );
    let page = request("GET", &proxy.url("hidden"), &[("Origin", "null"), ("Authorization", &right)], b"");
    assert_eq!((page.status, page.header("access-control-allow-origin")), (403, None));
}
