//! A connection that speaks another protocol from here on: bytes as they come and go.

use super::buffer::Buffer;
use super::link::Client;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// Both directions of a connection that was handed over. Reading never waits (`WouldBlock`); a write waits as that of
/// any answer does, and fails as it does.
#[derive(Debug)]
pub struct Upgraded<'c> {
    client: &'c Client,
    /// What came with the head.
    ahead: &'c mut Buffer,
}

impl<'c> Upgraded<'c> {
    pub(crate) fn new(client: &'c Client, ahead: &'c mut Buffer) -> Upgraded<'c> {
        ahead.free();
        Upgraded { client, ahead }
    }

    /// Waits until there is something to read, or to read from `bell` (its end is something too), but no longer than
    /// until `deadline`. It may return without a reason.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn wait(&self, bell: Option<BorrowedFd<'_>>, deadline: Instant) -> io::Result<()> {
        if !self.ahead.is_empty() {
            return Ok(());
        }
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        let socket = self.client.as_fd();
        let mut fds = [socket, bell.unwrap_or(socket)].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Read for Upgraded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ahead = self.ahead.bytes();
        if ahead.is_empty() {
            return self.client.link().receive_at_once(into);
        }
        let count = ahead.len().min(into.len());
        into[..count].copy_from_slice(&ahead[..count]);
        self.ahead.consume(count);
        self.ahead.free();
        Ok(count)
    }
}

impl Write for Upgraded<'_> {
    /// Writes all of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.client.link().send(&mut [IoSlice::new(bytes)])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
