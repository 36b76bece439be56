//! JSON that is hard to read, means two things, or asks for more than it looks like.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::harness::Client;
use crate::wire::{self, Answer, Wire};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let mut all: Vec<Case> = REFUSED
        .iter()
        .map(|(name, body)| {
            case(*name, move |ground| {
                let answer = post(ground, &ground.proxy.client("stdio"), body);
                assert_eq!(answer.status, 400, "{answer:?}");
            })
        })
        .collect();
    all.extend([
        case("100,000 arrays within each other", |ground| deep(ground, "[", "]")),
        case("100,000 objects within each other", |ground| deep(ground, "{\"a\":", "}")),
        case("number of 100,000 digits", |ground| passes(ground, &"9".repeat(100_000))),
        case("number beyond all floats", |ground| passes(ground, "-1e999999999")),
        case("string of 5 MB of escapes", |ground| {
            passes(ground, &format!("\"{}\"", "\\u0041".repeat(800_000)))
        }),
        case("half surrogates", |ground| passes(ground, r#""\ud800\udfff\ud800""#)),
        case("the same key 10,000 times", |ground| {
            passes(ground, &format!("{{{}\"k\":0}}", "\"k\":1,".repeat(10_000)))
        }),
        case("CR and LF between the parts of a message", |ground| passes(ground, "[\r\n1\r,\n2\n\n\r]")),
        case("batch of 100,000", batch),
        case("batches of 100 calls, 50 times", batches),
        case("id of 1 MB", |ground| {
            let body = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "i".repeat(1 << 20));
            assert_eq!(post(ground, &ground.proxy.client("stdio"), &body).status, 400);
        }),
        case("CR and LF in an id", id_of_lines),
        case("20,000 notifications", notifications),
        case("10,000 cancellations of calls that are not there", cancellations),
        case("10,000 answers to questions that nobody asked", answers),
        case("subscriptions of 8 KB each", subscriptions),
    ]);
    all
}

const REFUSED: [(&str, &str); 12] = [
    ("id twice", r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#),
    ("method twice", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#),
    ("method twice, once escaped", r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/list"}"#),
    ("params twice", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{"a":1}}"#),
    (
        "message behind a message",
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}"#,
    ),
    (
        "message behind a line end",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}",
    ),
    ("byte order mark", "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"),
    ("raw line end in a string", "{\"jsonrpc\":\"2.0\",\"id\":\"a\nb\",\"method\":\"ping\"}"),
    ("NUL within", "{\"jsonrpc\":\"2.0\",\"id\":1,\0\"method\":\"ping\"}"),
    ("comment within", r#"{"jsonrpc":"2.0",/* */"id":1,"method":"ping"}"#),
    ("NaN", r#"{"jsonrpc":"2.0","id":NaN,"method":"ping"}"#),
    ("id that is an object", r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#),
];

pub(crate) fn post(ground: &Ground, client: &Client, body: &str) -> Answer {
    let request = wire::post("/stdio", &client.headers(), body);
    Wire::open(&ground.url("stdio")).unwrap().exchange(request.as_bytes()).unwrap()
}

fn deep(ground: &Ground, open: &str, close: &str) {
    let value = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{value}}}}}"#);
    for name in ["stdio", "http"] {
        let client = ground.proxy.client(name);
        let request = wire::post(&format!("/{name}"), &client.headers(), &body);
        let answer = Wire::open(&ground.url(name)).unwrap().exchange(request.as_bytes()).unwrap();
        assert!(name == "http" || answer.status == 400, "{} {:.300}", answer.status, answer.body);
    }
}

/// It arrives at the child as it was sent, and comes back so. (Line ends between the parts cannot pass a pipe of
/// lines: they become spaces.)
fn passes(ground: &Ground, value: &str) {
    let client = ground.proxy.client("stdio");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"args","arguments":{{"v":{value}}}}}}}"#
    );
    let answer = post(ground, &client, &body);
    let flat = value.replace(['\r', '\n'], " ");
    let back = format!(r#""structuredContent":{{"v":{flat}}}"#);
    assert!(answer.status == 200 && answer.body.contains(&back), "{} {:.300}", answer.status, answer.body);
}

fn old(ground: &Ground) -> Client {
    ground.proxy.client_with("stdio").revision("2025-03-26").connect()
}

fn batch(ground: &Ground) {
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let body = format!("[{}{one}]", format!("{one},").repeat(99_999));
    let answer = post(ground, &old(ground), &body);
    assert!(answer.status == 400 && answer.body.contains("100"), "{answer:?}");
}

fn batches(ground: &Ground) {
    let client = old(ground);
    let calls: Vec<_> = (0..100).map(|_| client.call_message("big", json!({"bytes": 5000}))).collect();
    for _ in 0..50 {
        let answer = client.post(&json!(calls));
        assert!(answer.status == 200 && answer.messages().len() == 100, "{}", answer.status);
    }
}

/// As an escape it is a name like any other: it comes back as it was, and ends no line on the way.
fn id_of_lines(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let id = r#""1\r\nX-Evil: 1\r\n\r\ndata: evil""#;
    for tool in ["echo", "progress"] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"t","steps":2,"ms":1}},"_meta":{{"progressToken":{id}}}}}}}"#
        );
        let answer = client.post_bytes(body.as_bytes());
        assert!(answer.status == 200 && answer.header("x-evil").is_none(), "{answer:?}");
        let all = answer.messages();
        assert_eq!(all.last().unwrap()["id"], "1\r\nX-Evil: 1\r\n\r\ndata: evil", "{answer:?}");
        assert!(all.iter().all(|message| message.get("result").is_some()
            || message["params"]["progressToken"] == all.last().unwrap()["id"]));
    }
}

/// On one connection, as fast as they are taken.
fn many(ground: &Ground, count: usize, body: &str) {
    let client = ground.proxy.client("stdio");
    let request = wire::post("/stdio", &client.headers(), body);
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    for _ in 0..count {
        let answer = wire.exchange(request.as_bytes()).unwrap();
        assert!(matches!(answer.status, 202 | 503), "{answer:?}");
    }
}

fn notifications(ground: &Ground) {
    let body = json!({"jsonrpc": "2.0", "method": "notifications/any", "params": {"x": "y".repeat(1000)}});
    many(ground, 20_000, &body.to_string());
}

fn cancellations(ground: &Ground) {
    let body =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "none"}});
    many(ground, 10_000, &body.to_string());
}

fn answers(ground: &Ground) {
    many(ground, 10_000, r#"{"jsonrpc":"2.0","id":1,"result":{"stolen":true}}"#);
}

/// As many as ten sessions may have, as long as they may be.
fn subscriptions(ground: &Ground) {
    let clients: Vec<Client> = (0..10).map(|_| ground.proxy.client("stdio")).collect();
    for client in &clients {
        let mut wire = Wire::open(&ground.url("stdio")).unwrap();
        for number in 0..1100 {
            let uri = format!("test://{number}/{}", "u".repeat(8000));
            let body = client.message("resources/subscribe", json!({"uri": uri})).to_string();
            let answer = wire.exchange(wire::post("/stdio", &client.headers(), &body).as_bytes()).unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    clients.iter().for_each(|client| drop(client.end()));
}
