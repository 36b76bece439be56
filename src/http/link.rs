//! One client's socket, plain or secured: reads with deadlines, whole writes, and who is at the other end.

use super::after;
use super::backlog::{Backlog, Stuck};
use super::door::Door;
use super::scheme::Scheme;
use super::shared::Traffic;
use super::tls::{Identity, Session};
use super::turn::Turn;
use ::http::HeaderValue;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
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
    pub(crate) scheme: Scheme,
    pub(crate) peer: SocketAddr,
    pub(crate) times: Times,
    pub(crate) stream: Arc<TcpStream>,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) traffic: Arc<Traffic>,
    /// Set once the handshake is done.
    pub(crate) session: OnceLock<Box<Session>>,
    /// Bytes of answers, as far as the kernel took them.
    pub(crate) sent: AtomicU64,
    /// The peer's address as a header field holds it, once somebody wants it.
    pub(crate) field: OnceLock<HeaderValue>,
}

/// How long a client may be silent, and how long it may read nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) idle: Duration,
    pub(crate) write: Duration,
}

impl Link {
    /// Makes the connection a secured one.
    ///
    /// # Errors
    /// `TimedOut`, what is wrong with the handshake, or what the socket says.
    pub(crate) fn secure(&self, identity: &Identity, deadline: Instant) -> io::Result<()> {
        let session = Box::new(Session::new(identity)?);
        while let Some(events) = session.shake_hands(&self.stream)? {
            if !self.ready(events, deadline)? {
                return Err(timed_out());
            }
        }
        let _ = self.session.set(session); // there is one handshake
        Ok(())
    }

    /// The first byte that comes, which stays to be read; `None` is the end.
    ///
    /// # Errors
    /// As for [`Link::receive`].
    pub(crate) fn peek(&self, deadline: Instant) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let peek = |byte: &mut [u8]| {
            rustix::net::recv(&self.stream, byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)
                .map(|(count, _)| count)
        };
        let count = self.in_time(deadline, || peek(&mut byte).map_err(io::Error::from))?;
        Ok((count > 0).then_some(byte[0]))
    }

    /// Reads some bytes: before `deadline`, or else within the idle time (which is also set on the socket).
    /// 0 is the end.
    ///
    /// # Errors
    /// `TimedOut`, or what the socket says.
    pub(crate) fn receive(&self, into: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let count = self.read(into, deadline)?;
        self.traffic.received.add(count as u64);
        Ok(count)
    }

    fn read(&self, into: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        match (self.session.get(), deadline) {
            (Some(_), _) | (None, Some(_)) => {
                let deadline = deadline.unwrap_or_else(|| after(self.times.idle));
                self.in_time(deadline, || self.receive_at_once(into))
            }
            (None, None) => loop {
                match (&*self.stream).read(into) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(timed_out()),
                    result => return result,
                }
            },
        }
    }

    /// Reads what is there, without waiting. 0 is the end.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, or what the socket says.
    pub(crate) fn receive_at_once(&self, into: &mut [u8]) -> io::Result<usize> {
        match self.session.get() {
            Some(session) => session.read(&self.stream, into)?.ok_or_else(|| ErrorKind::WouldBlock.into()),
            None => receive_now(&self.stream, into),
        }
    }

    /// Reads when there is something to read.
    fn in_time(&self, deadline: Instant, mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match read() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.ready(PollFlags::IN, deadline)? {
                        return Err(timed_out());
                    }
                }
                result => return result,
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
        let (mut stuck, mut sealed) = (None, 0);
        while !parts.is_empty() {
            let some = &parts[..parts.len().min(MAX_SLICES)];
            let sent = match self.session.get() {
                None => send_now(&self.stream, some),
                Some(session) => session.write(&self.stream, some, &mut sealed),
            };
            match sent {
                Ok(count) => {
                    self.traffic.sent.add(count as u64);
                    self.sent.fetch_add(count as u64, Ordering::Relaxed);
                    IoSlice::advance_slices(&mut parts, count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let bytes = || parts.iter().map(|part| part.len()).sum::<usize>() + sealed;
                    let (last, _) = stuck.get_or_insert_with(|| self.begin_wait(bytes()));
                    if !self.ready(PollFlags::OUT, after(self.times.write).min(*last))? {
                        return Err(timed_out());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The client does not take so many bytes: until when it may, and its place among those who do not read.
    fn begin_wait(&self, bytes: usize) -> (Instant, Stuck<'_>) {
        let time = Duration::from_secs(bytes as u64 / SLOWEST_READER);
        (after(self.times.write.saturating_add(time)), self.backlog.enter(&self.stream, bytes))
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
        self.end_session();
        let _ = rustix::net::shutdown(&self.stream, Shutdown::Both);
    }

    /// Says that no more will be written.
    pub(crate) fn shut_write(&self) {
        self.end_session();
        let _ = rustix::net::shutdown(&self.stream, Shutdown::Write);
    }

    fn end_session(&self) {
        if let Some(session) = self.session.get() {
            session.end(&self.stream);
        }
    }

    /// Whether the client closed its side, or the connection is broken.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_closed() || self.session.get().is_some_and(|session| session.has_ended(&self.stream))
    }

    #[cfg(target_os = "linux")]
    fn is_closed(&self) -> bool {
        let ended = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(_) => fds[0].revents().intersects(ended),
            Err(error) => error != rustix::io::Errno::INTR,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn is_closed(&self) -> bool {
        let peeked = rustix::net::recv(&self.stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        match peeked {
            Ok((count, _)) => count == 0,
            Err(error) => error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR,
        }
    }
}

/// Reads what is there, without waiting.
pub(crate) fn receive_now(stream: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(stream, into, RecvFlags::DONTWAIT)?;
    Ok(count)
}

/// Writes what there is room for, without waiting.
pub(crate) fn send_now(stream: &TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::net::sendmsg(stream, parts, &mut SendAncillaryBuffer::default(), SEND)?)
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

    /// The same without its port, as a header field holds it; an IPv4 address also where the socket is one for both
    /// families.
    pub fn addr_field(&self) -> &HeaderValue {
        // An address has only letters that a field may have.
        let field = || HeaderValue::try_from(self.ip().to_string());
        self.link.field.get_or_init(|| field().unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// The address without its port, in that form.
    pub fn ip(&self) -> IpAddr {
        self.link.peer.ip().to_canonical()
    }

    /// What the client speaks on it: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        match self.link.scheme {
            Scheme::Https(_) => "https",
            Scheme::Http | Scheme::Redirect(_) => "http",
        }
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
