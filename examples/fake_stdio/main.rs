//! A stdio MCP server that does what a test tells it to: answers, waits, floods, lies, hangs, dies.
//!
//! Tests start it behind the proxy, and the load test as the constant child behind every proxy it measures.
//! What it does in a call is in `tools.rs`, what it does before the first call in `settings.rs`.

mod journal;
mod lists;
mod modern;
mod server;
mod settings;
mod tools;
mod wire;

use server::Server;
use std::io::BufRead;
use wire::{Era, Message, Reply};

fn main() {
    if let Some(role) = std::env::args().nth(1) {
        return tools::linger(&role);
    }
    let server = Server::start();
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    while input.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        handle(server, line.trim_end_matches(['\r', '\n']));
        server.journal.keep(std::mem::take(&mut line));
    }
    server.settings.after_eof();
}

fn handle(server: &'static Server, line: &str) {
    if server.settings.never_answer {
        return;
    }
    match serde_json::from_str::<Message>(line) {
        Ok(message) => route(server, &message),
        Err(error) => Reply::to_nobody().error(-32700, &error.to_string()),
    }
}

fn route(server: &'static Server, message: &Message) {
    let Some(method) = message.method.as_deref() else {
        return server.take_answer(message);
    };
    let Some(id) = message.id else {
        return modern::notified(server, method, message);
    };
    match modern::admit(server, method, message) {
        Ok(era) => request(server, method, message, Reply::to(id, era)),
        Err(refusal) => Reply::to(id, Era::Legacy).error_with(refusal.code, refusal.message, &refusal.data),
    }
}

fn request(server: &'static Server, method: &str, message: &Message, reply: Reply) {
    match method {
        "tools/call" => tools::call(server, message, reply),
        "initialize" => server.initialize(message, &reply),
        "ping" if reply.era == wire::Era::Legacy => reply.result("{}"),
        _ => lists::answer(server, method, message, &reply),
    }
}
