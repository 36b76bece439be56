//! Event streams: readers that stop, too many of them, and what waits for clients who do not come.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::harness::{Client, DEADLINE, Stream, eventually};
use crate::wire::{self, Wire};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::{Value, json};
use std::io::Read;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("reader of a GET stream that stops", stopped_get),
        case("reader of a POST stream that stops", stopped_post),
        case("50 readers of POST streams that stop", many_stopped),
        case("reader of a 2024-11-05 stream that stops", stopped_old),
        case("100 streams left while they answer, never taken up", left),
        case("messages for 300 sessions without a stream", nobody_listens),
        case("the same GET stream opened 2,000 times", reopened),
        case("streams for 2,000 connections", too_many),
        case("Last-Event-ID of any kind", last_event_ids),
        case("answers of 2 MB that nobody reads, 40 times", unread_answers),
        case("answers of 2 MB from an HTTP server that nobody reads, 40 times", unread_http),
    ]
}

/// A request of this client on a connection of its own, whose answer is not read.
fn send(ground: &Ground, client: &Client, message: &Value) -> Wire {
    let path = format!("/{}", client.url().rsplit('/').next().unwrap());
    let mut wire = Wire::narrow(&ground.url("stdio")).unwrap();
    wire.send(wire::post(&path, &client.headers(), &message.to_string()).as_bytes()).unwrap();
    wire
}

fn listen(ground: &Ground, client: &Client) -> Wire {
    let mut fields = client.headers();
    fields.retain(|(name, _)| !matches!(*name, "Accept" | "Content-Type"));
    fields.push(("Accept", "text/event-stream"));
    let mut wire = Wire::narrow(&ground.url("stdio")).unwrap();
    wire.send(format!("{}\r\n", wire::head("GET", "/stdio", &fields)).as_bytes()).unwrap();
    wire
}

/// It is told of more than it reads. Its stream ends; its session does not.
fn stopped_get(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let _deaf = listen(ground, &client);
    for number in 0..30 {
        client.call("raw", json!({"line": json!({"jsonrpc": "2.0", "method": format!("notifications/{number}/list_changed"), "params": {"x": "y".repeat(300_000)}}).to_string()}));
    }
    assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
}

fn stopped_post(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let flood = json!({"steps": 300, "ms": 0, "text": "x".repeat(100_000)});
    let _deaf = send(ground, &client, &client.progress_message("progress", flood, json!(1)));
    assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
}

fn many_stopped(ground: &Ground) {
    let clients: Vec<Client> = (0..50).map(|_| ground.proxy.client("stdio")).collect();
    let flood = json!({"steps": 25, "ms": 1, "text": "x".repeat(100_000)});
    let begin =
        |client: &Client| send(ground, client, &client.progress_message("progress", flood.clone(), json!(1)));
    let deaf: Vec<Wire> = clients.iter().map(begin).collect();
    eventually(DEADLINE * 2, || ground.proxy.server("stdio")["in_flight"].as_u64() <= Some(2));
    drop(deaf);
    clients.iter().for_each(|client| drop(client.end()));
}

/// All answers go to a stream that nobody reads, until it ends.
fn stopped_old(ground: &Ground) {
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    set_socket_recv_buffer_size(wire.stream(), 4096).unwrap();
    wire.send(
        format!("{}\r\n", wire::head("GET", "/stdio/sse", &[("Accept", "text/event-stream")])).as_bytes(),
    )
    .unwrap();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let mut byte = [0];
        wire.reader().read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
        if text.ends_with("\r\n\r\n") {
            text.clear();
        }
    }
    let place = text.split("sessionId=").nth(1).unwrap().split_whitespace().next().unwrap().to_string();
    let path = format!("/stdio/messages?sessionId={place}");
    let mut sender = Wire::open(&ground.url("stdio")).unwrap();
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}});
    assert_eq!(sender.exchange(wire::post(&path, &[], &hello.to_string()).as_bytes()).unwrap().status, 202);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "big", "arguments": {"bytes": 1_000_000}}});
    let call = wire::post(&path, &[], &call.to_string());
    eventually(DEADLINE * 2, || sender.exchange(call.as_bytes()).unwrap().status == 404);
}

fn left(ground: &Ground) {
    for _ in 0..10 {
        let client = ground.proxy.client("stdio");
        for _ in 0..10 {
            let message = client.progress_message(
                "progress",
                json!({"steps": 20, "ms": 5, "text": "x".repeat(50_000)}),
                json!(1),
            );
            let stream: Stream = client.stream(&message);
            stream.next_message();
        }
    }
}

/// Each is told 1 MB, and none listens.
fn nobody_listens(ground: &Ground) {
    let clients: Vec<Client> = (0..300).map(|_| ground.proxy.client("stdio")).collect();
    let teller = ground.proxy.client("stdio");
    for number in 0..10 {
        let line = json!({"jsonrpc": "2.0", "method": format!("notifications/{number}/list_changed"), "params": {"x": "y".repeat(100_000)}});
        teller.call("raw", json!({"line": line.to_string()}));
    }
    assert_eq!(teller.text("echo", json!({"text": "x"})), "x");
    clients.iter().for_each(|client| drop(client.end()));
}

fn reopened(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let all: Vec<Wire> = (0..2000).map(|_| listen(ground, &client)).collect();
    drop(all);
    assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
}

/// No more than three quarters of the connections; calls go on beside them.
fn too_many(ground: &Ground) {
    let clients: Vec<Client> = (0..20).map(|_| ground.proxy.client("stdio")).collect();
    let open = |number: usize| {
        Wire::open(&ground.url("stdio")).and_then(|mut wire| {
            let fields =
                [("Accept", "text/event-stream"), ("Mcp-Session-Id", clients[number % 20].session())];
            wire.send(format!("{}\r\n", wire::head("GET", "/stdio/sse", &fields)).as_bytes()).map(|()| wire)
        })
    };
    let all: Vec<Wire> = (0..2000).filter_map(|number| open(number).ok()).collect();
    assert_eq!(crate::bodies::get(ground, "/health").status, 200);
    drop(all);
    // Their places are free again once it is noticed that they are gone.
    let fields = [("Accept", "text/event-stream"), ("Mcp-Session-Id", clients[0].session())];
    eventually(DEADLINE, || Stream::try_open("GET", &ground.url("stdio"), &fields, b"").is_ok());
}

fn last_event_ids(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    for id in [
        "0-0",
        "-1-5",
        "99999999999999999999-1",
        "1-18446744073709551615",
        "x",
        "%0d%0a",
        "1-1-1",
        "1; data: x",
    ] {
        let fields =
            [("Accept", "text/event-stream"), ("Mcp-Session-Id", client.session()), ("Last-Event-ID", id)];
        // The last of two thousand may still have the places.
        eventually(DEADLINE, || Stream::try_open("GET", &ground.url("stdio"), &fields, b"").is_ok());
    }
}

fn unread_answers(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let message = client.call_message("big", json!({"bytes": 2_000_000}));
    let all: Vec<Wire> = (0..40).map(|_| send(ground, &client, &message)).collect();
    assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
    drop(all);
}

fn unread_http(ground: &Ground) {
    let client = ground.proxy.client("http");
    let message = client.call_message("big", json!({"bytes": 2_000_000}));
    let all: Vec<Wire> = (0..40).map(|_| send(ground, &client, &message)).collect();
    assert_eq!(client.text("echo", json!({"text": "still here"})), "still here");
    drop(all);
}
