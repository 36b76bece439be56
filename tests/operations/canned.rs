//! An HTTP server that says one thing, whatever it is asked.

use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub(crate) struct Canned {
    port: u16,
    requests: Receiver<()>,
    closed: Receiver<()>,
}

impl Canned {
    pub(crate) fn answer(text: &'static str) -> Canned {
        Canned::answer_on(0, text)
    }

    pub(crate) fn answer_on(port: u16, text: &'static str) -> Canned {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ((asked, requests), (done, closed)) = (channel(), channel());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                read_head(&mut stream);
                let _ = asked.send(());
                let _ = stream.write_all(text.as_bytes());
                if text.is_empty() {
                    let _ = std::io::copy(&mut stream, &mut std::io::sink()); // until the other side has had enough
                    let _ = done.send(());
                }
            }
        });
        Canned { port, requests, closed }
    }

    /// Takes requests' heads, reads nothing more and never answers, until it is dropped.
    pub(crate) fn deaf() -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Accepted sockets inherit it: what is not read soon fills up.
        rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 4096).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ((asked, requests), (_, closed)) = (channel(), channel());
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for mut stream in listener.incoming().map_while(Result::ok) {
                read_head(&mut stream);
                held.push(stream);
                if asked.send(()).is_err() {
                    return;
                }
            }
        });
        Canned { port, requests, closed }
    }

    /// Takes requests and never answers.
    pub(crate) fn silent() -> Canned {
        Canned::answer("")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    #[track_caller]
    pub(crate) fn wait_request(&self) {
        self.requests.recv_timeout(DEADLINE).expect("a request");
    }

    /// Waits until a connection was closed from the other side.
    #[track_caller]
    pub(crate) fn wait_closed(&self, deadline: Duration) {
        self.closed.recv_timeout(deadline).expect("the connection's end");
    }
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        head.extend(byte);
    }
}
