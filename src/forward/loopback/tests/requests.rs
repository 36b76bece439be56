//! Requests, byte by byte.

use super::site::{Act, Site, read_request, way};
use crate::forward::courier::{Cargo, Wait};
use crate::forward::loopback::Loopback;
use crate::forward::loopback::request::write_head;
use crate::http::framing::Framing;
use ::http::{Method, Request};
use std::io::{self, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

fn head(method: Method, url: &str, fields: &[(&str, &str)], framing: Framing) -> String {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut out = Vec::new();
    write_head(&mut out, &request.body(()).unwrap(), framing);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_head_says_where_what_and_how_long() {
    let fields = [("x", "1"), ("content-length", "99"), ("transfer-encoding", "gzip"), ("x", "2")];
    assert_eq!(
        head(Method::POST, "http://127.0.0.1:3001/mcp?a=1", &fields, Framing::Length(2)),
        "POST /mcp?a=1 HTTP/1.1\r\nhost: 127.0.0.1:3001\r\nx: 1\r\nx: 2\r\ncontent-length: 2\r\n\r\n"
    );
    assert_eq!(
        head(Method::PUT, "http://127.0.0.1:80", &[], Framing::Chunked),
        "PUT / HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    assert_eq!(
        head(Method::GET, "http://[::1]:8080?a", &[], Framing::None),
        "GET /?a HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n"
    );
    assert_eq!(
        head(Method::POST, "http://127.0.0.1:1/", &[("host", "other")], Framing::None),
        "POST / HTTP/1.1\r\nhost: other\r\ncontent-length: 0\r\n\r\n"
    );
}

/// What a server gets of a body that comes in these pieces.
fn sent(pieces: &[&str], length: Option<u64>) -> (Result<(), String>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut text = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !text.ends_with("end") && !text.ends_with("0\r\n\r\n") {
            let mut byte = [0];
            match reader.read(&mut byte) {
                Ok(1) => text.push(char::from(byte[0])),
                _ => return text,
            }
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        text
    });
    let url = format!("http://{address}/");
    let request = Request::builder().method(Method::POST).uri(url).body(()).unwrap();
    let mut body = Pieces(pieces.iter().map(|piece| piece.to_string()).rev().collect());
    let cargo = Cargo::Stream { body: &mut body, length };
    let answered =
        way().run(address, &request, cargo, Wait::Call).map(drop).map_err(|error| error.to_string());
    let text = server.join().unwrap();
    (answered, text.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default())
}

struct Pieces(Vec<String>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.pop() else { return Ok(0) };
        if piece == "broken" {
            return Err(io::Error::other("broken"));
        }
        let count = piece.len().min(into.len());
        into[..count].copy_from_slice(&piece.as_bytes()[..count]);
        Ok(count)
    }
}

#[test]
fn a_body_goes_on_as_it_comes() {
    assert_eq!(sent(&["a", "the end"], Some(8)), (Ok(()), "athe end".into()));
    assert_eq!(sent(&["a", "bcd"], None), (Ok(()), "1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n".into()));
    assert_eq!(sent(&[], None), (Ok(()), "0\r\n\r\n".into()));
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let (answered, body) = sent(&["a"], Some(8));
    assert!(answered.is_err() && body == "a");
    let (answered, body) = sent(&["a", "broken"], None);
    assert_eq!((answered, body.as_str()), (Err("io: broken".into()), "1\r\na\r\n"));
}

#[test]
fn a_server_that_does_not_read_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let request = Request::builder().method(Method::POST).uri(format!("http://{address}/")).body(()).unwrap();
    let way = Loopback::new(Duration::from_millis(50));
    let body = vec![b' '; 32 * 1024 * 1024];
    let answer = way.run(address, &request, Cargo::Whole(&body), Wait::Call);
    assert_eq!(answer.err().unwrap().to_string(), "timeout: send body");
}

#[test]
fn a_request_and_its_body_come_in_order() {
    let site = Site::new(|_| vec![Act::Say(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())]);
    let way = way();
    for _ in 0..3 {
        assert_eq!(site.ask(&way).unwrap().status(), 204);
    }
    assert_eq!((site.requests(), site.connections()), (3, 1));
}

#[test]
fn nobody_listens_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let request = Request::builder().uri(format!("http://{address}/")).body(()).unwrap();
    let error = way().run(address, &request, Cargo::Nothing, Wait::Call).err().unwrap();
    assert!(crate::forward::link::refusal::was_not_sent(&error), "{error}");
}

#[test]
fn a_large_answer_to_a_large_request_arrives() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let (_, body) = read_request(&mut BufReader::new(stream.try_clone().unwrap())).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
    });
    let request = Request::builder().method(Method::POST).uri(format!("http://{address}/")).body(()).unwrap();
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    let mut answer = way().run(address, &request, Cargo::Whole(&body), Wait::Call).unwrap().into_body();
    let mut whole = Vec::new();
    answer.read_to_end(&mut whole).unwrap();
    server.join().unwrap();
    assert!(whole == body);
}
