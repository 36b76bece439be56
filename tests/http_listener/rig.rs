//! The harness: a server with a tiny handler, and a client that reads byte by byte if it must.

use crossbeam_channel::{Receiver, Sender, unbounded};
use http::Response as Builder;
use mcp_proxy::http::websocket::{self, Speaker};
use mcp_proxy::http::{Exchange, Handler, Payload, Response, Scheme, Server};
use mcp_proxy::limits::Limits;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A request that waits in its handler until it is released.
pub(crate) struct Held(pub(crate) Sender<()>);

/// A tiny handler: each path shows one behaviour.
struct Tiny {
    held: Sender<Held>,
    chunks: Mutex<Option<Receiver<Vec<u8>>>>,
}

impl Handler for Tiny {
    fn handle(&self, mut exchange: Exchange<'_>) -> Response {
        match exchange.request.uri().path() {
            "/echo" => match exchange.body.read_all(1024 * 1024) {
                Ok(bytes) => Response::new(Payload::Bytes(bytes)),
                Err(error) => error.into_response(),
            },
            "/door" => Response::new(Payload::Bytes(exchange.door.as_bytes().to_vec())),
            "/panic" => panic!("on purpose"),
            "/hold" => {
                let (release, released) = unbounded();
                self.held.send(Held(release)).unwrap();
                let _ = released.recv_timeout(LONG);
                Response::new(Payload::Bytes(b"held".to_vec()))
            }
            "/gone" => {
                wait_until("the client is gone", || exchange.client.is_gone());
                self.held.send(Held(unbounded().0)).unwrap();
                Response::new(Payload::Empty)
            }
            "/stream" => self.stream(None),
            "/sized" => self.stream(Some("6")),
            "/stubborn" => Response::new(Payload::stream(|out| {
                let _ = out.write_chunk(&[&vec![b'x'; 32 * 1024 * 1024]]);
                Ok(())
            })),
            "/socket" => upgraded(&exchange, |mut speaker| {
                while speaker.listen(None, Instant::now() + LONG)? {}
                Ok(())
            }),
            "/chatty" => upgraded(&exchange, |mut speaker| {
                while speaker.listen(None, Instant::now())? {
                    speaker.say("x".repeat(1024 * 1024))?;
                }
                Ok(())
            }),
            "/broken" => Response::new(Payload::stream(|_| panic!("on purpose"))),
            path => Response::new(Payload::Bytes(path.as_bytes().to_vec())),
        }
    }
}

/// How often the clients of WebSockets are pinged here.
pub(crate) const PING: Duration = Duration::from_millis(200);

fn upgraded(
    exchange: &Exchange<'_>,
    talk: impl FnOnce(Speaker<'_>) -> std::io::Result<()> + Send + 'static,
) -> Response {
    match websocket::accept(&exchange.request) {
        Ok(accepted) => accepted.answer(move |connection| talk(Speaker::new(connection, PING))),
        Err(refusal) => *refusal,
    }
}

impl Tiny {
    /// Forwards what the test sends, until it hangs up.
    fn stream(&self, length: Option<&str>) -> Response {
        let chunks = self.chunks.lock().unwrap().take().unwrap();
        let body = Payload::stream(move |out| {
            chunks.iter().try_for_each(|chunk| out.write_chunk(&[&chunk[..1], &chunk[1..]]))
        });
        let builder =
            length.into_iter().fold(Builder::builder(), |b, length| b.header("content-length", length));
        builder.body(body).unwrap()
    }
}

/// A server that listens, and the test's side of its handler.
pub(crate) struct Rig {
    pub(crate) server: Arc<Server>,
    pub(crate) addr: SocketAddr,
    pub(crate) held: Receiver<Held>,
    pub(crate) chunks: Sender<Vec<u8>>,
}

/// Starts a server with changed limits.
pub(crate) fn rig(change: impl FnOnce(&mut Limits)) -> Rig {
    let mut limits = Limits::default();
    change(&mut limits);
    let ((held, holds), (chunks, queue)) = (unbounded(), unbounded());
    let server = Server::start(&limits, Arc::new(Tiny { held, chunks: Mutex::new(Some(queue)) })).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    server.listen(listener, "main", Scheme::Http).unwrap();
    Rig { server: Arc::new(server), addr, held: holds, chunks }
}

impl Rig {
    pub(crate) fn open(&self) -> Talk {
        Talk::to(self.addr)
    }

    /// Sends bytes on a connection of their own and reads all answers to its end.
    pub(crate) fn all(&self, bytes: &[u8]) -> String {
        let mut talk = self.open();
        let _ = talk.stream.write_all(bytes); // it may be turned away before it was heard
        talk.until_closed()
    }

    /// A WebSocket, with bytes that follow its handshake at once.
    pub(crate) fn websocket(&self, path: &str, ahead: &[u8]) -> WebSocket<TcpStream> {
        let mut talk = self.open();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        talk.stream.write_all(&[head.as_bytes(), ahead].concat()).unwrap();
        assert!(talk.head().starts_with("HTTP/1.1 101 "));
        WebSocket::from_partially_read(talk.stream, talk.rest, Role::Client, None)
    }

    /// A request that is at work until it is released.
    pub(crate) fn hold(&self) -> (Talk, Held) {
        let mut talk = self.open();
        talk.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        (talk, self.held.recv_timeout(LONG).unwrap())
    }
}

/// One client connection.
pub(crate) struct Talk {
    pub(crate) stream: TcpStream,
    rest: Vec<u8>,
}

impl Talk {
    pub(crate) fn to(addr: SocketAddr) -> Talk {
        Talk::on(TcpStream::connect(addr).unwrap())
    }

    pub(crate) fn on(stream: TcpStream) -> Talk {
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Talk { stream, rest: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        self.answer()
    }

    /// Reads on until the bytes that came satisfy `enough`.
    fn until(&mut self, enough: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let mut piece = [0; 4096];
        loop {
            if let Some(end) = enough(&self.rest) {
                return self.rest.drain(..end).collect();
            }
            let count = self.stream.read(&mut piece).expect("bytes before the deadline");
            assert!(count > 0, "closed too early after {:?}", String::from_utf8_lossy(&self.rest));
            self.rest.extend_from_slice(&piece[..count]);
        }
    }

    /// Waits for exactly this text.
    pub(crate) fn text(&mut self, expected: &str) {
        let came = self.until(|bytes| (bytes.len() >= expected.len()).then_some(expected.len()));
        assert_eq!(String::from_utf8_lossy(&came), expected);
    }

    pub(crate) fn head(&mut self) -> String {
        let end = |bytes: &[u8]| bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        String::from_utf8(self.until(end)).unwrap()
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let length = header(&head, "content-length").unwrap().parse().unwrap();
        let body = self.until(|bytes| (bytes.len() >= length).then_some(length));
        Answer { status: head[9..12].parse().unwrap(), head, body: String::from_utf8(body).unwrap() }
    }

    /// Reads until the server closes the connection.
    pub(crate) fn until_closed(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.rest);
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("not closed: {error}"),
            _ => String::from_utf8(bytes).unwrap(),
        }
    }

    /// Asks for something and says whether an answer came, or else the end.
    pub(crate) fn is_served(&mut self) -> bool {
        let sent = self.stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        sent.is_ok() && !self.until_closed().is_empty()
    }
}

/// An answer with a length.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A field of a head.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Waits for a condition that nothing else can wait for.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs one test in a process of its own, where it is alone with limits and threads: true there,
/// false in the parent once it passed.
pub(crate) fn alone(test: &str) -> bool {
    if std::env::var_os("HTTP_LISTENER_ALONE").is_some() {
        return true;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output =
        command.args(["--exact", test, "--nocapture"]).env("HTTP_LISTENER_ALONE", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "the test was not found: {said}");
    false
}
