//! Clients that do not get as far as a request.

use crate::client::{BOTH, Talk, config, connection, socket};
use crate::harness::*;
use crate::site;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The first message of a client.
fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    connection(&config(BOTH)).write_tls(&mut bytes).unwrap();
    bytes
}

/// What still comes; whether it ends with a reset does not matter.
fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    bytes
}

#[track_caller]
fn is_well(proxy: &Proxy) {
    assert!(Talk::open(proxy.address()).get("/health").0.starts_with("HTTP/1.1 200 "));
}

/// Connections that the proxy knows of, but for this one.
fn open_ones(proxy: &Proxy) -> u64 {
    let (_, page) = Talk::open(proxy.address()).get("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix("mcp_proxy_connections "));
    line.unwrap().parse::<u64>().unwrap() - 1
}

#[test]
fn a_slow_handshake_is_cut() {
    let proxy = site("[limits]\nhead_timeout_seconds = 1\n").start();
    for begun in [0, 1, 50] {
        let mut slow = socket(proxy.address());
        slow.write_all(&hello()[..begun]).unwrap();
        assert_eq!(rest(slow), b"");
    }
    is_well(&proxy);
}

#[test]
fn who_has_not_finished_its_handshake_makes_room() {
    let proxy = site("[limits]\nmax_connections = 2\nhead_timeout_seconds = 60\n").start();
    let begin = || {
        let mut slow = socket(proxy.address());
        slow.write_all(&hello()[..20]).unwrap();
        slow
    };
    let (first, second) = (begin(), begin());
    let mut talk = Talk::open(proxy.address());
    assert!(talk.get("/health").0.starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(first), b"", "the one that has waited longest has to go");
    drop(second);
}

#[test]
fn old_versions_are_refused() {
    let proxy = site("").start();
    for minor in [0, 1, 2] {
        let mut old = socket(proxy.address());
        let body = [&[3, minor][..], &[7; 32], &[0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]].concat();
        let length = body.len() as u8;
        old.write_all(&[&[22, 3, minor, 0, length + 4, 1, 0, 0, length][..], &body].concat()).unwrap();
        let said = rest(old);
        // A fatal alert: handshake_failure or protocol_version.
        assert!(said[0] == 21 && matches!(said[5..], [2, 40 | 70]), "{said:?}");
    }
    is_well(&proxy);
}

/// Hellos as no client sends them: each ends, and nothing is kept of it.
#[test]
fn garbage_is_refused_and_leaves_nothing_behind() {
    let proxy = site("[limits]\nhead_timeout_seconds = 1\n").start();
    let whole = hello();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..300 {
        let mut bytes = whole.clone();
        match round % 3 {
            0 => bytes.truncate(1 + random(bytes.len())),
            1 => bytes = (0..random(2000)).map(|_| random(256) as u8).collect(),
            _ => {}
        }
        for _ in 0..random(8) {
            let at = random(bytes.len().max(1));
            bytes.get_mut(at).into_iter().for_each(|byte| *byte = random(256) as u8);
        }
        let mut mad = socket(proxy.address());
        let _ = mad.write_all(&bytes); // it may have heard enough
        let _ = mad.shutdown(std::net::Shutdown::Write);
        if round % 20 == 0 {
            rest(mad);
        }
    }
    is_well(&proxy);
    eventually(DEADLINE, || open_ones(&proxy) == 0);
    assert!(!proxy.log().iter().any(|line| line.contains("panic")), "{:?}", proxy.log());
}

/// After a good handshake, too.
#[test]
fn a_damaged_record_ends_the_connection() {
    let proxy = site("").start();
    let mut talk = Talk::open(proxy.address());
    talk.get("/health");
    talk.0.sock.write_all(&[23, 3, 3, 0, 40]).unwrap();
    talk.0.sock.write_all(&[9; 40]).unwrap();
    let mut bytes = Vec::new();
    assert!(talk.0.read_to_end(&mut bytes).is_err(), "an alert, not an end");
    is_well(&proxy);
}
