//! The listener over loopback: what a client sees, and when.
//!
//! No test sleeps to synchronise; each waits for a byte, a channel or a condition, with a deadline.

#[path = "http_listener/rig.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used)] // a failing harness is a failing test
mod rig;
#[path = "http_listener/websocket.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod websocket;

use mcp_proxy::http::{RESERVE, Scheme};
use rig::{Held, LONG, Rig, Talk, alone, header, rig, wait_until};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn keep_alive_connections_opened_together_are_all_answered() {
    let rig = rig(|_| {});
    let mut talks: Vec<Talk> = (0..64).map(|_| rig.open()).collect();
    for round in 0..3 {
        talks.iter_mut().for_each(|talk| talk.send(&format!("GET /{round} HTTP/1.1\r\nHost: h\r\n\r\n")));
        for talk in &mut talks {
            assert_eq!(talk.answer().body, format!("/{round}"));
        }
    }
    assert_eq!(rig.server.stats().threads, 64);
}

#[test]
fn an_answer_has_the_fields_it_must_have() {
    let answer = rig(|_| {}).open().get("/x?secret=1");
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
    assert!(httpdate::parse_http_date(header(&answer.head, "date").unwrap()).is_ok());
    assert_eq!(header(&answer.head, "connection"), None);
    assert_eq!(answer.body, "/x");
}

#[test]
fn http_1_0_closes_unless_asked() {
    let rig = rig(|_| {});
    assert!(rig.all(b"GET /a HTTP/1.0\r\n\r\n").contains("connection: close\r\n"));
    let mut talk = rig.open();
    for _ in 0..2 {
        talk.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(header(&talk.answer().head, "connection"), Some("keep-alive"));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let rig = rig(|_| {});
    let post = |number| format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n{number:05}");
    let mut talk = rig.open();
    talk.send(&(0..200).map(post).collect::<String>());
    for number in 0..200 {
        assert_eq!(talk.answer().body, format!("{number:05}"));
    }
}

#[test]
fn bodies_are_read_whole_in_both_codings() {
    let rig = rig(|_| {});
    let mut talk = rig.open();
    let big = "x".repeat(700_000);
    talk.send(&format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{big}", big.len()));
    assert!(talk.answer().body == big);
    let half = &big[..350_000];
    let coded = format!("{:x};e\r\n{half}\r\n{:x}\r\n{half}\r\n0\r\nT: r\r\n\r\n", half.len(), half.len());
    talk.send(&format!("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{coded}"));
    assert!(talk.answer().body == big);
    talk.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in ["3", "\r", "\nab", "c\r\n", "0\r\n", "\r\n"] {
        talk.send(piece);
    }
    assert_eq!(talk.answer().body, "abc");
}

#[test]
fn a_body_over_the_limit_is_refused_before_and_while_it_comes() {
    let rig = rig(|_| {});
    let declared = rig.all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000000\r\n\r\n");
    assert!(declared.starts_with("HTTP/1.1 413 ") && declared.contains("connection: close"), "{declared}");
    let chunks = format!("100000\r\n{}\r\n1\r\nx\r\n", "x".repeat(0x10_0000));
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let sent = rig.all(format!("{head}{chunks}").as_bytes());
    assert!(sent.starts_with("HTTP/1.1 413 "), "{sent}");
}

#[test]
fn a_small_unread_body_is_skipped_and_a_large_one_closes() {
    let rig = rig(|_| {});
    let mut talk = rig.open();
    talk.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: ");
    assert_eq!(talk.answer().body, "/a");
    talk.send("POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_eq!((talk.answer().body.as_str(), talk.get("/c").body.as_str()), ("/b", "/c"));
    let mut large = b"POST /d HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n".to_vec();
    large.resize(large.len() + 200_000, b'x');
    let answer = rig.all(&large);
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("/d"), "{answer}");
}

#[test]
fn continue_is_sent_when_the_body_is_read_and_only_then() {
    let rig = rig(|_| {});
    let mut talk = rig.open();
    talk.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    talk.text("HTTP/1.1 100 Continue\r\n\r\n");
    talk.send("abc");
    assert_eq!(talk.answer().body, "abc");
    let unread = rig.all(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert!(unread.starts_with("HTTP/1.1 200 ") && unread.contains("connection: close\r\n"), "{unread}");
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let rig = rig(|_| {});
    let mut talk = rig.open();
    talk.send("HEAD /four HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(header(&talk.head(), "content-length"), Some("5"));
    talk.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(header(&talk.head(), "transfer-encoding"), Some("chunked"));
    assert_eq!(talk.get("/next").body, "/next");
}

#[test]
fn unclear_framing_is_refused_and_the_connection_closed() {
    let rig = rig(|_| {});
    let next = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let cases = [
        (400, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"),
        (400, "Content-Length: 5, 5\r\n\r\nabcde"),
        (400, "Content-Length: +5\r\n\r\nabcde"),
        (400, "Content-Length : 5\r\n\r\nabcde"),
        (400, "X: a\r\n Content-Length: 5\r\n\r\nabcde"),
        (400, "X: a\nContent-Length: 5\r\n\r\nabcde"),
        (400, "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        (501, "Transfer-Encoding: gzip\r\n\r\nabcde"),
        (400, "Host: h\r\n\r\n"),
        (417, "Expect: x\r\n\r\n"),
        (400, "Transfer-Encoding: chunked\r\n\r\n5 \r\nabcde\r\n0\r\n\r\n"),
        (400, "Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeX\r\n0\r\n\r\n"),
    ];
    for (status, rest) in cases {
        let answers = rig.all(format!("POST /echo HTTP/1.1\r\nHost: h\r\n{rest}{next}").as_bytes());
        assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{rest:?} {answers}");
        assert!(answers.contains("{\"error\":\"") && !answers.contains("/smuggled"), "{rest:?} {answers}");
        assert_eq!(answers.matches("content-length: ").count(), 1, "{rest:?} {answers}");
    }
}

#[test]
fn a_slow_head_a_slow_body_and_an_idle_connection_are_cut() {
    let rig = rig(|limits| {
        (limits.head_timeout_seconds, limits.body_timeout_seconds, limits.keep_alive_seconds) = (1, 1, 1);
    });
    let begun = Instant::now();
    let drip = |head: &str| {
        let mut talk = rig.open();
        talk.send(head);
        let mut other = Talk::on(talk.stream.try_clone().unwrap());
        let answer = std::thread::spawn(move || other.until_closed());
        while !answer.is_finished() && talk.stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50)); // the pace of a slow client
        }
        answer.join().unwrap()
    };
    std::thread::scope(|scope| {
        let head = scope.spawn(|| drip("GET / HT"));
        let body = scope.spawn(|| drip("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n"));
        assert_eq!(rig.open().until_closed(), "", "an idle connection is closed without a word");
        assert!(head.join().unwrap().starts_with("HTTP/1.1 408 "));
        assert!(body.join().unwrap().starts_with("HTTP/1.1 408 "));
    });
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn each_piece_of_a_stream_arrives_when_it_is_written() {
    let Rig { addr, chunks, server: _server, .. } = rig(|_| {});
    let mut talk = Talk::to(addr);
    talk.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(header(&talk.head(), "transfer-encoding"), Some("chunked"), "the head comes before any piece");
    for piece in ["a", "bcd"] {
        chunks.send(piece.into()).unwrap();
        talk.text(&format!("{:x}\r\n{piece}\r\n", piece.len()));
    }
    drop(chunks);
    talk.text("0\r\n\r\n");
    assert_eq!(talk.get("/next").body, "/next");
}

#[test]
fn a_stream_to_http_1_0_is_raw_and_ends_with_the_connection() {
    let Rig { addr, chunks, server: _server, .. } = rig(|_| {});
    let mut talk = Talk::to(addr);
    talk.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(header(&talk.head(), "connection"), Some("close"));
    chunks.send(b"raw".into()).unwrap();
    talk.text("raw");
    drop(chunks);
    assert_eq!(talk.until_closed(), "");
}

#[test]
fn a_stream_of_declared_length_is_raw_and_a_short_or_long_one_closes() {
    for pieces in [&["abc", "def"][..], &["abc"], &["abc", "defg"]] {
        let Rig { addr, chunks, server: _server, .. } = rig(|_| {});
        let mut talk = Talk::to(addr);
        pieces.iter().for_each(|piece| chunks.send(piece.as_bytes().into()).unwrap());
        drop(chunks);
        talk.send("GET /sized HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(header(&talk.head(), "content-length"), Some("6"));
        talk.text("abc");
        match pieces.get(1) {
            Some(&"def") => {
                talk.text("def");
                assert_eq!(talk.get("/next").body, "/next");
            }
            _ => assert_eq!(talk.until_closed(), ""),
        }
    }
}

#[test]
fn a_panic_costs_one_connection() {
    let rig = rig(|_| {});
    let mut other = rig.open();
    other.get("/before");
    let answer = rig.all(b"GET /panic HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("connection: close\r\n"), "{answer}");
    let cut = rig.all(b"GET /broken HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(cut.ends_with("\r\n\r\n") && !cut.ends_with("0\r\n\r\n"), "{cut}");
    assert_eq!(other.get("/after").body, "/after");
    assert_eq!(rig.server.stats().panics, 1);
}

/// Also where the writer passes over it: a client must not wait for the rest on a connection that is kept.
#[test]
fn a_stream_that_could_not_be_written_ends_its_connection() {
    let rig = rig(|limits| limits.write_timeout_seconds = 1);
    let mut talk = rig.open();
    talk.send("GET /stubborn HTTP/1.1\r\nHost: h\r\n\r\n");
    talk.head();
    wait_until("the connection is closed", || rig.server.stats().connections == 0);
}

#[test]
fn a_handler_sees_that_its_client_left() {
    let rig = rig(|_| {});
    let mut talk = rig.open();
    talk.send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    drop(talk);
    rig.held.recv_timeout(LONG).unwrap();
}

#[test]
fn at_the_cap_a_waiting_connection_makes_room_and_a_busy_one_stays() {
    let rig = rig(|limits| limits.max_connections = 3);
    let (mut busy, held) = rig.hold();
    let mut waiting = [rig.open(), rig.open()];
    waiting.iter_mut().for_each(|talk| assert_eq!(talk.get("/").status, 200));
    waiting[1].send("GET / HTT");
    wait_until("both wait again", || rig.open().is_served());
    assert!(rig.server.stats().evicted >= 1);
    held.0.send(()).unwrap();
    assert_eq!(busy.answer().body, "held");
    let [first, second] = &mut waiting;
    let _ = second.stream.write_all(b"P/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let served = [first.is_served(), !second.until_closed().is_empty()];
    assert!(served != [true, true], "one of them had to go");
}

/// Many who announce a body and send none may not keep all others out.
#[test]
fn at_the_cap_who_does_not_send_its_body_makes_room() {
    let rig = rig(|limits| limits.max_connections = 3);
    let begin = |framing: &str, body: &str| {
        let mut talk = rig.open();
        talk.send(&format!("POST /echo HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{body}"));
        talk
    };
    let mut slow = [
        begin("Content-Length: 10", ""),
        begin("Content-Length: 10000", "some"),
        begin("Transfer-Encoding: chunked", "5\r\nab"),
    ];
    wait_until("all are at their bodies", || rig.server.stats().requests == 3);
    let mut others = [rig.open(), rig.open(), rig.open()];
    others.iter_mut().for_each(|talk| assert_eq!(talk.get("/").status, 200));
    slow.iter_mut().for_each(|talk| assert!(!talk.until_closed().contains("200 OK")));
    assert_eq!(rig.server.stats().refused, 0);
}

#[test]
fn when_all_are_busy_health_is_answered_and_the_rest_told_to_wait() {
    let rig = rig(|limits| limits.max_connections = 4);
    let health = || rig.all(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut busy: Vec<(Talk, Held)> = (0..4).map(|_| rig.hold()).collect();
    let mut silent: Vec<Talk> = (0..RESERVE + 8).map(|_| rig.open()).collect();
    wait_until("the reserve is taken", || rig.server.stats().accepted >= 4 + RESERVE as u64);
    wait_until("health with the reserve taken", || health().ends_with("/health"));
    silent.iter_mut().for_each(|talk| drop(talk.until_closed()));
    for _ in 0..100 {
        let answer = health();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    }
    let other = rig.all(b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(other.starts_with("HTTP/1.1 503 ") && other.contains("retry-after: "), "{other}");
    assert!(rig.server.stats().refused > 0);
    for (talk, held) in &mut busy {
        held.0.send(()).unwrap();
        assert_eq!(talk.answer().body, "held");
    }
    wait_until("room again", || rig.open().get("/again").status == 200);
}

#[test]
fn streams_hold_three_quarters_at_most() {
    let rig = rig(|limits| limits.max_connections = 8);
    let permits: Vec<_> = std::iter::from_fn(|| rig.server.try_stream()).collect();
    assert_eq!((permits.len(), rig.server.stats().streams), (6, 6));
    drop(permits);
    assert!(rig.server.try_stream().is_some());
}

#[test]
fn a_door_closes_with_its_idle_connections_and_the_others_stay() {
    let rig = rig(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    rig.server.listen(listener, "side", Scheme::Http).unwrap();
    let (mut side, mut main) = (Talk::to(addr), rig.open());
    assert_eq!((side.get("/door").body.as_str(), main.get("/door").body.as_str()), ("side", "main"));
    rig.server.close("side");
    assert_eq!(side.until_closed(), "");
    rig.server.listen(TcpListener::bind(addr).expect("the port is free"), "again", Scheme::Http).unwrap();
    assert_eq!(
        (Talk::to(addr).get("/door").body.as_str(), main.get("/door").body.as_str()),
        ("again", "main")
    );
}

#[test]
fn stop_closes_idle_connections_and_lets_busy_ones_finish() {
    let rig = rig(|_| {});
    let mut idle = rig.open();
    idle.get("/");
    let (mut talk, held) = rig.hold();
    let server = rig.server.clone();
    let stopping = std::thread::spawn(move || server.stop(LONG));
    assert_eq!(idle.until_closed(), "");
    held.0.send(()).unwrap();
    let answer = talk.answer();
    assert_eq!((answer.body.as_str(), header(&answer.head, "connection")), ("held", Some("close")));
    stopping.join().unwrap();
    assert_eq!((rig.server.stats().threads, rig.server.stats().connections), (0, 0));
    assert!(TcpStream::connect(rig.addr).is_err());
    rig.server.stop(LONG);
}

#[test]
fn stop_cuts_what_outlasts_the_grace() {
    let rig = rig(|_| {});
    let mut talk = rig.open();
    talk.send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_until("the request is at work", || rig.server.stats().requests == 1);
    rig.server.stop(Duration::from_millis(50));
    rig.held.recv_timeout(LONG).unwrap();
    assert_eq!(rig.server.stats().threads, 0);
}

#[test]
fn running_out_of_descriptors_only_pauses_accepting() {
    if !alone("running_out_of_descriptors_only_pauses_accepting") {
        return;
    }
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let rig = rig(|_| {});
    let mut first = rig.open();
    assert_eq!(first.get("/").status, 200);
    let spare = std::fs::File::open("/dev/null").unwrap();
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let mut talks = Vec::new();
    let mut spare = Some(spare);
    loop {
        match TcpStream::connect(rig.addr) {
            Ok(stream) => talks.push(Talk::on(stream)),
            Err(_) if spare.take().is_some() => {} // now one side at least finds no descriptor
            Err(_) => break,
        }
    }
    assert_eq!(first.get("/").status, 200, "connections that are open are served on");
    let mut last = talks.pop().unwrap();
    last.send("GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
    drop(talks);
    assert_eq!(last.answer().body, "/last", "accepting goes on once there are descriptors");
    assert_eq!(rig.open().get("/more").status, 200);
}

#[test]
#[cfg(target_os = "linux")]
fn no_thread_or_descriptor_is_left_behind() {
    if !alone("no_thread_or_descriptor_is_left_behind") {
        return;
    }
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let (threads, files) = (count("task"), count("fd"));
    for _ in 0..3 {
        let rig = rig(|_| {});
        let mut talks: Vec<Talk> = (0..16).map(|_| rig.open()).collect();
        talks.iter_mut().for_each(|talk| assert_eq!(talk.get("/").status, 200));
        assert!(count("task") >= threads + 17);
        rig.server.stop(LONG);
        drop((talks, rig));
        wait_until("threads and files are gone", || (count("task"), count("fd")) == (threads, files));
    }
}
