use crate::http::Refusal;
use crate::http::framing::Framing;
use crate::http::head::{self, Head};
use ::http::Version;
use proptest::prelude::*;

fn read(text: &str) -> Result<Option<(Head, usize)>, Refusal> {
    head::read(text.as_bytes(), 1024, 10)
}

fn accepted(text: &str) -> Head {
    let (head, length) = read(text).unwrap().unwrap();
    assert_eq!(length, text.len());
    head
}

fn status(text: &str) -> u16 {
    match read(text) {
        Err(refusal) => refusal.status.as_u16(),
        Ok(answer) => panic!("{text:?} was accepted: {answer:?}"),
    }
}

#[test]
fn a_plain_request_is_read() {
    let head = accepted("POST /gdrive?a=b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\nX: \ty \r\n\r\n");
    assert_eq!(head.request.uri(), "/gdrive?a=b");
    assert_eq!(head.request.headers()["x"], "y");
    assert_eq!(head.framing, Framing::Length(5));
    assert!(head.keep_alive && !head.expects_continue);
}

#[test]
fn keep_alive_follows_the_version_and_the_connection_field() {
    assert!(!accepted("GET / HTTP/1.0\r\n\r\n").keep_alive);
    assert!(accepted("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n").keep_alive);
    assert!(
        !accepted("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: CLOSE\r\n\r\n")
            .keep_alive
    );
}

#[test]
fn an_absolute_target_replaces_host() {
    let head = accepted("GET http://other:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(head.request.uri(), "/p?q");
    assert_eq!(head.request.headers()["host"], "other:80");
    assert_eq!(accepted("GET http://other HTTP/1.1\r\nHost: h\r\n\r\n").request.uri(), "/");
    assert_eq!(accepted("GET http://other?q HTTP/1.1\r\nHost: h\r\n\r\n").request.uri(), "/?q");
}

#[test]
fn empty_lines_may_come_first_but_not_many() {
    let (head, length) = read("\r\n\r\nGET / HTTP/1.1\r\nHost:\r\n\r\nrest").unwrap().unwrap();
    assert_eq!((head.request.version(), length), (Version::HTTP_11, 4 + 25));
    assert_eq!(status("\r\n\r\n\r\n\r\n\r\n"), 400);
}

#[test]
fn other_forms_are_accepted_where_they_belong() {
    assert_eq!(accepted("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").request.uri(), "*");
    assert!(accepted("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n").expects_continue);
    assert!(!accepted("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
    assert_eq!(accepted("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").framing, Framing::None);
    assert_eq!(
        accepted("X-Y / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n").framing,
        Framing::Chunked
    );
}

#[test]
fn what_is_unclear_is_refused() {
    let host = "HTTP/1.1\r\nHost: h\r\n";
    let cases: &[(u16, String)] = &[
        (400, format!("POST / {host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: 5\r\nContent-Length: 5\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: 5, 5\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: +5\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: -5\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: 0x5\r\n\r\n")),
        (400, format!("POST / {host}Content-Length:\r\n\r\n")),
        (400, format!("POST / {host}Content-Length: 18446744073709551616\r\n\r\n")),
        (400, format!("POST / {host}Content-Length : 5\r\n\r\n")),
        (400, format!("POST / {host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")),
        (400, format!("POST / {host}Transfer-Encoding: chunked, chunked\r\n\r\n")),
        (400, format!("POST / {host}Transfer-Encoding: chunked, gzip\r\n\r\n")),
        (400, format!("POST / {host}Transfer-Encoding:\r\n\r\n")),
        (400, format!("POST / {host}Transfer-Encoding: \x0bchunked\r\n\r\n")),
        (501, format!("POST / {host}Transfer-Encoding: gzip, chunked\r\n\r\n")),
        (501, format!("POST / {host}Transfer-Encoding: identity\r\n\r\n")),
        (501, format!("POST / {host}Transfer-Encoding: xchunked\r\n\r\n")),
        (400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
        (400, format!("GET / {host}X: a\r\n b\r\n\r\n")),
        (400, format!("GET / {host} X: a\r\n\r\n")),
        (400, format!("GET / {host}X: a\n\r\n")),
        (400, format!("GET / {host}X: a\r\n\n")),
        (400, format!("GET / {host}X: a\rb\r\n\r\n")),
        (400, format!("GET / {host}X: a\0b\r\n\r\n")),
        (400, format!("GET / {host}X: a\x01b\r\n\r\n")),
        (400, format!("GET / {host}: a\r\n\r\n")),
        (400, format!("GET / {host}X\r\n\r\n")),
        (400, format!("GET / {host}X Y: a\r\n\r\n")),
        (400, format!("GET / {host}Host: h\r\n\r\n")),
        (400, "GET / HTTP/1.1\r\nX: y\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: user@h\r\n\r\n".into()),
        (400, "GET /\r\n".into()),
        (400, "GET / \r\n".into()),
        (400, "GET  / HTTP/1.1\r\n".into()),
        (400, "GET /  HTTP/1.1\r\n".into()),
        (400, "GET / HTTP/1.1 \r\n".into()),
        (400, "GET\t/ HTTP/1.1\r\n".into()),
        (400, " GET / HTTP/1.1\r\n".into()),
        (400, "G(T / HTTP/1.1\r\n".into()),
        (400, "GET /a#b HTTP/1.1\r\n".into()),
        (400, "GET /\u{e9} HTTP/1.1\r\n".into()),
        (400, format!("GET a/b {host}\r\n")),
        (400, format!("GET * {host}\r\n")),
        (400, format!("GET ftp://h/ {host}\r\n")),
        (400, format!("GET http://u@h/ {host}\r\n")),
        (400, "GET / HTTP/11\r\n".into()),
        (400, "GET / http/1.1\r\n".into()),
        (505, "GET / HTTP/1.2\r\n".into()),
        (505, "GET / HTTP/3.0\r\n".into()),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        (501, format!("CONNECT h:443 {host}\r\n")),
        (417, format!("POST / {host}Expect: 200-ok\r\n\r\n")),
        (414, format!("GET /{} {host}\r\n", "a".repeat(2000))),
        (414, "a".repeat(1025)),
        (431, format!("GET / {host}X: {}\r\n\r\n", "a".repeat(2000))),
        (431, format!("GET / {host}{}\r\n", "X: y\r\n".repeat(10))),
    ];
    for (expected, text) in cases {
        assert_eq!(status(text), *expected, "{text:?}");
    }
}

#[test]
fn limits_count_to_the_last_byte() {
    assert!(read(&format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(9))).is_ok());
    let full = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "h".repeat(1024 - 26));
    assert!(full.len() == 1024 && read(&full).unwrap().is_some());
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "(GET|POST|PUT) (/[a-z]{0,5}|\\*|http://h/) HTTP/1[.][01]",
        "(Host|Content-Length|Transfer-Encoding|Connection|X): ?(h|5|chunked|close|gzip, chunked|[ -~]{0,9})",
        "[ -~\\t]{0,20}",
    ]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let ends = prop_oneof![9 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")];
    prop::collection::vec((line(), ends), 1..6).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| (line + end).into_bytes()).chain(*b"\r\n").collect()
    })
}

fn has_one_framing(head: &Head) -> bool {
    let count = |name: &str| head.request.headers().get_all(name).iter().count();
    match head.framing {
        Framing::None => count("content-length") + count("transfer-encoding") == 0,
        Framing::Length(_) => count("content-length") == 1 && count("transfer-encoding") == 0,
        Framing::Chunked => count("content-length") == 0 && count("transfer-encoding") == 1,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = head::read(&bytes, 256, 8);
    }

    #[test]
    fn what_is_accepted_has_exactly_one_framing_and_host(bytes in request()) {
        if let Ok(Some((head, length))) = head::read(&bytes, 512, 8) {
            prop_assert!(has_one_framing(&head));
            let hosts = head.request.headers().get_all("host").iter().count();
            prop_assert!(hosts == 1 || (hosts == 0 && head.request.version() == Version::HTTP_10));
            prop_assert!(!bytes[..length].windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'));
        }
    }

    #[test]
    fn pieces_are_scanned_like_the_whole(bytes in request(), cut in 0_usize..200) {
        let cut = cut.min(bytes.len());
        let mut scanner = crate::http::scan::HeadScanner::new(512, 8);
        let first = scanner.scan(&bytes[..cut]);
        let pieces = match first {
            Ok(None) => scanner.scan(&bytes),
            other => other,
        };
        prop_assert_eq!(pieces, crate::http::scan::HeadScanner::new(512, 8).scan(&bytes));
    }
}
