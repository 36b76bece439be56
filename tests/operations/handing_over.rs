//! A listening socket that others hold: one proxy after the other serves it, and no client is turned away.

use super::*;
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn socket() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn on(socket: &TcpListener) -> Proxy {
    Site::new().fake("a", Fake::stdio()).start_on(socket)
}

/// A new connection and a call by it; what is not answered as it should be panics.
#[track_caller]
fn call(url: &str) {
    let client = Modern::new(url);
    let answer = client.post(&client.call_message("echo", json!({"text": "hi"})));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.messages().pop().unwrap()["result"]["content"][0]["text"], "hi", "{answer:?}");
}

#[test]
fn the_next_proxy_takes_over_and_nobody_is_refused() {
    let socket = socket();
    let mut first = on(&socket);
    assert_eq!(first.address(), socket.local_addr().unwrap());
    let url = first.url("a");
    call(&url);
    let (calls, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let clients = [(); 4].map(|()| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    call(&url);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let go_on = |more: usize| {
            let before = calls.load(Ordering::Relaxed);
            let failed = || clients.iter().any(|client| client.is_finished());
            eventually(DEADLINE, || failed() || calls.load(Ordering::Relaxed) >= before + more);
        };
        go_on(50);
        // One after the other, then both at once: newcomers wait in between, or are taken by either.
        let status = first.stop();
        let mut second = on(&socket);
        go_on(50);
        let third = on(&socket);
        second.signal(rustix::process::Signal::TERM);
        go_on(50);
        over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!((status.code(), second.wait_exit().code()), (Some(0), Some(0)));
        drop(third);
    });
}

#[test]
fn a_killed_proxy_turns_nobody_away_either() {
    let socket = socket();
    let mut first = on(&socket);
    call(&first.url("a"));
    first.kill();
    let waiting = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let second = on(&socket);
    call(&second.url("a"));
    drop(waiting);
}

#[test]
fn a_call_in_flight_is_answered_by_who_began_it() {
    let socket = socket();
    let mut first = on(&socket);
    let client = first.client("a");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.try_call("sleep", json!({"ms": 1500})));
        first.wait_server("a", |entry| entry["in_flight"] == 1);
        first.signal(rustix::process::Signal::TERM);
        first.wait_log(|line| line.contains("proxy: stopping"));
        let second = on(&socket);
        self::call(&second.url("a"));
        assert_eq!(call.join().unwrap().unwrap()["content"][0]["text"], "slept");
        assert_eq!(first.wait_exit().code(), Some(0));
    });
}

#[test]
fn a_socket_that_was_handed_over_is_nobody_else_s_afterwards() {
    for end in [Proxy::kill, |proxy: &mut Proxy| assert!(proxy.stop().success())] {
        let socket = socket();
        let address = socket.local_addr().unwrap();
        let mut proxy = on(&socket);
        let environ = std::fs::read(format!("/proc/{}/environ", proxy.wait_child("a"))).unwrap();
        assert!(!String::from_utf8_lossy(&environ).contains("LISTEN_"));
        drop(socket);
        end(&mut proxy);
        let refused = TcpStream::connect(address).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(std::io::ErrorKind::ConnectionRefused));
    }
}

#[test]
fn which_address_is_served_is_said() {
    let socket = socket();
    let proxy = on(&socket);
    proxy.wait_log(|line| line.contains("was handed over") && line.contains("listen = 127.0.0.1:0 is not"));
}

#[test]
fn what_is_no_listening_tcp_socket_is_refused() {
    let site = Site::new();
    let run = |prepare: &str| {
        let mut command = std::process::Command::new("sh");
        let script = format!("{prepare}; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"");
        command.args(["-c", &script, "sh"]);
        let inner = site.command();
        command.arg(inner.get_program()).args(inner.get_args()).args(["--listen", "127.0.0.1:0"]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for prepare in ["exec 3</dev/null", "exec 3<&-"] {
        let (code, text) = run(prepare);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("descriptor 3 is not a TCP socket that listens"), "{text}");
        assert!(text.contains("ListenStream="), "{text}");
    }
}
