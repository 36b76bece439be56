//! As much HTTP and JSON-RPC as well-behaved clients need, and no more.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// The bytes read from a connection that no request has used yet.
pub(crate) struct Requests {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Requests {
    pub(crate) fn of(stream: TcpStream) -> Requests {
        Requests { stream, read: Vec::with_capacity(16 * 1024) }
    }

    /// The body of the next request; none when the client has closed the connection.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some((start, end)) = body(&self.read) {
                let text = String::from_utf8_lossy(&self.read[start..end]).into_owned();
                self.read.drain(..end);
                return Ok(Some(text));
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer)? {
                0 => return Ok(None),
                bytes => self.read.extend_from_slice(&buffer[..bytes]),
            }
        }
    }

    /// An answer of JSON; an empty one says that a notification was taken.
    pub(crate) fn answer(&mut self, json: &str) -> io::Result<()> {
        let status = if json.is_empty() { "202 Accepted" } else { "200 OK" };
        let length = json.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nMcp-Session-Id: floor\r\n\
             Content-Length: {length}\r\n\r\n{json}"
        );
        self.stream.write_all(head.as_bytes())
    }
}

/// Where the first request's body begins and ends, if all of it is there.
fn body(read: &[u8]) -> Option<(usize, usize)> {
    let start = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&read[..start]);
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    (read.len() >= start + length).then_some((start, start + length))
}

/// A JSON-RPC message with its id cut out: what stands before it, it, what follows. The id is the first there is.
pub(crate) fn cut(message: &str) -> Option<(&str, &str, &str)> {
    let start = message.find(r#""id":"#)? + 5;
    let length = message[start..].find([',', '}'])?;
    Some((&message[..start], &message[start..start + length], &message[start + length..]))
}
