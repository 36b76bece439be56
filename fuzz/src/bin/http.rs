//! A connection's bytes: heads, framing and bodies, one request after another.
//!
//! However they are cut: the same requests come out, and the same end. What is accepted has one Host and one framing,
//! and httparse, a reader of another make, finds the end of each head at the same place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::http::chunked::ChunkDecoder;
use mcp_proxy::http::framing::Framing;
use mcp_proxy::http::head::{self, Head};
use mcp_proxy::http::scan::HeadScanner;

const MAX_HEAD: usize = 2048;
const MAX_HEADERS: usize = 16;

/// What a connection has come to.
#[derive(Debug, PartialEq)]
enum End {
    /// More bytes are needed.
    Open,
    /// The answer is this status, and the connection is closed.
    Refused(u16),
}

/// One request: its line and fields, and as much of its body as came.
type Request = (String, Vec<u8>);

enum State {
    Head(HeadScanner),
    Length(u64),
    Chunks(ChunkDecoder),
}

struct Connection {
    buffer: Vec<u8>,
    state: State,
    requests: Vec<Request>,
}

fn scanner() -> State {
    State::Head(HeadScanner::new(MAX_HEAD, MAX_HEADERS))
}

impl Connection {
    fn of(pieces: &[&[u8]]) -> (Vec<Request>, End) {
        let mut connection = Connection { buffer: Vec::new(), state: scanner(), requests: Vec::new() };
        for piece in pieces {
            connection.buffer.extend_from_slice(piece);
            while let Some(used) = match connection.step() {
                Err(status) => return (connection.requests, End::Refused(status)),
                Ok(used) => used,
            } {
                connection.buffer.drain(..used);
            }
        }
        (connection.requests, End::Open)
    }

    /// Goes on as far as one state leads; the bytes that are done with, or `None` if more are needed.
    fn step(&mut self) -> Result<Option<usize>, u16> {
        let body = self.requests.last_mut().map(|request| &mut request.1);
        match (&mut self.state, body) {
            (State::Length(0), _) => self.state = scanner(),
            (State::Length(left), Some(body)) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.len());
                body.extend_from_slice(&self.buffer[..count]);
                *left -= count as u64;
                return Ok((count > 0).then_some(count));
            }
            (State::Chunks(decoder), _) if decoder.is_done() => self.state = scanner(),
            (State::Chunks(decoder), Some(body)) => {
                let piece = decoder.next(&self.buffer, 64).map_err(|_| 400_u16)?;
                body.extend_from_slice(piece.data);
                return Ok((piece.consumed > 0).then_some(piece.consumed));
            }
            (State::Head(scanner), _) => {
                let Some(extent) = scanner.scan(&self.buffer).map_err(|refusal| refusal.status.as_u16())?
                else {
                    return Ok(None);
                };
                let head = head::parse(&self.buffer, extent).map_err(|refusal| refusal.status.as_u16())?;
                check(&head, &self.buffer[extent.start..extent.end]);
                self.requests.push((format!("{head:?}"), Vec::new()));
                self.state = match head.framing {
                    Framing::None => State::Length(0),
                    Framing::Length(length) => State::Length(length),
                    Framing::Chunked => State::Chunks(ChunkDecoder::default()),
                };
                return Ok(Some(extent.end));
            }
            (State::Length(_) | State::Chunks(_), None) => unreachable!("a body without a head"),
        }
        Ok(Some(0))
    }
}

fn check(head: &Head, bytes: &[u8]) {
    let headers = head.request.headers();
    let count = |name: &str| headers.get_all(name).iter().count();
    let framings = (count("content-length"), count("transfer-encoding"));
    let expected = match head.framing {
        Framing::None => (0, 0),
        Framing::Length(_) => (1, 0),
        Framing::Chunked => (0, 1),
    };
    assert_eq!(framings, expected);
    assert!(count("host") == 1 || head.request.version() == http::Version::HTTP_10 && count("host") == 0);
    let path = head.request.uri().path();
    assert!(path.starts_with('/') || path == "*", "{path:?}");
    for value in headers.values() {
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
    let mut room = [httparse::EMPTY_HEADER; 2 * MAX_HEADERS];
    let mut other = httparse::Request::new(&mut room);
    assert_eq!(other.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
    assert_eq!(other.method, Some(head.request.method().as_str()));
}

fuzz_target!(|bytes: &[u8]| {
    let whole = Connection::of(&[bytes]);
    for pieces in mcp_proxy_fuzz::splits(bytes) {
        assert_eq!(Connection::of(&pieces), whole);
    }
});
