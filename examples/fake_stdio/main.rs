//! A stdio MCP server that does what a test tells it to, see `examples/fake`.
//!
//! Tests start it behind the proxy, and the load test as the constant child behind every proxy it measures.

#[path = "../fake/mod.rs"]
mod fake;
mod other_port;

use fake::{Out, Outlet, Peer, Server, Settings};
use std::io::{BufRead, Write};
use std::sync::Arc;

fn main() {
    if fake::linger() {
        return;
    }
    other_port::open();
    let server = Server::start(Settings::apply("fake", "2025-11-25", &[]));
    let out: Out = Arc::new(Stdout);
    let peer = Peer::new(server, out.clone());
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    while input.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        peer.take(std::mem::take(&mut line), &out);
    }
    server.settings.after_eof();
}

struct Stdout;

impl Outlet for Stdout {
    /// One write a line. A proxy that went away is no reason to panic: the end of stdin says the same.
    fn send(&self, line: &str) {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let _ = std::io::stdout().lock().write_all(&bytes);
    }
}
