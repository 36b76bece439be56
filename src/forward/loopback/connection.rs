//! One exchange after the other on one connection.

use super::head::{self, Head, MAX_HEAD_BYTES, Malformed};
use super::request::write_head;
use crate::forward::courier::Cargo;
use crate::forward::errand::Deadline;
use crate::forward::socket::Socket;
use crate::http::Buffer;
use crate::http::framing::Framing;
use ::http::{Method, Request, StatusCode};
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::SocketAddr;
use std::time::Duration;
use ureq::Error;

/// What is sent at once of a body that is not there yet.
const CHUNK_BYTES: usize = 16 * 1024;
/// From this many bytes on, a body is read past the buffer.
pub(super) const DIRECT_BYTES: usize = 4 * 1024;
/// Bytes of a request's head that an idle connection keeps memory for.
const USUAL_BYTES: usize = 2 * 1024;

/// A connection to a server, and what came on it and is not used yet.
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    pub(super) buffer: Buffer,
    socket: Socket,
    /// Memory for the head of a request.
    head: Vec<u8>,
}

impl Connection {
    /// # Errors
    /// What the system says.
    pub(super) fn open(address: SocketAddr, patience: Duration) -> Result<Connection, Error> {
        let socket = Socket::open(&address, patience).map_err(Error::Io)?;
        Ok(Connection { address, buffer: Buffer::default(), socket, head: Vec::new() })
    }

    /// See [`Socket::is_quiet`].
    pub(super) fn is_quiet(&self) -> bool {
        self.socket.is_quiet()
    }

    /// Sends a request, with its body in the same piece if that is there.
    ///
    /// # Errors
    /// It was not sent whole, or its body could not be read.
    pub(super) fn ask(
        &mut self,
        request: &Request<()>,
        cargo: Cargo<'_>,
        deadline: Deadline,
    ) -> Result<(), Error> {
        self.head.clear();
        self.head.shrink_to(USUAL_BYTES);
        match cargo {
            Cargo::Nothing => {
                write_head(&mut self.head, request, Framing::None);
                self.socket.send(&mut [IoSlice::new(&self.head)], deadline)
            }
            Cargo::Whole(body) => {
                write_head(&mut self.head, request, Framing::Length(body.len() as u64));
                self.socket.send(&mut [IoSlice::new(&self.head), IoSlice::new(body)], deadline)
            }
            Cargo::Stream { body, length } => {
                write_head(&mut self.head, request, length.map_or(Framing::Chunked, Framing::Length));
                self.send_on(body, length, deadline)
            }
        }
    }

    /// Sends the head and then a body as it comes, in chunks if its length is not known.
    fn send_on(&self, body: &mut dyn Read, length: Option<u64>, deadline: Deadline) -> Result<(), Error> {
        let (mut head, mut left) = (self.head.as_slice(), length);
        let mut piece = vec![0; CHUNK_BYTES];
        loop {
            let most =
                left.and_then(|left| usize::try_from(left).ok()).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let count = body.read(&mut piece[..most]).map_err(Error::Io)?;
            if let Some(late) = deadline.passed() {
                return Err(late);
            }
            // The last chunk is that of length 0.
            let (size, end) = match left {
                Some(_) => (String::new(), ""),
                None => (format!("{count:x}\r\n"), "\r\n"),
            };
            let parts = [head, size.as_bytes(), &piece[..count], end.as_bytes()];
            self.socket.send(&mut parts.map(IoSlice::new), deadline)?;
            match (count, left) {
                (0, None | Some(0)) => return Ok(()),
                (0, Some(_)) => return Err(Error::Io(ErrorKind::UnexpectedEof.into())),
                _ => {}
            }
            left = left.map(|left| left - count as u64);
            head = &[];
        }
    }

    /// Waits for the answer to a request with this method. Those that only say that it will come (RFC 9110, section
    /// 15.2) are passed over, but for one that changes the protocol.
    ///
    /// # Errors
    /// None came, or what came is not HTTP/1.1.
    pub(super) fn hear(&mut self, method: &Method, deadline: Deadline) -> Result<Head, Error> {
        let mut left = MAX_HEAD_BYTES;
        loop {
            let length = self.head_length(left, deadline)?;
            let head = head::parse(&self.buffer.bytes()[..length], method).map_err(malformed)?;
            self.buffer.consume(length);
            left -= length;
            let status = head.response.status();
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(head);
            }
        }
    }

    /// Reads until a whole head is there, of at most `most` bytes.
    fn head_length(&mut self, most: usize, deadline: Deadline) -> Result<usize, Error> {
        let mut seen = 0;
        loop {
            let bytes = self.buffer.bytes();
            let end = head::end(bytes, seen);
            seen = bytes.len();
            match end {
                Some(length) if length <= most => return Ok(length),
                None if seen < most => {}
                _ => return Err(Error::LargeResponseHeader(seen, MAX_HEAD_BYTES)),
            }
            if self.fill(most, deadline)? == 0 {
                return Err(disconnected());
            }
        }
    }

    /// Reads bytes as they are, from the buffer if it has any; 0 is the end.
    ///
    /// # Errors
    /// See [`Socket::receive`].
    pub(super) fn read(&mut self, into: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        if self.buffer.is_empty() {
            if into.len() >= DIRECT_BYTES {
                return self.socket.receive(into, deadline);
            }
            self.fill(0, deadline)?;
        }
        let bytes = self.buffer.bytes();
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.buffer.consume(count);
        Ok(count)
    }

    /// Reads more into the buffer, which grows to `most` bytes; 0 is the end.
    ///
    /// # Errors
    /// See [`Socket::receive`].
    pub(super) fn fill(&mut self, most: usize, deadline: Deadline) -> Result<usize, Error> {
        let count = self.socket.receive(self.buffer.room(most), deadline)?;
        self.buffer.filled(count);
        Ok(count)
    }
}

/// The server has closed the connection in the middle.
pub(super) fn disconnected() -> Error {
    Error::Io(io::Error::new(ErrorKind::UnexpectedEof, "Peer disconnected"))
}

pub(super) fn malformed(what: Malformed) -> Error {
    Error::Io(io::Error::new(ErrorKind::InvalidData, what.0))
}
