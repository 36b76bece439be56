//! Answers, whole and broken, and what is read of them.

use super::site::{Act, DEADLINE, Site, way};
use crate::forward::courier::{Cargo, Wait};
use crate::forward::loopback::Loopback;
use crate::forward::loopback::head::MAX_HEAD_BYTES;
use ::http::{Method, StatusCode};
use proptest::prelude::*;
use std::io::Read;
use std::time::{Duration, Instant};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What is read of an answer with these bytes, if the connection is closed behind them.
fn read(answer: &str) -> Result<String, String> {
    let answer = answer.as_bytes().to_vec();
    let site = Site::new(move |_| vec![Act::Say(answer.clone()), Act::Close]);
    site.read(&way()).map(|body| String::from_utf8(body).unwrap())
}

#[test]
fn bodies_are_read_to_their_ends() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for answer in [
        OK.to_string(),
        format!("{chunked}1\r\no\r\n1;x=y\r\nk\r\n0\r\nTrailer: x\r\n\r\n"),
        // Some servers forget the last line.
        format!("{chunked}2\r\nok\r\n0\r\n"),
        "HTTP/1.1 200 OK\r\n\r\nok".to_string(),
        "HTTP/1.0 200 OK\r\n\r\nok".to_string(),
    ] {
        assert_eq!(read(&answer).as_deref(), Ok("ok"), "{answer}");
    }
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for answer in [
        String::new(),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n".to_string(),
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok".to_string(),
        chunked.to_string(),
        format!("{chunked}3\r\nok"),
        format!("{chunked}2\r\nok\r\n"),
        format!("{chunked}2\r\nok\r\n0"),
        format!("{chunked}{:x}\r\n{}", 100_000, "x".repeat(50_000)),
    ] {
        let error = read(&answer).unwrap_err();
        assert!(error.contains("Peer disconnected"), "{error}: {:?}", &answer[..answer.len().min(100)]);
    }
    let error = read(&format!("{chunked}2 \r\nok\r\n0\r\n\r\n")).unwrap_err();
    assert!(error.contains("chunk"), "{error}");
}

#[test]
fn what_has_broken_off_stays_broken() {
    let site =
        Site::new(|_| vec![Act::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok".to_vec()), Act::Close]);
    let mut body = site.ask(&way()).unwrap().into_body();
    let mut whole = Vec::new();
    assert!(body.read_to_end(&mut whole).is_err() && whole == b"ok");
    assert!(body.read(&mut [0; 8]).is_err());
}

#[test]
fn a_piece_is_there_as_soon_as_it_has_come() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        "HTTP/1.1 200 OK\r\n\r\nok",
    ] {
        let site = Site::new(|_| vec![Act::Say(answer.as_bytes().to_vec()), Act::Wait]);
        let mut room = [0; 100];
        let count = site.ask(&way()).unwrap().into_body().read(&mut room).unwrap();
        assert_eq!(&room[..count], b"ok", "{answer}");
    }
}

#[test]
fn what_only_says_that_an_answer_will_come_is_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    assert_eq!(read(&format!("{interim}{OK}")).as_deref(), Ok("ok"));
    let site = Site::saying("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nx");
    assert_eq!(site.ask(&way()).unwrap().status(), StatusCode::SWITCHING_PROTOCOLS);
}

#[test]
fn the_heads_of_an_answer_are_so_long_at_most() {
    let line = "x: y\r\n";
    let fill = |length: usize| {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: ";
        format!("{start}{}\r\n\r\nok", "y".repeat(length - start.len() - 4))
    };
    assert_eq!(read(&fill(MAX_HEAD_BYTES)).as_deref(), Ok("ok"));
    let too_long = "response header is too big";
    for answer in [
        fill(MAX_HEAD_BYTES + 1),
        format!("HTTP/1.1 200 OK\r\n{}", line.repeat(MAX_HEAD_BYTES / line.len() + 1)),
        "y".repeat(MAX_HEAD_BYTES + 1),
        // Those that only say that one will come count as well.
        format!("{}{OK}", "HTTP/1.1 102 Processing\r\n\r\n".repeat(MAX_HEAD_BYTES / 27 + 1)),
    ] {
        let error = read(&answer).unwrap_err();
        assert!(error.contains(too_long), "{error}");
    }
}

#[test]
fn an_answer_is_waited_for_as_long_as_was_said() {
    let site = Site::new(|_| vec![Act::Wait]);
    let ask = |way: &Loopback, wait| {
        let begun = Instant::now();
        let answer = way.run(site.address, &site.request(Method::POST), Cargo::Whole(b"{}"), wait);
        assert!(begun.elapsed() < DEADLINE);
        answer.err().unwrap().to_string()
    };
    let (short, long) = (Duration::from_millis(30), Duration::from_secs(60));
    assert_eq!(ask(&Loopback::new(short), Wait::Call), "timeout: receive response");
    assert_eq!(ask(&Loopback::new(short), Wait::Whole(long)), "timeout: receive response");
    assert_eq!(ask(&Loopback::new(long), Wait::Whole(short)), "timeout: global");
}

#[test]
fn a_body_is_waited_for_as_long_as_everything_may_take() {
    let site = Site::new(|_| vec![Act::Say(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Act::Wait]);
    let wait = Wait::Whole(Duration::from_millis(50));
    let answer = way().run(site.address, &site.request(Method::GET), Cargo::Nothing, wait).unwrap();
    let error = answer.into_body().read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.to_string(), "timeout: global");
}

fn chunked(body: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut rest, mut out) = (body, Vec::new());
    for size in sizes.iter().cycle() {
        let (chunk, left) = rest.split_at((*size).min(rest.len()));
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
        if chunk.is_empty() {
            return out;
        }
        rest = left;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the pieces in which an answer comes and is read, it is the same, and the next one follows.
    #[test]
    fn an_answer_is_the_same_however_it_is_cut(
        body in proptest::collection::vec(any::<u8>(), 0..12_000),
        sizes in proptest::collection::vec(1_usize..9_000, 1..5),
        cuts in proptest::collection::vec(1_usize..5_000, 1..8),
        room in 1_usize..6_000,
        is_chunked: bool,
    ) {
        let answer = match is_chunked {
            true => [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), chunked(&body, &sizes)],
            false => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                [head.into_bytes(), body.clone()]
            }
        };
        let (mut rest, mut pieces) = (&answer.concat()[..], Vec::new());
        for cut in cuts.iter().cycle() {
            let (piece, left) = rest.split_at((*cut).min(rest.len()));
            pieces.push(Act::Say(piece.to_vec()));
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        let site = Site::new(move |_| pieces.clone());
        let way = way();
        for _ in 0..2 {
            let (mut read, mut room) = (Vec::new(), vec![0; room]);
            let mut answer = site.ask(&way).unwrap().into_body();
            loop {
                match answer.read(&mut room).unwrap() {
                    0 => break,
                    count => read.extend_from_slice(&room[..count]),
                }
            }
            prop_assert!(read == body);
        }
        prop_assert_eq!(site.connections(), 1);
    }
}
