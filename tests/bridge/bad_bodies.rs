//! Bodies that are no message: each gets a status and a JSON-RPC error, and none reaches the child.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

const PARSE: i64 = -32700;
const INVALID: i64 = -32600;

#[track_caller]
fn assert_refused(client: &Client, body: &[u8], status: u16, code: i64) {
    let response = client.post_bytes(body);
    let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
    assert_eq!(response.status, status, "{shown}");
    let answer = response.json();
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &json!(null)), "{shown}");
}

#[test]
fn what_is_no_message_is_refused() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    // The proxy itself asks a new child for its lists, when it has time for that.
    let heard = || lines_at_child(&client).iter().filter(|line| !line.contains("/list\"")).count();
    let before = heard();
    for (body, code) in [
        (&b""[..], PARSE),
        (b" \r\n", PARSE),
        (b"nonsense", PARSE),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping""#, PARSE),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#, PARSE),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":01}}"#, PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\nb\"}", PARSE),
        (b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\xff\"}}", PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\xed\xa0\x80\"}}", PARSE),
        (b"[]", INVALID),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, INVALID),
        (b"null", INVALID),
        (b"\"ping\"", INVALID),
        (b"{}", INVALID),
        (br#"{"id":1,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"method":null}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"method":["ping"]}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"\u0069d":1,"method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#, INVALID),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}"#, INVALID),
    ] {
        assert_refused(&client, body, 400, code);
    }
    assert_eq!(heard(), before + 1, "only the first look itself is new");
}

#[test]
fn nesting_is_bounded() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[limits]\nmax_json_depth = 50\n").start();
    let client = proxy.client("a");
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pid","x":{open}{close}}}}}"#
        )
    };
    assert_eq!(client.post_bytes(nested(48).as_bytes()).status, 200);
    assert_refused(&client, nested(49).as_bytes(), 400, PARSE);
    assert_refused(&client, nested(100_000).as_bytes(), 400, PARSE);
    assert_refused(&client, "[".repeat(100_000).as_bytes(), 400, PARSE);
    assert_refused(&client, "{\"a\":".repeat(100_000).as_bytes(), 400, PARSE);
}

#[test]
fn the_usual_depth_reaches_the_child() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let (open, close) = ("[".repeat(500), "]".repeat(500));
    let body = format!(r#"{{"jsonrpc":"2.0","method":"notifications/deep","params":{{"x":{open}{close}}}}}"#);
    assert_eq!(client.post_bytes(body.as_bytes()).status, 202);
    assert!(lines_at_child(&client).contains(&body));
}

#[test]
fn a_body_may_have_so_many_bytes() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[limits]\nmax_message_bytes = 2000\n").start();
    let client = proxy.client("a");
    let body = |bytes: usize| {
        let start = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":""#;
        format!("{start}{}\"}}}}", "x".repeat(bytes - start.len() - 3))
    };
    assert_eq!(body(2000).len(), 2000);
    assert_eq!(client.post_bytes(body(2000).as_bytes()).status, 200);
    assert_refused(&client, body(2001).as_bytes(), 413, -32000);
    let mut chunked = client.headers();
    chunked.push(("Transfer-Encoding", "chunked"));
    let mut connection = Connection::open(&proxy.url("a"));
    let head: String = chunked.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = body(2001);
    connection.write(
        format!("POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n{:x}\r\n{text}\r\n0\r\n\r\n", text.len())
            .as_bytes(),
    );
    assert_eq!(connection.response().status, 413);
    assert_eq!(client.text("echo", json!({"text": "on we go"})), "on we go");
}

/// What is remembered of a call until it is answered is short, however long its message.
#[test]
fn the_names_of_a_request_are_short() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let long = "x".repeat(2000);
    let request = |id: &str, method: &str| format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}"}}"#);
    assert_refused(&client, request(&long, "ping").as_bytes(), 400, INVALID);
    assert_refused(&client, request("1", &long).as_bytes(), 400, INVALID);
    for (method, uri) in [("subscribe", "x".repeat(9000)), ("unsubscribe", "x".repeat(9000))] {
        let error = client.request(&format!("resources/{method}"), json!({"uri": uri})).unwrap_err();
        assert_eq!(error["code"], -32602, "{error}");
    }
    let silent = client.progress_message("progress", json!({"steps": 2}), json!(long));
    assert_eq!(client.post(&silent).messages().len(), 1, "the answer alone");
}

#[test]
fn large_bodies_count_until_they_are_answered() {
    let patient = Fake::stdio().toml("stream_after_ms = 60000");
    let proxy = Site::new().fake("a", patient).config("[limits]\nmax_buffered_bytes = 1000000\n").start();
    let (client, other) = (proxy.client("a"), proxy.client("a"));
    let large = json!({"text": "x".repeat(800_000)});
    let hang = client.call_message("hang", large.clone());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.post(&hang));
        eventually(DEADLINE, || entry(&proxy, "a")["in_flight"] == 1);
        assert_eq!(other.post(&other.call_message("echo", large.clone())).status, 503);
        cancel(&client, &hang["id"]);
        assert_eq!(waiting.join().unwrap().status, 200);
    });
    assert!(other.call("echo", large.clone())["content"][0]["text"] == large["text"]);
}

/// What a body costs depends on its size, not on the pieces it comes in.
#[test]
fn a_body_in_very_small_pieces_is_read_in_time() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let body = client.call_message("echo", json!({"text": "x".repeat(8 << 20)})).to_string();
    let chunks: String =
        body.as_bytes().chunks(16).map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), text(piece))).collect();
    let fields: String =
        client.headers().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}Transfer-Encoding: chunked\r\n\r\n");
    let mut connection = Connection::open(&proxy.url("a"));
    connection.write(format!("{head}{chunks}0\r\n\r\n").as_bytes());
    assert_eq!(connection.response().status, 200);
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
