use crate::http::door::Door;
use crate::http::link::{Link, Times};
use crate::http::roster::{Place, RESERVE, Roster};
use crate::http::scheme::Scheme;
use crate::http::socket::prepare_listener;
use crate::http::turn::Turn;
use crate::limits::Limits;
use rustix::net::sockopt;
use std::io::{ErrorKind, IoSlice, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn link(id: u64, stream: TcpStream, since: u64) -> Arc<Link> {
    let peer = stream.peer_addr().unwrap();
    let (turn, door) = (Turn::waiting_since(since), Arc::new(Door::new("test")));
    let (stream, backlog) = (Arc::new(stream), super::super::backlog::Backlog::new(usize::MAX));
    let times = Times { idle: Duration::from_secs(5), write: Duration::from_millis(50) };
    let (scheme, traffic, session) = (Scheme::Http, Arc::default(), OnceLock::new());
    let (sent, field) = (AtomicU64::new(0), OnceLock::new());
    Arc::new(Link { id, turn, door, scheme, peer, times, stream, backlog, traffic, session, sent, field })
}

#[test]
#[cfg(target_os = "linux")]
fn accepted_sockets_inherit_their_options() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    prepare_listener(&listener, &Limits::default()).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut ready = [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut ready, None).unwrap();
    let (stream, _) = listener.accept().unwrap();
    assert!(stream.nodelay().unwrap());
    assert_eq!(stream.read_timeout().unwrap(), Some(Duration::from_secs(75)));
    assert!(sockopt::socket_keepalive(&stream).unwrap());
    assert!(!rustix::fs::fcntl_getfl(&stream).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let (client, stream) = pair();
    let big = vec![0; 32 * 1024 * 1024];
    let error = link(1, stream, 0).send(&mut [IoSlice::new(&big)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(client);
}

#[test]
fn a_read_ends_at_its_deadline() {
    let (mut client, stream) = pair();
    let link = link(1, stream, 0);
    let deadline = Some(Instant::now() + Duration::from_millis(30));
    assert_eq!(link.receive(&mut [0; 9], deadline).unwrap_err().kind(), ErrorKind::TimedOut);
    client.write_all(b"late").unwrap();
    let deadline = Some(Instant::now() + Duration::from_secs(5));
    assert_eq!(link.receive(&mut [0; 9], deadline).unwrap(), 4);
}

#[test]
#[cfg(target_os = "linux")]
fn a_closed_and_a_half_closed_client_is_gone() {
    for how in [std::net::Shutdown::Both, std::net::Shutdown::Write] {
        let (mut client, stream) = pair();
        let link = link(1, stream, 0);
        assert!(!link.is_gone());
        client.write_all(b"unread").unwrap();
        assert!(!link.is_gone());
        client.shutdown(how).unwrap();
        assert!(
            link.ready(rustix::event::PollFlags::RDHUP, Instant::now() + Duration::from_secs(5)).unwrap()
        );
        assert!(link.is_gone());
    }
}

#[test]
fn a_turn_goes_to_one_side_only() {
    let turn = Turn::waiting_since(5);
    assert!(turn.work() && !turn.dismiss(5) && turn.waits_since().is_none());
    assert!(turn.wait(7) && !turn.dismiss(5) && turn.dismiss(7));
    assert!(!turn.work() && !turn.wait(9) && turn.waits_since().is_none());
}

#[test]
fn the_longest_waiting_makes_room_then_the_reserve_then_nothing() {
    let roster = Roster::new(2);
    let (_client, stream) = pair();
    let make = |id, since| link(id, stream.try_clone().unwrap(), since);
    let (young, old) = (make(1, 10), make(2, 5));
    assert_eq!(roster.admit(&young, 10).0, Place::Regular);
    assert_eq!(roster.admit(&old, 10).0, Place::Regular);
    let busy = make(3, 20);
    let (place, gone) = roster.admit(&busy, 20);
    assert_eq!((place, gone.map(|link| link.id)), (Place::Regular, Some(2)));
    assert!(young.turn.work() && busy.turn.work());
    for id in 0..RESERVE as u64 {
        assert_eq!(roster.admit(&make(100 + id, 1000), 1000).0, Place::Reserve);
    }
    let (place, gone) = roster.admit(&make(200, 1001), 1001);
    assert!(place == Place::Full && gone.is_none(), "a reserve connection gets a moment to speak");
    let (place, gone) = roster.admit(&make(201, 2000), 2000);
    assert!(place == Place::Reserve && gone.is_some());
    assert_eq!(roster.count(), 2 + RESERVE);
}
