//! Clients that are slow beyond the proxy's own deadlines. Each takes as long as one of those: they run beside all others.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::wire::{self, Wire};
use serde_json::json;
use std::io::Read;
use std::time::{Duration, Instant};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("slow head: a byte a second", |ground| {
            // head_timeout_seconds is 10.
            drip(
                ground,
                "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
                Duration::from_secs(1),
                8..20,
                408,
            );
        }),
        case("slow body: a byte a second", |ground| {
            // body_timeout_seconds is 60.
            let client = ground.proxy.client("stdio");
            let head = wire::head(
                "POST",
                "/stdio",
                &[&client.headers()[..], &[("Content-Length", "1000")]].concat(),
            );
            drip(ground, &format!("{head}\r\n"), Duration::from_secs(1), 55..80, 408);
        }),
        case("half-open: nothing ever comes", |ground| {
            // keep_alive_seconds is 75.
            let begin = Instant::now();
            let mut wire = Wire::open(&ground.url("stdio")).unwrap();
            assert!(wire.is_closed_within(Duration::from_secs(100)), "it stays open");
            assert!(begin.elapsed() < Duration::from_secs(90), "{:?}", begin.elapsed());
        }),
        case("slow read: nothing of a large answer", slow_read),
    ]
}

/// Goes on so slowly until it is stopped, after so many seconds, by an answer of this status. (In a crowd it may have
/// to make room earlier.)
fn drip(ground: &Ground, start: &str, pause: Duration, seconds: std::ops::Range<u64>, status: u16) {
    let begin = Instant::now();
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    wire.send(start.as_bytes()).unwrap();
    while !wire.is_closed_within(pause) && begin.elapsed().as_secs() < seconds.end {
        let _ = wire.send(b"x");
    }
    let lasted = begin.elapsed().as_secs();
    assert!(lasted < seconds.end, "it lasts {lasted} s, and should be answered {status}");
}

/// Its connection is closed once it has taken nothing for write_timeout_seconds (30): what it finds when it reads at
/// last is cut short.
fn slow_read(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let body = client.call_message("big", json!({"bytes": 12_000_000})).to_string();
    let mut wire = Wire::narrow(&ground.url("stdio")).unwrap();
    wire.send(wire::post("/stdio", &client.headers(), &body).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(45)); // this slow it is
    let mut all = Vec::new();
    let _ = wire.reader().read_to_end(&mut all);
    assert!(all.len() < 12_000_000, "all of it came");
}
