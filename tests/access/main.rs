//! Who may enter: the whole table of routes, methods and credentials, and the ways that must not lead round it.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod closed;
mod guesses;
mod no_way_round;
mod others;
mod paths;
mod table;
mod tokens;

use harness::*;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

const MCP: [(&str, &str); 2] =
    [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The status of a request with this credential; empty for none.
#[track_caller]
fn status(url: &str, credential: &str) -> u16 {
    let headers: Vec<_> = [("Authorization", credential)].into_iter().filter(|it| !it.1.is_empty()).collect();
    request("GET", url, &headers, b"").status
}

/// A connection from this address of the machine's own network.
fn from(address: Ipv4Addr, to: SocketAddr) -> Connection {
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&stream, &SocketAddr::from((address, 0))).unwrap();
    connect(&stream, &to).unwrap();
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    Connection { reader: BufReader::new(stream) }
}
