//! What comes in on one connection: the read buffer and where the current body stands.

use super::body::BodyError;
use super::buffer::Buffer;
use super::chunked::ChunkDecoder;
use super::framing::Framing;
use super::link::Link;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::time::Instant;

/// From this many bytes on, body bytes are read past the buffer.
const DIRECT_BYTES: usize = 4 * 1024;
/// What is read to be dropped is read in pieces of this size: off the stack, of which a stream's thread would keep them.
pub(super) const SCRAP_BYTES: usize = 4 * 1024;

/// What is left of a body.
#[derive(Debug)]
enum Left {
    Bytes(u64),
    Chunks(ChunkDecoder),
    Broken(BodyError),
}

/// What the end of an exchange finds of a body that nobody read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Read to its end.
    Nothing,
    /// Perhaps little enough to be read and dropped.
    Some,
    /// Too much, broken, or never sent: the connection cannot be used again.
    TooMuch,
}

/// The incoming side of a connection.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) link: Arc<Link>,
    pub(crate) buffer: Buffer,
    left: Left,
    length: Option<u64>,
    continue_due: bool,
    deadline: Instant,
    /// Since when the current request waits for its body, on the server's clock.
    since: u64,
}

impl Input {
    pub(crate) fn new(link: Arc<Link>) -> Input {
        let left = Left::Bytes(0);
        Input {
            link,
            buffer: Buffer::default(),
            left,
            length: None,
            continue_due: false,
            deadline: Instant::now(),
            since: 0,
        }
    }

    /// Reads more into the buffer, which grows to `most` bytes. 0 is the end.
    pub(crate) fn fill(&mut self, most: usize, deadline: Option<Instant>) -> io::Result<usize> {
        let room = self.buffer.room(most);
        let count = self.link.receive(room, deadline)?;
        self.buffer.filled(count);
        Ok(count)
    }

    /// A head was read, at this moment of the server's clock; its body begins.
    pub(crate) fn begin(&mut self, framing: Framing, continue_due: bool, deadline: Instant, now: u64) {
        (self.left, self.length) = match framing {
            Framing::None => (Left::Bytes(0), Some(0)),
            Framing::Length(length) => (Left::Bytes(length), Some(length)),
            Framing::Chunked => (Left::Chunks(ChunkDecoder::default()), None),
        };
        self.continue_due = continue_due;
        self.deadline = deadline;
        self.since = now;
    }

    /// Bytes of the whole body, if they were announced.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether nothing is left to read.
    pub(crate) fn is_at_end(&self) -> bool {
        match &self.left {
            Left::Bytes(left) => *left == 0,
            Left::Chunks(decoder) => decoder.is_done(),
            Left::Broken(_) => false,
        }
    }

    /// Bytes of body that are known to follow and need no more than copying: a hint for buffers.
    pub(crate) fn at_hand(&self) -> usize {
        match &self.left {
            Left::Bytes(left) => usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.bytes().len()),
            _ => 0,
        }
    }

    /// Bytes of body still to come, if that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.left {
            Left::Bytes(left) => Some(*left),
            _ => None,
        }
    }

    pub(crate) fn unread(&self, most: u64) -> Unread {
        match &self.left {
            _ if self.is_at_end() => Unread::Nothing,
            Left::Broken(_) => Unread::TooMuch,
            _ if self.continue_due => Unread::TooMuch,
            Left::Bytes(left) if *left > most => Unread::TooMuch,
            _ => Unread::Some,
        }
    }

    /// Reads decoded body bytes; 0 is the end of the body. Errors stay: each further read gives the same.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, BodyError> {
        self.try_read(into).map_err(|error| self.give_up(error))
    }

    /// The body will not be read to its end, for this reason.
    pub(crate) fn give_up(&mut self, error: BodyError) -> BodyError {
        self.left = Left::Broken(error.clone());
        error
    }

    fn try_read(&mut self, into: &mut [u8]) -> Result<usize, BodyError> {
        while !into.is_empty() && !self.is_at_end() {
            self.ask_for_it()?;
            let count = match &self.left {
                Left::Broken(error) => return Err(error.clone()),
                Left::Bytes(_) => self.read_bytes(into)?,
                Left::Chunks(_) => self.read_chunk(into)?,
            };
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }

    /// Sends `100 Continue` if the client waits for it and has not begun without.
    fn ask_for_it(&mut self) -> Result<(), BodyError> {
        if std::mem::take(&mut self.continue_due) && self.buffer.is_empty() {
            self.link.send(&mut [IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n")])?;
        }
        Ok(())
    }

    fn read_bytes(&mut self, into: &mut [u8]) -> Result<usize, BodyError> {
        let Left::Bytes(left) = self.left else { return Ok(0) };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let count = self.read_raw(&mut into[..most])?;
        self.left = Left::Bytes(left - count as u64);
        Ok(count)
    }

    fn read_chunk(&mut self, into: &mut [u8]) -> Result<usize, BodyError> {
        let Left::Chunks(decoder) = &mut self.left else { return Ok(0) };
        let ahead = usize::try_from(decoder.data_ahead()).unwrap_or(usize::MAX).min(into.len());
        if self.buffer.is_empty() && ahead >= DIRECT_BYTES {
            let count = self.read_raw(&mut into[..ahead])?;
            if let Left::Chunks(decoder) = &mut self.left {
                decoder.skip_data(count as u64);
            }
            return Ok(count);
        }
        let piece =
            decoder.next(self.buffer.bytes(), into.len()).map_err(|error| BodyError::Malformed(error.0))?;
        let (consumed, count) = (piece.consumed, piece.data.len());
        into[..count].copy_from_slice(piece.data);
        self.buffer.consume(consumed);
        if count == 0 && !self.is_at_end() {
            self.refill()?;
        }
        Ok(count)
    }

    /// Reads bytes as they are: from the buffer if it has any, else from the socket.
    fn read_raw(&mut self, into: &mut [u8]) -> Result<usize, BodyError> {
        if self.buffer.is_empty() {
            if into.len() >= DIRECT_BYTES {
                return check_end(self.wait_for_body(|input| input.link.receive(into, Some(input.deadline))));
            }
            self.refill()?;
        }
        let bytes = self.buffer.bytes();
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.buffer.consume(count);
        Ok(count)
    }

    fn refill(&mut self) -> Result<(), BodyError> {
        let deadline = Some(self.deadline);
        check_end(self.wait_for_body(|input| input.fill(0, deadline))).map(|_| ())
    }

    /// Reads from the socket. Whoever has a head and waits for the rest has no more right to its place than who waits
    /// for a head: it may be told to go.
    fn wait_for_body(&mut self, read: impl FnOnce(&mut Input) -> io::Result<usize>) -> io::Result<usize> {
        let told_to_go = || io::Error::from(ErrorKind::ConnectionAborted);
        if !self.link.turn.wait(self.since) {
            return Err(told_to_go());
        }
        let result = read(self);
        if self.link.turn.work() { result } else { Err(told_to_go()) }
    }

    /// Reads and drops what is left of the body, at most `most` bytes before `deadline`; false if
    /// more is left or the body is broken.
    pub(crate) fn drain(&mut self, most: u64, deadline: Instant) -> bool {
        self.deadline = self.deadline.min(deadline);
        let mut scrap = vec![0; SCRAP_BYTES];
        let mut total = 0;
        while total <= most {
            match self.read(&mut scrap) {
                Ok(0) => return true,
                Ok(count) => total += count as u64,
                Err(_) => return false,
            }
        }
        false
    }
}

fn check_end(result: io::Result<usize>) -> Result<usize, BodyError> {
    match result? {
        0 => Err(BodyError::Io(ErrorKind::UnexpectedEof)),
        count => Ok(count),
    }
}
