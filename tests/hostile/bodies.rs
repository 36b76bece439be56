//! Bodies: of a size that is only claimed, without end, and more of them than there is memory.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::wire::{self, Answer, PATIENCE, Wire, refused};
use std::io::Write;
use std::thread;

const GIGABYTE: &str = "1073741824";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("1 GB announced, no session", |ground| {
            let head = wire::head("POST", "/stdio", &[JSON, ACCEPT, ("Content-Length", GIGABYTE)]);
            refused(&ground.url("stdio"), format!("{head}\r\n").as_bytes(), 413);
        }),
        case("1 GB announced in a session", |ground| {
            refused(
                &ground.url("stdio"),
                in_session(ground, "stdio", ("Content-Length", GIGABYTE)).as_bytes(),
                413,
            );
        }),
        case("1 GB announced to an HTTP server", |ground| {
            refused(
                &ground.url("http"),
                in_session(ground, "http", ("Content-Length", GIGABYTE)).as_bytes(),
                413,
            );
        }),
        case("1 GB in chunks", |ground| too_much(ground, "stdio")),
        case("1 GB in chunks to an HTTP server", |ground| too_much(ground, "http")),
        case("1 GB passed on to a server that stops reading", stalled_upload),
        case("1 GB announced 200 times, nothing sent", announced_often),
        case("200 bodies of 1 MB that never end", |ground| many(ground, 200, 1 << 20)),
        case("20 bodies of 30 MB that never end", |ground| many(ground, 20, 30 << 20)),
        case("900 bodies of 60 KB that never end", |ground| many(ground, 900, 60 << 10)),
        case("16 bodies of 10 MB, all answered or refused", large_and_whole),
        case("Expect: 100-continue, 500 times, nothing sent", expectations),
        case("half a request, then gone, 2,000 times", half),
        case("half a request, then a reset, 2,000 times", resets),
    ]
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const ACCEPT: (&str, &str) = ("Accept", "application/json, text/event-stream");
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

/// A head with this field, and the empty line.
fn in_session(ground: &Ground, name: &str, field: (&str, &str)) -> String {
    let client = ground.proxy.client(name);
    let head = wire::head("POST", &format!("/{name}"), &[&client.headers()[..], &[field]].concat());
    format!("{head}\r\n")
}

/// It is not taken to its end.
fn too_much(ground: &Ground, name: &str) {
    let mut wire = Wire::open(&ground.url(name)).unwrap();
    wire.send(in_session(ground, name, CHUNKED).as_bytes()).unwrap();
    let piece = [b"10000\r\n".as_slice(), &[b' '; 65536], b"\r\n"].concat();
    let taken = (0..16_384).take_while(|_| wire.stream().write_all(&piece).is_ok()).count();
    assert!(taken < 1200, "{taken} pieces of 64 KiB were taken");
}

/// What a server does not take waits in the client, not in the proxy.
fn stalled_upload(ground: &Ground) {
    let head = wire::head("POST", "/imposter/silent", &[("Content-Length", GIGABYTE)]);
    let mut wire = Wire::open(&ground.url("imposter")).unwrap();
    wire.send(format!("{head}\r\n").as_bytes()).unwrap();
    wire.stream().set_write_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
    let piece = [b'x'; 65536];
    let taken = (0..2048).take_while(|_| wire.stream().write_all(&piece).is_ok()).count();
    assert!(taken <= 2048, "{taken}");
}

fn announced_often(ground: &Ground) {
    let head = in_session(ground, "stdio", ("Content-Length", "30000000"));
    let mut all: Vec<Wire> = (0..200).map(|_| Wire::open(&ground.url("stdio")).unwrap()).collect();
    all.iter_mut().for_each(|wire| wire.send(head.as_bytes()).unwrap());
    let health = get(ground, "/health");
    assert_eq!(health.status, 200, "{health:?}");
}

/// Many begin, none ends; those for which there is no room are told so.
fn many(ground: &Ground, count: usize, bytes: usize) {
    let head = in_session(ground, "stdio", CHUNKED);
    let piece = [b"8000\r\n".as_slice(), &[b' '; 32768], b"\r\n"].concat();
    let begin = |_| {
        let mut wire = Wire::open(&ground.url("stdio")).unwrap();
        let _ = wire.send(head.as_bytes());
        let _ = (0..bytes.div_ceil(32768)).try_for_each(|_| wire.stream().write_all(&piece));
        wire
    };
    let all: Vec<Wire> = (0..count).map(begin).collect();
    let health = get(ground, "/health");
    assert_eq!((all.len(), health.status), (count, 200));
}

/// Each is answered, by the child or by 503: none waits for ever, none breaks another.
fn large_and_whole(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let body = client.call_message("echo", serde_json::json!({"text": "y".repeat(10 << 20)})).to_string();
    let request = wire::post("/stdio", &client.headers(), &body);
    thread::scope(|scope| {
        let ask = || Wire::open(&ground.url("stdio")).unwrap().exchange(request.as_bytes());
        let all: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        // Who is refused before all was sent may find a reset instead of the answer.
        for answer in all.into_iter().filter_map(|thread| thread.join().unwrap().ok()) {
            assert!(matches!(answer.status, 200 | 503), "{} {:.300}", answer.status, answer.body);
        }
    });
}

fn expectations(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let fields = [&client.headers()[..], &[("Content-Length", "100"), ("Expect", "100-continue")]].concat();
    let head = format!("{}\r\n", wire::head("POST", "/stdio", &fields));
    let mut all: Vec<Wire> = (0..500).map(|_| Wire::open(&ground.url("stdio")).unwrap()).collect();
    all.iter_mut().for_each(|wire| wire.send(head.as_bytes()).unwrap());
    assert_eq!(get(ground, "/health").status, 200);
}

fn half(ground: &Ground) {
    let request = in_session(ground, "stdio", ("Content-Length", "100"));
    for _ in 0..2000 {
        let mut wire = Wire::open(&ground.url("stdio")).unwrap();
        let _ = wire.send(&request.as_bytes()[..request.len() / 2]);
    }
}

fn resets(ground: &Ground) {
    let request = in_session(ground, "http", ("Content-Length", "100"));
    for _ in 0..2000 {
        let mut wire = Wire::open(&ground.url("http")).unwrap();
        let _ = wire.send(request.as_bytes());
        wire.reset();
    }
}

pub(crate) fn get(ground: &Ground, path: &str) -> Answer {
    let request = format!("{}Connection: close\r\n\r\n", wire::head("GET", path, &[]));
    let mut wire = Wire::open(&ground.url("health")).unwrap();
    wire.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    wire.exchange(request.as_bytes()).unwrap()
}
