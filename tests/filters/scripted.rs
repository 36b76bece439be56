//! An HTTP MCP server of 2025-11-25 of which a test writes every byte.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What came in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Request line and header fields, in lower case.
    pub head: String,
    pub body: String,
}

/// Answers on a thread of its own until the test ends.
pub struct Scripted {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// `answer` writes the responses to GET and to `tools/list` and `tools/call`, piece by piece.
    pub fn start(answer: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(asked) = read(&stream) else { continue };
                seen.lock().unwrap().push(asked.clone());
                let pieces = greeting(&asked).map_or_else(|| answer(&asked), |answer| vec![answer]);
                for piece in pieces {
                    let _ = (&stream).write_all(&piece).and_then(|()| (&stream).flush());
                }
            }
        });
        Scripted { url, asked }
    }

    /// The requests that have this in their head or body.
    pub fn asked(&self, what: &str) -> Vec<Asked> {
        let all = self.asked.lock().unwrap();
        all.iter().filter(|asked| asked.head.contains(what) || asked.body.contains(what)).cloned().collect()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { head, body: String::from_utf8(body).ok()? })
}

/// What every client asks first.
fn greeting(asked: &Asked) -> Option<Vec<u8>> {
    let message: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    match message["method"].as_str() {
        Some("initialize") => {
            let info = json!({"name": "scripted", "version": "1"});
            let result =
                json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info});
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            Some(response("application/json", "Mcp-Session-Id: s\r\n", answer.to_string().as_bytes()))
        }
        Some("tools/list" | "tools/call") => None,
        None if asked.head.starts_with("get") => None,
        _ => Some(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()),
    }
}

/// A response with its length.
pub fn response(kind: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{fields}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A chunked response, a piece for each chunk.
pub fn chunked(kind: &str, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    let mut pieces = vec![head.into_bytes()];
    for chunk in chunks {
        pieces.push([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    pieces.push(b"0\r\n\r\n".to_vec());
    pieces
}
