//! Answers written by hand, byte by byte when we say so.

use crate::variable;
use std::io::{self, Write};

pub(crate) struct Out {
    writer: Box<dyn Write + Send>,
    headers: String,
}

impl Out {
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> Out {
        let close = if variable("FAKE_KEEP_ALIVE").is_empty() { "Connection: close\r\n" } else { "" };
        Out { writer, headers: close.to_string() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Out {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
        let headers = &self.headers;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\n{headers}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.writer.write_all(&[head.as_bytes(), body].concat())?;
        self.writer.flush()
    }

    pub(crate) fn json(self, status: u16, body: &str) -> io::Result<()> {
        self.body(status, "application/json", body.as_bytes())
    }

    pub(crate) fn empty(mut self, status: u16) -> io::Result<()> {
        let head = format!("HTTP/1.1 {status} X\r\n{}Content-Length: 0\r\n\r\n", self.headers);
        self.writer.write_all(head.as_bytes())?;
        self.writer.flush()
    }

    /// Opens an event stream, in chunks.
    pub(crate) fn events(mut self) -> io::Result<Events> {
        let kind = "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
        self.writer.write_all(format!("HTTP/1.1 200 OK\r\n{}{kind}", self.headers).as_bytes())?;
        self.writer.flush()?;
        Ok(Events { writer: self.writer, next_id: 1 })
    }
}

pub(crate) struct Events {
    writer: Box<dyn Write + Send>,
    next_id: u64,
}

impl Events {
    /// One event in one chunk, sent now.
    pub(crate) fn send(&mut self, data: &str) -> io::Result<()> {
        let id = self.next_id;
        self.next_id += 1;
        self.chunk(&format!("event: message\nid: {id}\ndata: {data}\n\n"))
    }

    /// An event of this name.
    pub(crate) fn named(&mut self, name: &str, data: &str) -> io::Result<()> {
        self.chunk(&format!("event: {name}\ndata: {data}\n\n"))
    }

    /// A comment: fails, sooner or later, if the client has gone.
    pub(crate) fn keep_alive(&mut self) -> io::Result<()> {
        self.chunk(": still here\n\n")
    }

    pub(crate) fn end(mut self) -> io::Result<()> {
        self.writer.write_all(b"0\r\n\r\n")?;
        self.writer.flush()
    }

    fn chunk(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())?;
        self.writer.flush()
    }
}
