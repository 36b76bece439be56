//! Raw HTTP: bytes that no client library would send, and answers read without trust.

use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longer than the proxy takes for anything that is not one of its own deadlines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) struct Wire {
    reader: BufReader<TcpStream>,
}

/// Why there is no answer.
#[derive(Debug)]
#[allow(dead_code)] // shown where a case fails
pub(crate) enum Broken {
    /// The connection was closed before the first byte of it.
    BeforeAnswer(io::Error),
    Within(io::Error),
}

/// An answer with a length or in chunks.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) keeps_alive: bool,
}

impl Wire {
    pub(crate) fn open(url: &str) -> io::Result<Wire> {
        let host = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Wire { reader: BufReader::new(stream) })
    }

    /// One whose own side takes next to nothing: what is sent to it stays with the sender.
    pub(crate) fn narrow(url: &str) -> io::Result<Wire> {
        let wire = Wire::open(url)?;
        set_socket_recv_buffer_size(wire.stream(), 4096)?;
        Ok(wire)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub(crate) fn reader(&mut self) -> &mut impl Read {
        &mut self.reader
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Answer, Broken> {
        self.send(request).map_err(Broken::BeforeAnswer)?;
        self.answer()
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Result<Answer, Broken> {
        let mut head = String::new();
        loop {
            let had = head.len();
            match self.reader.read_line(&mut head) {
                Ok(0) if head.is_empty() => {
                    return Err(Broken::BeforeAnswer(ErrorKind::UnexpectedEof.into()));
                }
                Ok(0) => return Err(Broken::Within(ErrorKind::UnexpectedEof.into())),
                Ok(_) if head[had..].trim_end().is_empty() => break,
                Ok(_) => {}
                Err(error) if head.is_empty() && error.kind() != ErrorKind::WouldBlock => {
                    return Err(Broken::BeforeAnswer(error));
                }
                Err(error) => return Err(Broken::Within(error)),
            }
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let keeps_alive = !head.to_ascii_lowercase().contains("connection: close");
        let body = self.body(&head).map_err(Broken::Within)?;
        Ok(Answer { status, head, body, keeps_alive })
    }

    fn body(&mut self, head: &str) -> io::Result<String> {
        let mut body = Vec::new();
        if let Some(length) = field(head, "content-length") {
            body.resize(length.parse().map_err(|_| ErrorKind::InvalidData)?, 0);
            self.reader.read_exact(&mut body)?;
        } else if field(head, "transfer-encoding").is_some() {
            while self.chunk(&mut body)? {}
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn chunk(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
        let had = body.len();
        body.resize(had + size + 2, 0);
        self.reader.read_exact(&mut body[had..])?;
        body.truncate(had + size);
        Ok(size > 0)
    }

    /// Closes with a reset instead of a farewell.
    pub(crate) fn reset(self) {
        let _ = set_socket_linger(self.stream(), Some(Duration::ZERO));
    }

    /// Whether the other side closes in time; what it still says is dropped.
    pub(crate) fn is_closed_within(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut scrap = [0; 65536];
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            let _ = self.stream().set_read_timeout(Some(left));
            match self.reader.read(&mut scrap) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return true,
            }
        }
        false
    }
}

/// The first field of that name.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

/// Request line and fields, without the empty line.
pub(crate) fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}")
}

/// A POST of JSON.
pub(crate) fn post(path: &str, fields: &[(&str, &str)], body: &str) -> String {
    let json = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    format!("{}Content-Length: {}\r\n\r\n{body}", head("POST", path, &[&json, fields].concat()), body.len())
}

/// Sends bytes on a connection of their own; all that comes back until the other side closes, as text.
pub(crate) fn shout(url: &str, bytes: &[u8]) -> String {
    let mut wire = Wire::open(url).expect("a connection");
    let _ = wire.send(bytes); // it may have heard enough
    let mut all = Vec::new();
    let _ = wire.reader.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

/// The statuses of all answers in it.
pub(crate) fn statuses(text: &str) -> Vec<u16> {
    let lines = text.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)?.parse().ok()).collect()
}

/// One answer to these bytes, of this status, and then the connection is closed.
#[track_caller]
pub(crate) fn refused(url: &str, bytes: &[u8], status: u16) {
    let begin = Instant::now();
    let text = shout(url, bytes);
    assert_eq!(statuses(&text), [status], "{text}");
    assert!(begin.elapsed() < PATIENCE, "the connection stays open");
}
