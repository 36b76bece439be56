//! What heads say, and which are none.

use crate::forward::loopback::head::{self, End, Head, MAX_FIELDS};
use ::http::{Method, StatusCode};
use proptest::prelude::*;

fn parse(head: &str) -> Result<Head, &'static str> {
    head::parse(head.as_bytes(), &Method::POST).map_err(|error| error.0)
}

/// How the body of an answer with these fields ends, and whether another may follow.
fn end(first: &str, fields: &str) -> Result<(String, bool), &'static str> {
    let head = parse(&format!("{first}\r\n{fields}\r\n"))?;
    let end = match head.end {
        End::After(length) => length.to_string(),
        End::Chunks(_) => "chunks".into(),
        End::Close => "close".into(),
    };
    Ok((end, head.may_go_on))
}

#[test]
fn the_end_of_a_body_is_where_the_head_says() {
    for (first, fields, expected, may_go_on) in [
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\n", "5", true),
        ("HTTP/1.1 200", "Content-Length: 0\r\n", "0", true),
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\nConnection: x, Close\r\n", "5", false),
        ("HTTP/1.0 200 OK", "Content-Length: 5\r\n", "5", false),
        ("HTTP/1.0 200 OK", "Content-Length: 5\r\nConnection: keep-alive\r\n", "5", true),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked\r\n", "chunks", true),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\nConnection: close\r\n", "chunks", false),
        ("HTTP/1.1 200 OK", "", "close", false),
        ("HTTP/1.1 204 No Content", "", "0", true),
        ("HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", "0", true),
        ("HTTP/1.1 101 Switching Protocols", "", "0", false),
        // A bare LF ends a line, as it always did here: what is passed on is written anew.
        ("HTTP/1.1 200 OK", "Content-Length: 5\nX: y\n", "5", true),
    ] {
        assert_eq!(end(first, fields), Ok((expected.into(), may_go_on)), "{first} {fields}");
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let head = head::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &Method::HEAD).unwrap();
    assert!(matches!(head.end, End::After(0)) && head.may_go_on);
    assert_eq!(head.response.headers()["content-length"], "5");
}

#[test]
fn of_two_ends_the_chunks_count_and_nothing_follows() {
    let head = parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    assert!(matches!(head.end, End::Chunks(_)) && !head.may_go_on);
    assert!(!head.response.headers().contains_key("content-length"));
}

#[test]
fn what_is_no_clear_answer_is_none() {
    for (first, fields) in [
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("HTTP/1.1 200 OK", "Content-Length: 5, 6\r\n"),
        ("HTTP/1.1 200 OK", "Content-Length: +5\r\n"),
        ("HTTP/1.1 200 OK", "Content-Length: 18446744073709551616\r\n"),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked\r\n"),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: xchunked\r\n"),
        ("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n"),
        ("HTTP/1.1 200 OK", "Content-Length : 5\r\n"),
        ("HTTP/1.1 200 OK", "X: a\r\n b\r\n"),
        ("HTTP/1.1 200 OK", "X: a\rY: b\r\n"),
        ("HTTP/1.1 200 OK", "X: a\0\r\n"),
        ("HTTP/1.1 200 OK", "no field\r\n"),
        ("HTTP/1.1 099 OK", "Content-Length: 5\r\n"),
        ("HTTP/2 200 OK", "Content-Length: 5\r\n"),
        ("SSH-2.0-OpenSSH_9.9", ""),
    ] {
        assert!(end(first, fields).is_err(), "{first} {fields}");
    }
}

#[test]
fn an_answer_has_so_many_fields() {
    let head = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(fields));
    assert!(parse(&head(MAX_FIELDS)).is_ok());
    assert_eq!(parse(&head(MAX_FIELDS + 1)).unwrap_err(), "its answer has too many header fields");
}

#[test]
fn fields_that_stand_twice_come_twice() {
    let head = parse("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n").unwrap();
    assert_eq!(head.response.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(head.response.status(), StatusCode::OK);
}

proptest! {
    /// The end is found where it is, in whatever pieces the bytes come.
    #[test]
    fn a_head_ends_at_the_same_place_however_it_is_cut(
        head in "HTTP/1\\.1 200( [a-z]{0,5})?(\r?\n[a-c]: [\t -~]{0,8}){0,5}\r?\n\r?\n",
        rest in proptest::collection::vec(any::<u8>(), 0..20),
        cuts in proptest::collection::vec(1_usize..20, 1..20),
    ) {
        let whole = [head.as_bytes(), &rest].concat();
        let (mut seen, mut found, mut cuts) = (0, None, cuts.iter().cycle());
        while found.is_none() && seen < whole.len() {
            let next = (seen + cuts.next().unwrap()).min(whole.len());
            found = head::end(&whole[..next], seen);
            seen = next;
        }
        prop_assert_eq!(found, Some(head.len()));
        prop_assert!(parse(&head).is_ok());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(end) = head::end(&bytes, 0) {
            let _ = head::parse(&bytes[..end], &Method::GET);
        }
    }

    #[test]
    fn any_fields_are_survived(fields in "([a-zA-Z-]{1,20}: ?[ -~]{0,20}\r\n){0,8}") {
        if let Ok(head) = parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")) {
            let headers = head.response.headers();
            prop_assert!(headers.iter().all(|(_, value)| !value.as_bytes().contains(&b'\r')));
        }
    }
}
