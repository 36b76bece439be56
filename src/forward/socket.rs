//! A connection to a server: it never blocks, and who waits at it waits for the asker too.

use super::errand::{Deadline, wait};
use crate::http::{receive_now, send_now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use ureq::Error;

/// How long a connection may take to open.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A silent server is asked for a sign of life after this time.
#[cfg(target_os = "linux")]
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket(TcpStream);

impl Socket {
    /// Opens one within `patience`, which is not zero. A server that vanishes without a word is noticed within
    /// minutes, also by a stream that only listens.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(address: &SocketAddr, patience: Duration) -> io::Result<Socket> {
        let stream = TcpStream::connect_timeout(address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        #[cfg(target_os = "linux")]
        {
            sockopt::set_tcp_keepidle(&stream, PROBE_AFTER)?;
            sockopt::set_tcp_keepintvl(&stream, PROBE_AFTER / 4)?;
        }
        Ok(Socket(stream))
    }

    /// Writes everything, in one system call where there is room for it.
    ///
    /// # Errors
    /// See [`wait`]; or what the socket says.
    pub(super) fn send(&self, mut parts: &mut [IoSlice<'_>], deadline: Deadline) -> Result<(), Error> {
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match send_now(&self.0, parts) {
                Ok(count) => IoSlice::advance_slices(&mut parts, count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&self.0, PollFlags::OUT, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
        Ok(())
    }

    /// Reads what comes next; 0 is the end.
    ///
    /// # Errors
    /// See [`wait`]; or what the socket says.
    pub(super) fn receive(&self, into: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        loop {
            wait(&self.0, PollFlags::IN, deadline)?;
            match receive_now(&self.0, into) {
                Ok(count) => return Ok(count),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }

    /// Whether a request may be sent on it: an idle connection with something to read was closed, or speaks out of
    /// turn.
    pub(super) fn is_quiet(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&now)), Ok(0))
    }
}
