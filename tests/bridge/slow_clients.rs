//! Clients that do not read what they are sent: they lose messages or their stream, nobody else loses anything.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;
use std::io::Read;

/// Opens a stream and leaves it unread.
fn unread(proxy: &Proxy, method: &str, client: &Client, body: &str) -> Connection {
    let mut connection = Connection::open(&proxy.url("a"));
    connection.send(method, &proxy.url("a"), &client.headers(), body.as_bytes());
    assert!(connection.head().is_stream());
    connection
}

/// All that is still to come.
fn rest(mut connection: Connection) -> String {
    let chunks = std::iter::from_fn(|| connection.chunk());
    String::from_utf8(chunks.flatten().collect()).unwrap()
}

#[test]
fn a_call_whose_client_does_not_read_loses_progress_but_not_its_answer() {
    let proxy = proxy(Fake::stdio());
    let (slow, other) = (proxy.client("a"), proxy.client("a"));
    let (steps, token) = (20_000, "t".repeat(1000));
    let message = slow.progress_message("progress", json!({"steps": steps, "ms": 0}), json!(token));
    let connection = unread(&proxy, "POST", &slow, &message.to_string());
    eventually(DEADLINE, || entry(&proxy, "a")["in_flight"] == 0);
    assert_eq!(other.text("echo", json!({"text": "not held up"})), "not held up");
    let body = rest(connection);
    let last = body.trim_end().lines().next_back().unwrap();
    assert!(last.contains(r#""text":"done""#), "{last}");
    let came = body.matches("notifications/progress").count();
    assert!(came < steps, "{came} messages came: none was too many to wait");
    let peak = peak_memory(&proxy);
    assert!(peak < 40_000_000, "{peak} bytes");
}

#[test]
fn a_session_whose_client_does_not_read_loses_its_stream() {
    let proxy =
        Site::new().fake("a", Fake::stdio()).config("[limits]\nstream_queue_bytes = 500000\n").start();
    let (slow, other) = (proxy.client("a"), proxy.client("a"));
    let (connection, stream) = (unread(&proxy, "GET", &slow, ""), other.listen());
    let (count, pad) = (200, "x".repeat(100_000));
    for n in 0..count {
        let params = json!({ "n": n, "pad": pad });
        let method = "notifications/tools/list_changed";
        print(&other, &json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
        assert_eq!(stream.next_message().1["params"]["n"], n);
    }
    let came = rest(connection).matches("list_changed").count();
    assert!(came < count, "{came} messages came and the stream ended");
    assert_eq!(slow.text("echo", json!({"text": "the session lives"})), "the session lives");
    list_changed(&other, "prompts");
    let again = slow.listen();
    again.wait_message(|message| message["method"] == "notifications/prompts/list_changed");
}

/// Answers that nobody reads keep no more than so much memory: the longest unread makes room, and nobody else suffers.
#[test]
fn unread_answers_are_bounded_together() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[limits]\nmax_unread_bytes = 1000000\n").start();
    let client = proxy.client("a");
    let begin = || {
        let mut connection = Connection::open(&proxy.url("a"));
        let body = client.call_message("big", json!({"bytes": BYTES})).to_string();
        connection.send(
            "POST",
            &proxy.url("a"),
            &[&client.headers()[..], &[("Connection", "close")]].concat(),
            body.as_bytes(),
        );
        connection
    };
    let mut unread = [begin(), begin(), begin()];
    eventually(DEADLINE, || entry(&proxy, "a")["in_flight"] == 0);
    let read = |connection: &mut Connection| {
        connection.head();
        let mut body = Vec::new();
        let _ = connection.reader.read_to_end(&mut body);
        body.len() > BYTES
    };
    let whole = unread.iter_mut().rev().map(read).filter(|whole| *whole).count();
    assert!(whole < 3, "the longest unread has to go");
    assert_eq!(client.text("echo", json!({"text": "on we go"})), "on we go");
}

/// More than all sockets' buffers take.
const BYTES: usize = 14_000_000;
