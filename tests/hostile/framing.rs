//! Where a request ends: every way in which two readers could disagree about it (RFC 9112, sections 5, 6, 7 and 11.2).
//! Behind each stands a second request: it may not be answered.

use crate::case::{Case, case};
use crate::ground::Ground;
use crate::wire::{Wire, refused, shout, statuses};
use std::io::Write;

pub(crate) fn cases() -> Vec<Case> {
    let fields =
        FIELDS.map(|(name, fields, status)| case(name, move |ground| smuggle(ground, fields, "", status)));
    let chunks = CHUNKS.map(|(name, body)| {
        case(name, move |ground| smuggle(ground, "Transfer-Encoding: chunked\r\n", body, 400))
    });
    let more = [
        case("chunk extensions of 100 MB", |ground| endless_chunk(ground, b"5;ext=")),
        case("chunk size of 100 MB of zeros", |ground| endless_chunk(ground, b"0")),
        case("trailer of 100 MB", |ground| endless_chunk(ground, b"0\r\nX: ")),
        case("a million chunks of one byte", million_chunks),
        case("GET with a body", |ground| {
            let text = shout(&ground.url("health"), b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 29\r\n\r\nGET /smuggled HTTP/1.1\r\nX: y\r\n");
            assert_eq!(statuses(&text), [200], "{text}");
        }),
    ];
    fields.into_iter().chain(chunks).chain(more).collect()
}

/// Header fields after `Host: 127.0.0.1`, and the status.
const FIELDS: [(&str, &str, u16); 37] = [
    ("CL and TE", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    ("TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
    ("two CLs, equal", "Content-Length: 0\r\nContent-Length: 0\r\n", 400),
    ("two CLs, different", "Content-Length: 0\r\nContent-Length: 40\r\n", 400),
    ("CL list", "Content-Length: 0, 0\r\n", 400),
    ("CL with plus", "Content-Length: +0\r\n", 400),
    ("CL negative", "Content-Length: -1\r\n", 400),
    ("CL hexadecimal", "Content-Length: 0x0\r\n", 400),
    ("CL with exponent", "Content-Length: 0e1\r\n", 400),
    ("CL with space within", "Content-Length: 0 0\r\n", 400),
    ("CL empty", "Content-Length: \r\n", 400),
    ("CL of 2^64", "Content-Length: 18446744073709551616\r\n", 400),
    ("CL with vertical tab", "Content-Length: \x0b0\r\n", 400),
    ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
    ("TE list chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n", 400),
    ("TE chunked, identity", "Transfer-Encoding: chunked, identity\r\n", 400),
    ("TE identity", "Transfer-Encoding: identity\r\n", 501),
    ("TE gzip", "Transfer-Encoding: gzip\r\n", 501),
    ("TE gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", 501),
    ("TE xchunked", "Transfer-Encoding: xchunked\r\n", 501),
    ("TE quoted", "Transfer-Encoding: \"chunked\"\r\n", 501),
    ("TE with vertical tab", "Transfer-Encoding: \x0bchunked\r\n", 400),
    ("TE empty", "Transfer-Encoding: \r\n", 400),
    ("TE chunked with parameter", "Transfer-Encoding: chunked;q=1\r\n", 501),
    ("TE, space before colon", "Transfer-Encoding : chunked\r\n", 400),
    ("CL, space before colon", "Content-Length : 0\r\n", 400),
    ("TE folded", "Transfer-Encoding:\r\n chunked\r\n", 400),
    ("TE behind white space", " Transfer-Encoding: chunked\r\n", 400),
    ("TE behind bare CR", "X: y\rTransfer-Encoding: chunked\r\n", 400),
    ("TE behind bare LF", "X: y\nTransfer-Encoding: chunked\r\n", 400),
    ("folded field", "X: y\r\n\tz\r\n", 400),
    ("field without colon", "Nothing\r\n", 400),
    ("field without name", ": nothing\r\n", 400),
    ("field name with parenthesis", "X(y): z\r\n", 400),
    ("two Hosts", "Host: 127.0.0.1\r\n", 400),
    ("Expect of something else", "Expect: 200-ok\r\nContent-Length: 0\r\n", 417),
    ("bare LF ends the head", "Content-Length: 0\r\n\n", 400),
];

/// Bodies behind `Transfer-Encoding: chunked`.
const CHUNKS: [(&str, &str); 15] = [
    ("chunk size too large for 64 bits", "FFFFFFFFFFFFFFFFF\r\nabc"),
    ("chunk size of 16 F", "FFFFFFFFFFFFFFFF\r\nabc"),
    ("chunk size negative", "-1\r\na\r\n0\r\n\r\n"),
    ("chunk size with plus", "+1\r\na\r\n0\r\n\r\n"),
    ("chunk size with 0x", "0x1\r\na\r\n0\r\n\r\n"),
    ("chunk size behind space", " 1\r\na\r\n0\r\n\r\n"),
    ("chunk size empty", "\r\na\r\n0\r\n\r\n"),
    ("chunk size with underscore", "1_0\r\na\r\n0\r\n\r\n"),
    ("chunk shorter than its size", "5\r\nabc\r\n0\r\n\r\n"),
    ("chunk longer than its size", "1\r\nabc\r\n0\r\n\r\n"),
    ("chunk size ends in bare LF", "1\na\r\n0\r\n\r\n"),
    ("chunk size ends in bare CR", "1\ra\r\n0\r\n\r\n"),
    ("chunk data ends in bare LF", "1\r\na\n0\r\n\r\n"),
    ("LF within a chunk extension", "1;x=\ny\r\na\r\n0\r\n\r\n"),
    ("trailer ends in bare LF", "0\r\nX: y\n\r\n"),
];

const SECOND: &str = "GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// At either kind of server, and on the path that is only passed on.
fn smuggle(ground: &Ground, fields: &str, body: &str, status: u16) {
    for path in ["/stdio", "/http", "/http/echo"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{fields}\r\n{body}{SECOND}"
        );
        refused(&ground.url("stdio"), request.as_bytes(), status);
    }
}

fn endless_chunk(ground: &Ground, start: &[u8]) {
    let mut wire = Wire::open(&ground.url("http")).unwrap();
    let head = "POST /http/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.send(head.as_bytes()).unwrap();
    wire.send(start).unwrap();
    let piece = vec![b'0'; 65536];
    let taken = (0..1600).take_while(|_| wire.stream().write_all(&piece).is_ok()).count();
    assert!(taken < 200, "{taken} pieces of 64 KiB were taken");
}

/// Correct and costly: what counts is that nobody else suffers.
fn million_chunks(ground: &Ground) {
    let body = "1\r\na\r\n".repeat(1_000_000);
    let request = format!(
        "POST /http/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"
    );
    let text = shout(&ground.url("http"), request.as_bytes());
    assert_eq!(statuses(&text), [200], "{}", &text[..200.min(text.len())]);
}
