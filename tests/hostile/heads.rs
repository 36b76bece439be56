//! Request heads: too many, too long, too slow, and not HTTP at all.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::wire::{self, Wire, refused, shout, statuses};
use std::io::Write;

pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![
        case("byte by byte", byte_by_byte),
        case("head of 100 MB", |ground| {
            endless(ground, b"GET /stdio HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", 431)
        }),
        case("request line of 100 MB", |ground| endless(ground, b"GET /", 414)),
        case("10,000 header fields", |ground| {
            let fields = "X-Y: z\r\n".repeat(10_000);
            refused(
                &ground.url("stdio"),
                format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(),
                431,
            );
        }),
        case("one field 90 times, each half a head", |ground| {
            let fields = format!("X: {}\r\n", "y".repeat(8000)).repeat(90);
            refused(
                &ground.url("stdio"),
                format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(),
                431,
            );
        }),
        case("empty lines without end", |ground| refused(&ground.url("stdio"), &b"\r\n".repeat(10_000), 400)),
        case("noise", |ground| {
            let noise: Vec<u8> =
                (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let text = shout(&ground.url("stdio"), &noise);
            assert!(matches!(statuses(&text)[..], [] | [400]), "{text}");
        }),
    ];
    all.extend(
        WRONG.map(|(name, bytes, status)| {
            case(name, move |ground| refused(&ground.url("stdio"), bytes, status))
        }),
    );
    all
}

/// What is no head of HTTP/1.1 or 1.0.
const WRONG: [(&str, &[u8], u16); 13] = [
    ("HTTP/0.9", b"GET /stdio\r\n", 400),
    ("HTTP/0.9, no end of line", b"GET /stdio\n", 400),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/3.1", b"GET / HTTP/3.1\r\nHost: a\r\n\r\n", 505),
    ("HTTP/1.10", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("SOCKS hello", b"\x05\x01\x00\r\n\r\n", 400),
    ("two spaces in the request line", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("tab in the request line", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("raw space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("raw UTF-8 in the target", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("control byte in the method", b"G\x7fT / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("NUL in a field", b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
];

/// Slow, but in time: it is answered.
fn byte_by_byte(ground: &Ground) {
    let client = ground.proxy.client("stdio");
    let body = client.call_message("echo", serde_json::json!({"text": "slowly"})).to_string();
    let request = wire::post("/stdio", &client.headers(), &body);
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    for byte in request.as_bytes() {
        wire.send(&[*byte]).unwrap();
        std::thread::yield_now();
    }
    let answer = wire.answer().unwrap();
    assert!(answer.status == 200 && answer.body.contains("slowly"), "{answer:?}");
}

/// Sends on for as long as anybody listens.
fn endless(ground: &Ground, start: &[u8], status: u16) {
    let mut wire = Wire::open(&ground.url("stdio")).unwrap();
    wire.send(start).unwrap();
    let piece = vec![b'a'; 65536];
    let taken = (0..1600).take_while(|_| wire.stream().write_all(&piece).is_ok()).count();
    assert!(taken < 100, "{taken} pieces of 64 KiB were taken");
    // The answer may be lost in the reset that follows what nobody reads; if it came, it is this.
    if let Ok(answer) = wire.answer() {
        assert_eq!(answer.status, status, "{answer:?}");
    }
}
