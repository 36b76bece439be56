//! WebSockets on which the server speaks and the client listens (RFC 6455).

use crate::rig::{LONG, PING, Rig, rig, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Bytes, Error, Message, WebSocket};

/// What still comes until the server ends it: the code it gave.
#[track_caller]
fn code(mut socket: WebSocket<TcpStream>) -> u16 {
    let code = loop {
        match socket.read().unwrap() {
            Message::Close(Some(CloseFrame { code, .. })) => break code.into(),
            Message::Close(None) => panic!("closed without a code"),
            _ => {}
        }
    };
    while !matches!(socket.read(), Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_))) {}
    code
}

/// The code that the server closes with once it has got these bytes.
#[track_caller]
fn code_for(rig: &Rig, bytes: &[u8]) -> u16 {
    code(rig.websocket("/socket", bytes))
}

/// A frame of a client, masked by zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        short @ 0..126 => vec![0x80 | short as u8],
        long => [&[0x80 | 126][..], &(long as u16).to_be_bytes()].concat(),
    };
    [&[first][..], &length, &[0; 4], payload].concat()
}

#[test]
fn a_ping_is_answered_at_once_and_its_words_come_back() {
    let rig = rig(|_| {});
    let mut socket = rig.websocket("/socket", &frame(0x89, b"with the head"));
    assert_eq!(socket.read().unwrap(), Message::Pong("with the head".into()));
    for text in ["one", "two", ""] {
        socket.send(Message::Ping(text.into())).unwrap();
        while socket.read().unwrap() != Message::Pong(text.into()) {}
    }
}

#[test]
fn who_answers_pings_stays_and_may_close() {
    let rig = rig(|_| {});
    let mut socket = rig.websocket("/socket", b"");
    for _ in 0..4 {
        assert_eq!(socket.read().unwrap(), Message::Ping(Bytes::new()));
    }
    let frame = CloseFrame { code: 1000.into(), reason: "enough".into() };
    socket.close(Some(frame.clone())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Close(Some(frame)));
    wait_until("the connection is closed", || rig.server.stats().connections == 0);
}

#[test]
fn who_answers_no_ping_is_let_go() {
    let rig = rig(|_| {});
    let mut socket = rig.websocket("/socket", b"");
    let mut all = Vec::new();
    let begun = Instant::now();
    socket.get_mut().read_to_end(&mut all).unwrap();
    assert_eq!(all, [0x89, 0], "one ping and the end");
    assert!(begun.elapsed() >= PING, "it had its time");
}

#[test]
fn a_client_has_nothing_to_say() {
    let rig = rig(|_| {});
    for first in [0x81, 0x82] {
        assert_eq!(code_for(&rig, &frame(first, b"hello")), 1008, "{first:x}");
    }
    // In pieces, and with a ping between them.
    let pieces = [frame(0x01, b"hel"), frame(0x89, b""), frame(0x80, b"lo")].concat();
    assert_eq!(code_for(&rig, &pieces), 1008);
}

#[test]
fn what_is_no_frame_ends_it_and_says_why() {
    let rig = rig(|_| {});
    let huge = [&[0x82, 0x80 | 127][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    for (bytes, expected) in [
        (&[0x89, 0][..], 1002),             // not masked
        (&frame(0x83, b"x"), 1002),         // an opcode that nobody has
        (&frame(0xc1, b"x"), 1002),         // compressed, which was not agreed on
        (&frame(0x80, b"x"), 1002),         // goes on with nothing
        (&frame(0x89, &[b'x'; 126]), 1002), // a control frame of more than 125 bytes
        (&frame(0x09, b"x"), 1002),         // one in pieces
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 1002),
        (&frame(0x81, b"\xff\xfe"), 1007),
        (&frame(0x82, &[0; 1025]), 1009),
        (&huge, 1009),
        (&[frame(0x02, &[0; 1000]), frame(0x80, &[0; 1000])].concat(), 1009),
    ] {
        assert_eq!(code_for(&rig, bytes), expected, "{bytes:x?}");
    }
    wait_until("all are closed", || rig.server.stats().connections == 0);
    assert_eq!(rig.server.stats().panics, 0);
}

#[test]
fn a_frame_that_never_ends_is_not_waited_for() {
    let rig = rig(|_| {});
    let mut socket = rig.websocket("/socket", &[0x81, 0x80 | 100, 0, 0]);
    let mut all = Vec::new();
    socket.get_mut().read_to_end(&mut all).unwrap();
    assert_eq!(all, [0x89, 0]);
}

#[test]
fn who_does_not_read_is_cut_and_costs_nobody_else() {
    let rig = rig(|limits| limits.write_timeout_seconds = 1);
    let deaf = rig.websocket("/chatty", b"");
    let mut other = rig.websocket("/chatty", b"");
    for _ in 0..8 {
        while !matches!(other.read().unwrap(), Message::Text(text) if text.len() == 1024 * 1024) {}
    }
    drop(other);
    wait_until("both are closed", || rig.server.stats().connections == 0);
    drop(deaf);
}

#[test]
fn a_client_that_vanishes_is_noticed_at_once() {
    let rig = rig(|_| {});
    let socket = rig.websocket("/socket", b"");
    wait_until("it is there", || rig.server.stats().connections == 1);
    drop(socket);
    wait_until("the connection is closed", || rig.server.stats().connections == 0);
}

#[test]
fn the_end_of_the_server_cuts_it() {
    let rig = rig(|_| {});
    let mut socket = rig.websocket("/socket", b"");
    rig.server.stop(Duration::ZERO);
    while socket.read().is_ok() {}
    assert_eq!(rig.server.stats().connections, 0);
}

/// However many come, each other client is answered meanwhile.
#[test]
fn a_flood_of_pings_is_only_its_senders_affair() {
    let rig = rig(|_| {});
    let socket = rig.websocket("/socket", b"");
    let mut writer = socket.get_ref().try_clone().unwrap();
    let flood = std::thread::spawn(move || {
        let pings = frame(0x89, b"x").repeat(1000);
        while writer.write_all(&pings).is_ok() {}
    });
    let mut other = rig.open();
    for _ in 0..100 {
        assert_eq!(other.get("/x").status, 200);
    }
    let _ = socket.get_ref().set_read_timeout(Some(LONG));
    rig.server.stop(Duration::ZERO);
    flood.join().unwrap();
}
