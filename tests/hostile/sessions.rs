//! Sessions: guessed, half right, of another server, and too many of them.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::harness::{Client, request};
use crate::wire::{self, Wire};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("5,000 guessed session ids", guesses),
        case("session id, each of its letters changed", |ground| near_misses(ground, changed)),
        case("session id cut short", |ground| near_misses(ground, cut)),
        case("session id with something behind it", |ground| near_misses(ground, extended)),
        case("session id in another case", |ground| near_misses(ground, |id| vec![id.to_uppercase()])),
        case("session of another server", foreign),
        case("two session ids", two_at_once),
        case("session that is deleted", deleted),
        case("others' sessions deleted by guesses", |ground| {
            let ids: Vec<String> = (0..500).map(|n: u32| format!("{n:032x}")).collect();
            ids.iter().for_each(|id| assert_eq!(status(ground, "DELETE", "stdio", id), 404));
        }),
        case("GET streams of guessed sessions", |ground| {
            let ids: Vec<String> = (0..500).map(|n: u32| format!("{n:032x}")).collect();
            ids.iter().for_each(|id| assert_eq!(status(ground, "GET", "stdio", id), 404));
        }),
        case("3,000 sessions", |ground| greet_often(ground, 3000, 10)),
        case("1,500 sessions that say 15 KB of themselves", |ground| greet_often(ground, 1500, 15_000)),
        case("sessions that say 200 KB of themselves", |ground| {
            let hello = hello(200_000);
            wire::refused(&ground.url("stdio"), wire::post("/stdio", &[], &hello).as_bytes(), 413);
        }),
        case("300 modern requests that say 200 KB of themselves", modern),
        case("1,000 old streams never greeted", old_streams),
    ]
}

fn status(ground: &Ground, method: &str, name: &str, id: &str) -> u16 {
    let fields = [
        ("Mcp-Session-Id", id),
        ("Accept", "application/json, text/event-stream"),
        ("Content-Type", "application/json"),
        ("MCP-Protocol-Version", "2025-11-25"),
    ];
    let ping = if method == "POST" { r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"# } else { "" };
    request(method, &ground.url(name), &fields, ping.as_bytes()).status
}

fn guesses(ground: &Ground) {
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    for number in 0..5000_u64 {
        let id =
            format!("{:032x}", u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let fields = [("Mcp-Session-Id", id.as_str()), ("MCP-Protocol-Version", "2025-11-25")];
        let request = wire::post("/stdio", &fields, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        let answer = match wire.exchange(request.as_bytes()) {
            Ok(answer) => answer,
            Err(_) => {
                wire = Wire::open(&ground.url("stdio")).unwrap();
                wire.exchange(request.as_bytes()).unwrap()
            }
        };
        assert_eq!(answer.status, 404, "{answer:?}");
    }
}

fn near_misses(ground: &Ground, variants: impl Fn(&str) -> Vec<String>) {
    let client = ground.proxy.client("stdio");
    assert_eq!(status(ground, "POST", "stdio", client.session()), 200);
    for id in variants(client.session()).iter().filter(|id| *id != client.session()) {
        assert_eq!(status(ground, "POST", "stdio", id), 404, "{id}");
    }
    assert_eq!(status(ground, "POST", "stdio", client.session()), 200, "and the right one lives");
}

fn changed(id: &str) -> Vec<String> {
    let change = |at: usize| {
        let mut bytes = id.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).unwrap()
    };
    (0..id.len()).map(change).collect()
}

fn cut(id: &str) -> Vec<String> {
    (1..id.len()).map(|end| id[..end].to_string()).collect()
}

fn extended(id: &str) -> Vec<String> {
    ["0", "=", ".", " x", "%00", "\u{7e}", &"a".repeat(8000)]
        .iter()
        .map(|more| format!("{id}{more}"))
        .collect()
}

fn foreign(ground: &Ground) {
    let (one, other) = (ground.proxy.client("stdio"), ground.proxy.client("http"));
    assert_eq!(status(ground, "POST", "http", one.session()), 404);
    assert_eq!(status(ground, "POST", "stdio", other.session()), 404);
    assert_eq!(status(ground, "DELETE", "stdio", other.session()), 404);
    assert_eq!(status(ground, "POST", "http", other.session()), 200);
}

/// Whichever is believed, it is one of the two and no third, and nothing breaks.
fn two_at_once(ground: &Ground) {
    let (one, other) = (ground.proxy.client("stdio"), ground.proxy.client("stdio"));
    let fields = [&one.headers()[..], &[("Mcp-Session-Id", other.session())]].concat();
    let request = wire::post("/stdio", &fields, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let answer = Wire::open(&ground.url("stdio")).unwrap().exchange(request.as_bytes()).unwrap();
    assert!(matches!(answer.status, 200 | 400 | 404), "{answer:?}");
}

fn deleted(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    assert!(client.end().status < 300);
    assert_eq!(status(ground, "POST", "stdio", client.session()), 404);
    assert_eq!(status(ground, "GET", "stdio", client.session()), 404);
}

fn hello(bytes: usize) -> String {
    let info = json!({"name": "n".repeat(bytes / 2), "version": "1"});
    let capabilities = json!({"experimental": {"x": {"y": "z".repeat(bytes / 2)}}});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": info});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).to_string()
}

fn greet_often(ground: &Ground, count: usize, bytes: usize) {
    let request = wire::post("/stdio", &[], &hello(bytes));
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    for _ in 0..count {
        let answer = wire.exchange(request.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        if !answer.keeps_alive {
            wire = Wire::open(&ground.url("stdio")).unwrap();
        }
    }
    drop(Client::connect(&ground.url("stdio")));
}

fn modern(ground: &Ground) {
    let about = json!({"name": "n".repeat(200_000), "version": "1"});
    for _ in 0..300 {
        let params = json!({"name": "echo", "arguments": {"text": "x"}, "_meta": {"io.modelcontextprotocol/clientInfo": about}});
        let answer = crate::harness::modern(&ground.url("stdio"), json!(1), "tools/call", params);
        assert!(matches!(answer.status, 200 | 400 | 503), "{} {:.300}", answer.status, answer.text());
    }
}

fn old_streams(ground: &Ground) {
    let head = format!("{}\r\n", wire::head("GET", "/stdio/sse", &[("Accept", "text/event-stream")]));
    let mut all: Vec<Wire> = (0..1000).filter_map(|_| Wire::open(&ground.url("stdio")).ok()).collect();
    all.iter_mut().for_each(|wire| drop(wire.send(head.as_bytes())));
    assert_eq!(crate::bodies::get(ground, "/health").status, 200);
}
