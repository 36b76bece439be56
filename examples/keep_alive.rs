//! Opens keep-alive connections together, sends one request on each, and counts those that get no
//! answer within two seconds: against `tiny_http::Server`, and against the listener of this crate.
//!
//!     cargo run --example keep_alive

use mcp_proxy::http::{Exchange, Handler, Payload, Response, Server};
use mcp_proxy::limits::Limits;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(2);

struct Hello;

impl Handler for Hello {
    fn handle(&self, _: Exchange<'_>) -> Response {
        Response::new(Payload::Bytes(b"hello".to_vec()))
    }
}

fn main() -> io::Result<()> {
    println!("connections  tiny_http unanswered  mcp_proxy::http unanswered");
    for count in [8, 64] {
        println!("{count:>11}  {:>20}  {:>26}", unanswered(tiny()?, count)?, unanswered(ours()?, count)?);
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
    Ok(addr)
}

/// Our server; left running until the program ends.
fn ours() -> io::Result<SocketAddr> {
    let server = Server::start(&Limits::default(), Arc::new(Hello))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    server.listen(listener, "main")?;
    std::mem::forget(server);
    Ok(addr)
}

/// Opens all connections, then sends all requests, then looks who gets an answer in time.
fn unanswered(addr: SocketAddr, count: usize) -> io::Result<usize> {
    let mut clients = (0..count).map(|_| TcpStream::connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    }
    let deadline = Instant::now() + PATIENCE;
    Ok(clients.iter().filter(|client| !answers(client, deadline)).count())
}

fn answers(mut client: &TcpStream, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    client.set_read_timeout(Some(left)).is_ok() && client.read(&mut [0; 12]).is_ok_and(|count| count > 0)
}
