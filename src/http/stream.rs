//! Writes a body piece by piece; each piece reaches the client at once.

use super::encode::Delimiter;
use super::link::Client;
use std::io::{self, ErrorKind, IoSlice};

/// The outgoing side of a streamed answer.
#[derive(Debug)]
pub struct StreamWriter<'c> {
    client: &'c Client,
    delimiter: Delimiter,
    /// A write has failed: what the client has is not whole, and nothing can follow it.
    broken: Option<ErrorKind>,
}

impl<'c> StreamWriter<'c> {
    pub(crate) fn new(client: &'c Client, delimiter: Delimiter) -> StreamWriter<'c> {
        StreamWriter { client, delimiter, broken: None }
    }

    /// The client at the other end; ask it whether it is gone when there is nothing to write.
    pub fn client(&self) -> &Client {
        self.client
    }

    /// Writes the parts as one piece, in one system call where the socket has room. Nothing is
    /// buffered. Without bytes nothing is written.
    ///
    /// # Errors
    /// `TimedOut` if the client does not read, `InvalidInput` if this is more than the declared
    /// `Content-Length`, or what the socket says. End the stream then.
    pub fn write_chunk(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        if total == 0 {
            return Ok(());
        }
        if let Delimiter::Length(left) = &mut self.delimiter {
            let too_much =
                || io::Error::new(ErrorKind::InvalidInput, "more bytes than the declared Content-Length");
            *left = left.checked_sub(total as u64).ok_or_else(too_much)?;
        }
        let chunked = self.delimiter == Delimiter::Chunked;
        let size = if chunked { format!("{total:x}\r\n") } else { String::new() };
        let mut slices = Vec::with_capacity(parts.len() + 2);
        slices.push(IoSlice::new(size.as_bytes()));
        slices.extend(parts.iter().map(|part| IoSlice::new(part)));
        slices.push(IoSlice::new(if chunked { b"\r\n" } else { b"" }));
        self.send(&mut slices)
    }

    fn send(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        self.client.link().send(slices).inspect_err(|error| self.broken = Some(error.kind()))
    }

    /// The end of a body that was written whole.
    ///
    /// # Errors
    /// `UnexpectedEof` if less was written than the declared `Content-Length`; a failed write's error, also where
    /// whoever wrote has passed over it.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.delimiter {
            _ if self.broken.is_some() => self.send(&mut []),
            Delimiter::Chunked => self.send(&mut [IoSlice::new(b"0\r\n\r\n")]),
            Delimiter::Length(left) if left > 0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
