//! A server that answers with the bytes that a test says, and what a test asks of it.

use crate::forward::courier::{Cargo, Wait};
use crate::forward::loopback::{Body, Loopback};
use ::http::{Method, Request, Response};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use ureq::Error;

/// For what must happen.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What a connection does next.
#[derive(Clone, Debug)]
pub enum Act {
    /// Write this, in one piece.
    Say(Vec<u8>),
    /// Close the connection.
    Close,
    /// Wait until it is closed at the other end.
    Wait,
}

/// The answers to the first, second, … request.
type Script = dyn Fn(usize) -> Vec<Act> + Send + Sync;

/// The server.
pub struct Site {
    pub address: SocketAddr,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Site {
    pub fn new(script: impl Fn(usize) -> Vec<Act> + Send + Sync + 'static) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let script: Arc<Script> = Arc::new(script);
        let (asked, opened) = (Arc::clone(&requests), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                opened.fetch_add(1, Ordering::SeqCst);
                let (script, asked) = (Arc::clone(&script), Arc::clone(&asked));
                std::thread::spawn(move || serve(stream, &*script, &asked));
            }
        });
        Site { address, requests, connections }
    }

    /// One that answers each request so.
    pub fn saying(answer: &str) -> Site {
        let answer = answer.as_bytes().to_vec();
        Site::new(move |_| vec![Act::Say(answer.clone())])
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn request(&self, method: Method) -> Request<()> {
        let url = format!("http://{}/mcp?a=1", self.address);
        Request::builder().method(method).uri(url).body(()).unwrap()
    }

    /// Sends a request by POST.
    pub fn ask(&self, way: &Loopback) -> Result<Response<Body>, Error> {
        way.run(self.address, &self.request(Method::POST), Cargo::Whole(b"{}"), Wait::Call)
    }

    /// Sends one and reads the answer to its end.
    pub fn read(&self, way: &Loopback) -> Result<Vec<u8>, String> {
        let mut whole = Vec::new();
        let mut answer = self.ask(way).map_err(|error| error.to_string())?.into_body();
        answer.read_to_end(&mut whole).map_err(|error| error.to_string())?;
        Ok(whole)
    }
}

pub fn way() -> Loopback {
    Loopback::new(DEADLINE)
}

fn serve(mut stream: TcpStream, script: &Script, asked: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    stream.set_nodelay(true).unwrap();
    while read_request(&mut reader).is_some() {
        for act in script(asked.fetch_add(1, Ordering::SeqCst)) {
            match act {
                Act::Say(bytes) => drop(stream.write_all(&bytes)),
                Act::Close => return,
                Act::Wait => drop(stream.read(&mut [0])),
            }
        }
    }
}

/// Reads a request; its head and body.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).ok().filter(|count| *count > 0)?;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
