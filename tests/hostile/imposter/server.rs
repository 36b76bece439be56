//! On HTTP: MCP at `/mcp`, and at other paths answers that no server may give.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

pub(super) fn run() {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0_u16);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}

fn serve(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            let _ = name;
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = first.split(' ').nth(1)?;
    if path == "/mcp" { mcp(&mut stream, &body) } else { wrong(&mut stream, path) }
}

fn mcp(stream: &mut TcpStream, body: &[u8]) -> Option<()> {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(id) = message.get("id") else {
        return stream
            .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .ok();
    };
    let result = match message["method"].as_str() {
        Some("initialize") => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "imposter", "version": "1"}})
        }
        _ => json!({}),
    };
    let body = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).ok()
}

/// Answers, but for `endless-…`, which go on for as long as anybody reads.
fn wrong(stream: &mut TcpStream, path: &str) -> Option<()> {
    let fixed: &[u8] = match path {
        "/bare-cr" => b"HTTP/1.1 200 OK\r\nX-A: b\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok",
        "/bare-lf" => b"HTTP/1.1 200 OK\r\nX-A: b\nX-Other: 1\r\nContent-Length: 2\r\n\r\nok",
        "/nul" => b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok",
        "/folded" => b"HTTP/1.1 200 OK\r\nX-A: b\r\n X-Evil: 1\r\nContent-Length: 2\r\n\r\nok",
        "/two-lengths" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 60\r\n\r\nokHTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
        "/length-and-chunked" => b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "/shorter" => b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nok",
        "/longer" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
        "/broken-chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
        "/huge-chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffe\r\nok\r\n",
        "/no-status" => b"HTTP/1.1\r\n\r\n",
        "/status-999" => b"HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n",
        "/no-http" => b"SSH-2.0-OpenSSH_9.9\r\n",
        "/switch" => b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "/elsewhere" => b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/secret\r\nContent-Length: 0\r\n\r\n",
        "/cors" => b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nContent-Length: 2\r\n\r\nok",
        "/silent" => b"",
        _ => return endless(stream, path),
    };
    stream.write_all(fixed).ok()
}

fn endless(stream: &mut TcpStream, path: &str) -> Option<()> {
    if path == "/bomb" {
        let bomb = super::bomb(1 << 20);
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
        return stream.write_all(&[head.as_bytes(), &bomb].concat()).ok();
    }
    let (start, piece) = match path {
        "/endless-head" => ("HTTP/1.1 200 OK\r\n", "X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n".repeat(1000)),
        "/endless-field" => ("HTTP/1.1 200 OK\r\nX: ", "y".repeat(65536)),
        "/endless-continue" => ("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)),
        "/endless-event" => {
            ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ", "x".repeat(65536))
        }
        _ => ("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(65536)),
    };
    stream.write_all(start.as_bytes()).ok()?;
    // Enough to be seen in anybody's memory who keeps it.
    (0..3200).try_for_each(|_| stream.write_all(piece.as_bytes())).ok()
}
