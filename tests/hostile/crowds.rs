//! Very many connections and requests at once, from the address of the well-behaved client.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::harness::{DEADLINE, eventually};
use crate::wire::{self, Wire, statuses};
use serde_json::json;
use std::io::Read;
use std::thread;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("2,000 connections that say nothing", |ground| hold(ground, 2000, "")),
        case("2,000 connections with half a head", |ground| {
            hold(ground, 2000, "GET / HTTP/1.1\r\nHost: a\r\nX: ")
        }),
        case("2,000 connections with a head of 15 KB and no end", |ground| {
            hold(ground, 2000, &format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(15_000)));
        }),
        case("2,000 connections without the body they announce", |ground| {
            let head = wire::head(
                "POST",
                "/stdio",
                &[
                    ("Content-Type", "application/json"),
                    ("Accept", "application/json, text/event-stream"),
                    ("Content-Length", "100"),
                ],
            );
            hold(ground, 2000, &format!("{head}\r\n{{"));
        }),
        case("2,000 uploads without the body they announce", |ground| {
            let head = wire::head("POST", "/http/echo", &[("Content-Length", "100")]);
            hold(ground, 2000, &format!("{head}\r\n{{"));
        }),
        case("2,000 connections kept after an answer", |ground| {
            hold(ground, 2000, &format!("{}\r\n", wire::head("GET", "/ready", &[])));
        }),
        case("10,000 connections opened and closed", |ground| churn(ground, false)),
        case("10,000 connections opened and reset", |ground| churn(ground, true)),
        case("100,000 requests in one pipeline", |ground| pipeline(ground, 100_000)),
        case("20,000 requests in one pipeline, no answer read", unread_pipeline),
        case("calls that never end, as many as one session may have", endless_calls),
    ]
}

/// As many as there is room for, all open at once, new ones in the place of the oldest.
fn hold(ground: &Ground, count: usize, says: &str) {
    let open = |_| {
        let mut wire = Wire::open(&ground.url("stdio")).ok()?;
        let _ = wire.send(says.as_bytes());
        Some(wire)
    };
    let all: Vec<Wire> = (0..count).filter_map(open).collect();
    for _ in 0..20 {
        assert_eq!(crate::bodies::get(ground, "/health").status, 200);
    }
    assert!(all.len() > count / 2, "{} connections", all.len());
}

fn churn(ground: &Ground, reset: bool) {
    for _ in 0..10_000 {
        let Ok(mut wire) = Wire::open(&ground.url("stdio")) else { continue };
        let _ = wire.send(b"GET /ready HTTP/1.1\r\n");
        if reset {
            wire.reset();
        }
    }
}

/// All are answered, in their order.
fn pipeline(ground: &Ground, count: usize) {
    let one = format!("{}\r\n", wire::head("GET", "/nothing", &[]));
    let last = format!("{}Connection: close\r\n\r\n", wire::head("GET", "/health", &[]));
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    let mut writer = wire.stream().try_clone().unwrap();
    let text = thread::scope(|scope| {
        scope.spawn(move || {
            use std::io::Write;
            let _ = writer.write_all(one.repeat(count - 1).as_bytes());
            let _ = writer.write_all(last.as_bytes());
        });
        let mut text = String::new();
        let _ = wire.reader().read_to_string(&mut text);
        text
    });
    let all = statuses(&text);
    assert_eq!(all.len(), count, "{:.300}", &text[text.len().saturating_sub(300)..]);
    assert!(all[..count - 1].iter().all(|status| *status == 404) && all[count - 1] == 200);
}

/// What is not read is not asked for any more: the proxy reads no further.
fn unread_pipeline(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let body = client.call_message("big", json!({"bytes": 100_000})).to_string();
    let request = wire::post("/stdio", &client.headers(), &body).repeat(20_000);
    let wire = Wire::open(&ground.url("stdio")).unwrap();
    wire.stream().set_write_timeout(Some(std::time::Duration::from_secs(3))).unwrap();
    use std::io::Write;
    let sent = wire.stream().write_all(request.as_bytes());
    assert!(sent.is_err(), "all was taken");
}

/// The places that are left serve the others. When their clients leave, the places are free again.
fn endless_calls(ground: &Ground) {
    let clients: Vec<_> = (0..1).map(|_| ground.proxy.client("stdio")).collect();
    let begin = |number: usize| {
        let client = &clients[number % clients.len()];
        let body = client.call_message("hang", json!({})).to_string();
        let mut wire = Wire::open(&ground.url("stdio")).ok()?;
        wire.send(wire::post("/stdio", &client.headers(), &body).as_bytes()).ok()?;
        Some(wire)
    };
    let all: Vec<Wire> = (0..600).filter_map(begin).collect();
    eventually(DEADLINE, || ground.proxy.server("stdio")["in_flight"].as_u64() >= Some(128));
    drop(all);
    clients.iter().for_each(|client| drop(client.end()));
    eventually(DEADLINE, || ground.proxy.server("stdio")["in_flight"].as_u64() <= Some(2));
}
