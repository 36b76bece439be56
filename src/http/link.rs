//! One client's socket: reads with deadlines, whole writes, and who is at the other end.

use super::after;
use super::door::Door;
use super::turn::Turn;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Slowest client that a write is kept up for, in bytes a second, once the write timeout is over.
const SLOWEST_READER: u64 = 16 * 1024;
/// Pieces handed to the kernel in one call (its own limit is 1,024).
const MAX_SLICES: usize = 64;
#[cfg(target_os = "linux")]
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(not(target_os = "linux"))]
const SEND: SendFlags = SendFlags::DONTWAIT;

/// A connection as its own thread and the roster see it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) turn: Turn,
    pub(crate) door: Arc<Door>,
    pub(crate) peer: SocketAddr,
    pub(crate) write_timeout: Duration,
    pub(crate) stream: TcpStream,
}

impl Link {
    /// Reads some bytes: before `deadline`, or else within the idle time that is set on the socket.
    /// 0 is the end.
    ///
    /// # Errors
    /// `TimedOut`, or what the socket says.
    pub(crate) fn receive(&self, into: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            let result = match deadline {
                None => (&self.stream).read(into),
                Some(_) => rustix::net::recv(&self.stream, &mut *into, RecvFlags::DONTWAIT)
                    .map(|(count, _)| count)
                    .map_err(io::Error::from),
            };
            match (result, deadline) {
                (Err(error), _) if error.kind() == ErrorKind::Interrupted => {}
                (Err(error), None) if error.kind() == ErrorKind::WouldBlock => return Err(timed_out()),
                (Err(error), Some(deadline)) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.ready(PollFlags::IN, deadline)? {
                        return Err(timed_out());
                    }
                }
                (result, _) => return result,
            }
        }
    }

    /// Writes everything, in one system call where the socket's buffer has room.
    ///
    /// # Errors
    /// `TimedOut` if the client takes nothing for the write timeout, or reads on average slower
    /// than 16 KiB/s after it; or what the socket says.
    pub(crate) fn send(&self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut parts, 0);
        let mut last = None;
        while !parts.is_empty() {
            let some = &parts[..parts.len().min(MAX_SLICES)];
            match rustix::net::sendmsg(&self.stream, some, &mut SendAncillaryBuffer::default(), SEND) {
                Ok(count) => IoSlice::advance_slices(&mut parts, count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    let last = *last.get_or_insert_with(|| self.last_moment(parts));
                    let patience = after(self.write_timeout);
                    if !self.ready(PollFlags::OUT, patience.min(last))? {
                        return Err(timed_out());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn last_moment(&self, parts: &[IoSlice<'_>]) -> Instant {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        after(self.write_timeout.saturating_add(Duration::from_secs(bytes as u64 / SLOWEST_READER)))
    }

    /// Writes without ever waiting; what does not fit is lost.
    pub(crate) fn send_at_once(&self, bytes: &[u8]) {
        let _ = rustix::net::send(&self.stream, bytes, SEND);
    }

    /// Waits until the socket is ready; false at the deadline.
    pub(crate) fn ready(&self, events: PollFlags, deadline: Instant) -> io::Result<bool> {
        loop {
            let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
            match poll(&mut [PollFd::new(&self.stream, events)], left.as_ref()) {
                Ok(count) => return Ok(count > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends both directions; whoever reads or writes on it wakes up.
    pub(crate) fn shut(&self) {
        let _ = rustix::net::shutdown(&self.stream, Shutdown::Both);
    }

    /// Says that no more will be written.
    pub(crate) fn shut_write(&self) {
        let _ = rustix::net::shutdown(&self.stream, Shutdown::Write);
    }

    /// Whether the client closed its side, or the connection is broken.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_gone(&self) -> bool {
        let ended = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(_) => fds[0].revents().intersects(ended),
            Err(error) => error != rustix::io::Errno::INTR,
        }
    }

    /// Whether the client closed its side, or the connection is broken.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_gone(&self) -> bool {
        let peeked = rustix::net::recv(&self.stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        match peeked {
            Ok((count, _)) => count == 0,
            Err(error) => error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR,
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::from(ErrorKind::TimedOut)
}

/// A handle on the connection a request came by; cheap to clone. It may outlive the exchange, and
/// then says that the client is gone once the connection has been closed.
#[derive(Clone, Debug)]
pub struct Client {
    link: Arc<Link>,
    streams: Arc<super::permit::Streams>,
}

impl Client {
    pub(crate) fn new(link: Arc<Link>, streams: Arc<super::permit::Streams>) -> Client {
        Client { link, streams }
    }

    /// The address at the other end of the socket (another proxy's, if one stands between).
    pub fn addr(&self) -> SocketAddr {
        self.link.peer
    }

    /// Whether the client has left; one system call, never waits. A client that closed only its
    /// writing side counts as gone too: TCP cannot tell the two apart, and real clients do not do
    /// it. Its answer is still written.
    pub fn is_gone(&self) -> bool {
        self.link.is_gone()
    }

    /// Asks for a place among the long-lived streams, of which there are at most three quarters of
    /// `max_connections`. `None`: answer 503 instead.
    pub fn try_stream(&self) -> Option<super::StreamPermit> {
        super::permit::Streams::enter(&self.streams)
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.stream.as_fd()
    }
}
