//! Which connections are used again.

use super::site::{Act, Site, way};
use crate::forward::loopback::idle::{Idle, MAX_IDLE, MAX_IDLE_AGE};
use crate::forward::loopback::{Connection, address};
use ::http::Uri;
use std::io::Read;
use std::time::{Duration, Instant};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn one_connection_does_for_one_request_after_the_other() {
    let site = Site::new(|_| vec![Act::Say(OK.to_vec())]);
    let way = way();
    (0..5).for_each(|_| assert_eq!(site.read(&way).unwrap(), b"ok"));
    assert_eq!((site.connections(), site.requests()), (1, 5));
}

#[test]
fn a_connection_on_which_no_answer_can_follow_is_left() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        // What follows would be taken for the next answer.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        let site = Site::saying(answer);
        let way = way();
        for _ in 0..2 {
            let read = site.read(&way).unwrap();
            assert!(read == b"ok" || read.is_empty(), "{answer}");
        }
        assert_eq!(site.connections(), 2, "{answer}");
    }
}

#[test]
fn what_comes_unasked_later_is_nobodys_answer() {
    let site = Site::new(|nth| match nth {
        0 => vec![
            Act::Say(OK.to_vec()),
            Act::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".to_vec()),
        ],
        _ => vec![Act::Say(OK.to_vec())],
    });
    let way = way();
    assert_eq!(site.read(&way).unwrap(), b"ok");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(site.read(&way).unwrap(), b"ok");
    assert_eq!(site.connections(), 2);
}

#[test]
fn a_connection_that_its_server_has_closed_is_not_used() {
    let site = Site::new(|_| vec![Act::Say(OK.to_vec()), Act::Close]);
    let way = way();
    for _ in 0..3 {
        assert_eq!(site.read(&way).unwrap(), b"ok");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((site.connections(), site.requests()), (3, 3));
}

#[test]
fn a_request_is_never_made_twice() {
    let site = Site::new(|nth| match nth {
        0 => vec![Act::Say(OK.to_vec())],
        _ => vec![Act::Close],
    });
    let way = way();
    assert_eq!(site.read(&way).unwrap(), b"ok");
    let error = site.read(&way).unwrap_err();
    assert!(error.contains("Peer disconnected"), "{error}");
    assert_eq!((site.connections(), site.requests()), (1, 2));
}

#[test]
fn an_answer_that_is_not_read_costs_its_connection() {
    let site = Site::new(|_| vec![Act::Say(OK.to_vec())]);
    let way = way();
    let mut answer = site.ask(&way).unwrap().into_body();
    assert_eq!(answer.read(&mut [0]).unwrap(), 1);
    drop(answer);
    assert_eq!(site.read(&way).unwrap(), b"ok");
    assert_eq!(site.connections(), 2);
}

fn idle(site: &Site) -> Connection {
    Connection::open(site.address, Duration::from_secs(10)).unwrap()
}

#[test]
fn so_many_connections_wait_and_no_more() {
    let site = Site::saying("");
    let pool = Idle::default();
    (0..MAX_IDLE + 3).for_each(|_| pool.put(idle(&site)));
    let waiting = std::iter::from_fn(|| pool.take(site.address)).count();
    assert_eq!(waiting, MAX_IDLE);
}

#[test]
fn a_connection_waits_so_long_and_no_longer() {
    let site = Site::saying("");
    let pool = Idle::default();
    pool.put(idle(&site));
    assert_eq!(pool.fresh(Instant::now() + MAX_IDLE_AGE / 2).len(), 1);
    assert_eq!(pool.fresh(Instant::now() + MAX_IDLE_AGE + Duration::from_millis(1)).len(), 0);
}

#[test]
fn a_connection_leads_where_it_was_opened_to() {
    let (one, other) = (Site::saying(""), Site::saying(""));
    let pool = Idle::default();
    pool.put(idle(&one));
    assert!(pool.take(other.address).is_none() && pool.take(one.address).is_some());
}

#[test]
fn only_what_is_here_and_in_the_clear_is_asked_so() {
    let found = |url: &str| address(&url.parse::<Uri>().unwrap()).map(|address| address.to_string());
    assert_eq!(found("http://127.0.0.1:3001/mcp").as_deref(), Some("127.0.0.1:3001"));
    assert_eq!(found("http://127.9.9.9/").as_deref(), Some("127.9.9.9:80"));
    assert_eq!(found("http://[::1]:3001/mcp").as_deref(), Some("[::1]:3001"));
    for url in [
        "https://127.0.0.1:3001/mcp",
        "http://localhost:3001/mcp",
        "http://127.0.0.1.example.org/mcp",
        "http://user:secret@127.0.0.1:3001/mcp",
        "http://192.0.2.1:3001/mcp",
        "http://[::ffff:192.0.2.1]:3001/mcp",
        "http://0.0.0.0:3001/mcp",
        "/mcp",
    ] {
        assert_eq!(found(url), None, "{url}");
    }
}
