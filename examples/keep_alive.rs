//! Opens keep-alive connections together, sends one request on each, and counts those that get no
//! answer within two seconds: against `tiny_http::Server`, and against the listener of this crate.
//! Each line is one try with servers of its own; how many stay unanswered depends on who is faster,
//! the thread that accepts or those it wakes.
//!
//!     cargo run --example keep_alive

use mcp_proxy::http::{Exchange, Handler, Payload, Response, Scheme, Server};
use mcp_proxy::limits::Limits;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

struct Hello;

impl Handler for Hello {
    fn handle(&self, _: Exchange<'_>) -> Response {
        Response::new(Payload::Bytes(b"hello".to_vec()))
    }
}

fn main() -> io::Result<()> {
    println!("connections  opened              unanswered: tiny_http  mcp_proxy::http");
    for count in [8, 64] {
        for (how, open) in [("one after another", one_by_one as Open), ("at once", at_once as Open)] {
            for _ in 0..TRIES {
                let (tiny, ours) = (unanswered(tiny()?, count, open)?, unanswered(ours()?, count, open)?);
                println!("{count:>11}  {how:<18}  {tiny:>21}  {ours:>15}");
            }
        }
    }
    Ok(())
}

/// A tiny_http server with a thread that answers whatever comes, as its documentation shows it.
fn tiny() -> io::Result<SocketAddr> {
    let server = tiny_http::Server::http("127.0.0.1:0").map_err(io::Error::other)?;
    let addr = server.server_addr().to_ip().ok_or(io::ErrorKind::AddrNotAvailable)?;
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let _ = request.respond(tiny_http::Response::from_string("hello"));
        }
    });
    settle(addr)
}

/// Our server; left running until the program ends.
fn ours() -> io::Result<SocketAddr> {
    let server = Server::start(&Limits::default(), Arc::new(Hello))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    server.listen(listener, "main", Scheme::Http)?;
    std::mem::forget(server);
    settle(addr)
}

/// One request on a connection that closes: the server is up, its first threads are idle.
fn settle(addr: SocketAddr) -> io::Result<SocketAddr> {
    let mut client = TcpStream::connect(addr)?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    client.read_to_end(&mut Vec::new()).map(|_| addr)
}

type Open = fn(SocketAddr, usize) -> io::Result<Vec<TcpStream>>;

fn one_by_one(addr: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    (0..count).map(|_| TcpStream::connect(addr)).collect()
}

/// From as many threads, which start together.
fn at_once(addr: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let barrier = Arc::new(Barrier::new(count));
    let connect = |barrier: Arc<Barrier>| {
        thread::spawn(move || {
            barrier.wait();
            TcpStream::connect(addr)
        })
    };
    let threads: Vec<_> = (0..count).map(|_| connect(barrier.clone())).collect();
    threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("panicked"))?).collect()
}

/// Opens all connections, then sends all requests, then counts who gets no answer in time.
fn unanswered(addr: SocketAddr, count: usize, open: Open) -> io::Result<usize> {
    let clients = open(addr, count)?;
    for mut client in &clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    }
    let deadline = Instant::now() + PATIENCE;
    Ok(clients.iter().filter(|client| !answers(client, deadline)).count())
}

fn answers(mut client: &TcpStream, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    client.set_read_timeout(Some(left)).is_ok() && client.read(&mut [0; 12]).is_ok_and(|count| count > 0)
}
