//! The body of an answer, read as it comes.

use super::connection::{Connection, DIRECT_BYTES, disconnected, malformed};
use super::head::{End, Malformed};
use super::idle::Idle;
use crate::forward::errand::Deadline;
use crate::http::chunked::ChunkDecoder;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use ureq::Error;

/// A body that is read from a connection, which serves the next request when all of it has been.
pub(in crate::forward) struct Body {
    /// Until the end, or until it breaks off.
    connection: Option<Connection>,
    end: End,
    may_go_on: bool,
    deadline: Deadline,
    idle: Arc<Idle>,
}

impl Body {
    /// What follows on a connection until `end`, and should be there by `deadline`; `may_go_on`: whether an answer may
    /// follow.
    pub(super) fn new(
        connection: Connection,
        end: End,
        may_go_on: bool,
        deadline: Deadline,
        idle: &Arc<Idle>,
    ) -> Body {
        let connection = Some(connection);
        let mut body = Body { connection, end, may_go_on, deadline, idle: Arc::clone(idle) };
        body.settle();
        body
    }

    /// Whether all of it has been read.
    fn is_whole(&self) -> bool {
        match &self.end {
            End::After(left) => *left == 0,
            End::Chunks(decoder) => decoder.is_done(),
            End::Close => false,
        }
    }

    /// Lets go of the connection if nothing of the body is left on it.
    fn settle(&mut self) {
        let connection = if self.is_whole() { self.connection.take() } else { None };
        // What says more than it should is not asked again.
        if let Some(mut connection) = connection.filter(|rest| self.may_go_on && rest.buffer.is_empty()) {
            connection.buffer.release();
            self.idle.put(connection);
        }
    }

    fn read_some(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let connection = self.connection.as_mut().ok_or_else(disconnected)?;
        match &mut self.end {
            End::Close => or_end(connection.read(into, self.deadline)),
            End::Chunks(decoder) => read_chunks(connection, decoder, into, self.deadline),
            End::After(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(into.len());
                let count = or_end(connection.read(&mut into[..most], self.deadline))?;
                *left -= count as u64;
                if count == 0 { Err(disconnected()) } else { Ok(count) }
            }
        }
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.is_whole() {
            return Ok(0);
        }
        match self.read_some(into) {
            Ok(count) => {
                if count == 0 && !self.is_whole() {
                    // Its end was that of the connection.
                    (self.end, self.may_go_on) = (End::After(0), false);
                }
                self.settle();
                Ok(count)
            }
            Err(error) => {
                let error = error.into_io();
                if error.kind() != ErrorKind::WouldBlock {
                    self.connection = None;
                }
                Err(error)
            }
        }
    }
}

/// Reads what is there of the data of chunks, and waits if nothing is. 0 is the end of the body, also that of one that
/// ends with its connection after the last chunk.
fn read_chunks(
    connection: &mut Connection,
    decoder: &mut ChunkDecoder,
    into: &mut [u8],
    deadline: Deadline,
) -> Result<usize, Error> {
    let ahead = usize::try_from(decoder.data_ahead()).unwrap_or(usize::MAX).min(into.len());
    if connection.buffer.is_empty() && ahead >= DIRECT_BYTES {
        let count = or_end(connection.read(&mut into[..ahead], deadline))?;
        decoder.skip_data(count as u64);
        return if count == 0 { Err(disconnected()) } else { Ok(count) };
    }
    let mut filled = 0;
    while filled < into.len() && !decoder.is_done() && (filled == 0 || !connection.buffer.is_empty()) {
        if connection.buffer.is_empty() && or_end(connection.fill(0, deadline))? == 0 {
            return if decoder.has_all_data() { Ok(0) } else { Err(disconnected()) };
        }
        let piece = decoder.next(connection.buffer.bytes(), into.len() - filled);
        let piece = piece.map_err(|error| malformed(Malformed(error.0)))?;
        let (consumed, count) = (piece.consumed, piece.data.len());
        into[filled..filled + count].copy_from_slice(piece.data);
        connection.buffer.consume(consumed);
        filled += count;
    }
    Ok(filled)
}

/// Whether a server ends a connection or breaks it off makes no difference: what is missing shows which it was.
fn or_end(read: Result<usize, Error>) -> Result<usize, Error> {
    match read {
        Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
        read => read,
    }
}
