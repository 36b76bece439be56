//! Paths that mean something else to another reader: no way round a guard, into another server, or to our own places.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::wire::{self, Answer, Wire};

pub(crate) fn cases() -> Vec<Case> {
    let mut all: Vec<Case> = TO_STDIO
        .iter()
        .map(|path| case(format!("no way to /stdio by {path}"), |ground| not_stdio(ground, path)))
        .collect();
    all.extend(TO_RELOAD.iter().map(|path| {
        case(format!("no command by {path}"), |ground| {
            let answer = ask(ground, "POST", path);
            assert!(
                !answer.body.contains("summary") && matches!(answer.status, 400..500 | 200),
                "{answer:?}"
            );
            assert!(answer.status != 200 || answer.body.contains(r#""path":"#), "not passed on: {answer:?}");
        })
    }));
    all.push(case("what is below a server keeps its spelling", keeps_spelling));
    all
}

/// Each is read as /stdio by somebody.
const TO_STDIO: [&str; 14] = [
    "/http/../stdio",
    "/http/%2e%2e/stdio",
    "/http/%2E%2E%2fstdio",
    "/http/..;/stdio",
    "/http/..\\stdio",
    "/http\\..\\stdio",
    "//stdio",
    "/./stdio",
    "/%73tdio",
    "/stdio%00",
    "/stdio%2f",
    "/stdio;x=1",
    "/STDIO",
    "/http/..%252fstdio",
];

/// Each is read as the command to reload by somebody; without its secret.
const TO_RELOAD: [&str; 8] = [
    "/api/reload",
    "/api/reload?x=1",
    "//api/reload",
    "/http/../api/reload",
    "/http/%2e%2e/api/reload",
    "/API/RELOAD",
    "/api/./reload",
    "/api%2freload",
];

fn ask(ground: &Ground, method: &str, path: &str) -> Answer {
    let fields = [("Content-Length", "0"), ("Connection", "close")];
    let request = format!("{}\r\n", wire::head(method, path, &fields));
    Wire::open(&ground.url("stdio")).unwrap().exchange(request.as_bytes()).unwrap()
}

/// A valid message for the stdio server: it may not arrive there, only at the server whose name comes first.
fn not_stdio(ground: &Ground, path: &str) {
    let client = ground.proxy.client("stdio");
    let before = client.json("received", serde_json::json!({})).as_array().map_or(0, Vec::len);
    let body = client.call_message("echo", serde_json::json!({"text": "by another way"})).to_string();
    let request = wire::post(path, &client.headers(), &body);
    let answer = Wire::open(&ground.url("stdio")).unwrap().exchange(request.as_bytes()).unwrap();
    assert!(answer.status == 404 || answer.status == 400 || answer.body.contains(r#""path":"#), "{answer:?}");
    let lines = client.json("received", serde_json::json!({}));
    assert!(!lines.to_string().contains("by another way"), "it arrived, after {before} lines");
}

/// It is the server's own business what its paths mean.
fn keeps_spelling(ground: &Ground) {
    for rest in
        ["/a/../b", "/a/%2e%2e/b", "//b", "/a%2fb", "/a/;x", "/%00", "/a%0d%0aX:%20y", "/a/b%5Cc", "/~"]
    {
        let answer = ask(ground, "GET", &format!("/http{rest}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(seen["path"], *rest, "{seen}");
        assert!(!seen["headers"].to_string().contains(r#"["x","#), "{seen}");
    }
}
