//! What a thread waits for a server for, and how it waits: for the server and for the asker at once, so that it ends
//! when whoever it works for is gone.

use super::leash::Leash;
use crate::http::Client;
use crate::server::Server;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::{Error, Timeout};

/// How often a thread that waits looks whether what it waits for is still served.
const LOOK: Duration = Duration::from_secs(1);

thread_local! {
    /// What the exchange on this thread works for: one exchange, one thread.
    static ERRAND: RefCell<Option<Errand>> = const { RefCell::new(None) };
}

/// What makes waiting for a server worth while.
#[derive(Clone)]
pub(super) struct Errand {
    asker: Asker,
    /// This child is still the one that is served (a server elsewhere counts as one): only for streams, which nothing
    /// else would ever end. Calls come to their own end.
    serving: Option<(Arc<Server>, u64)>,
    /// What is wanted has come; what may still follow is waited for until then.
    until: Option<Instant>,
    /// Waiting is broken off after this time, so that the asker can be shown that it goes on.
    silence: Option<Duration>,
}

/// Who is there to take what comes.
#[derive(Clone)]
enum Asker {
    Client(Client),
    Link(Leash),
}

impl Errand {
    /// An errand of a client's, in vain once that is gone.
    pub(super) fn of_client(client: Client, serving: Option<(Arc<Server>, u64)>) -> Errand {
        Errand { asker: Asker::Client(client), serving, until: None, silence: None }
    }

    /// An errand of our own, in vain once `leash` is cut.
    pub(super) fn on(leash: &Leash) -> Errand {
        Errand { asker: Asker::Link(leash.clone()), serving: None, until: None, silence: None }
    }

    /// The same errand, for reading a stream: what waits for the server that long fails with `WouldBlock`, and can be
    /// tried again.
    pub(super) fn breaking(&self, silence: Duration) -> Errand {
        Errand { silence: Some(silence), ..self.clone() }
    }

    /// Runs `work`; once it is in vain, what waits for a server here fails.
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        ERRAND.with_borrow_mut(|current| *current = Some(self.clone()));
        let result = work();
        ERRAND.with_borrow_mut(|current| *current = None);
        result
    }

    fn has_lingered(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Whether the server is not served any more.
    pub(super) fn is_over(&self) -> bool {
        self.serving.as_ref().is_some_and(|(server, generation)| {
            server.running().is_none_or(|running| running.generation != *generation)
        })
    }
}

/// The errand on this thread has got what it went for: from now on it waits no longer than `time` all together.
pub(super) fn linger(time: Duration) {
    ERRAND.with_borrow_mut(|current| {
        if let Some(errand) = current {
            errand.until = Some(Instant::now() + time);
        }
    });
}

impl Asker {
    fn is_link(&self) -> bool {
        matches!(self, Asker::Link(_))
    }

    fn gone(&self) -> Error {
        in_vain(if self.is_link() { "nobody waits for it any more" } else { "the client is gone" })
    }
}

impl AsFd for Asker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Asker::Client(client) => client.as_fd(),
            Asker::Link(leash) => leash.as_fd(),
        }
    }
}

/// When waiting ends, and what the time was for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Option<Instant>,
    reason: Timeout,
}

impl Deadline {
    /// So long from now; without a time, or with one that has no end, never.
    pub(super) fn after(time: Option<Duration>, reason: Timeout) -> Deadline {
        Deadline { at: time.and_then(|time| Instant::now().checked_add(time)), reason }
    }

    /// Whichever of the two comes first.
    pub(super) fn or(self, other: Deadline) -> Deadline {
        match (self.at, other.at) {
            (Some(own), Some(others)) if others < own => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// The time until then, if that comes.
    pub(super) fn left(&self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// How it is said that it has passed, if it has.
    pub(super) fn passed(&self) -> Option<Error> {
        self.at.filter(|at| Instant::now() >= *at).map(|_| Error::Timeout(self.reason))
    }
}

/// Waits until the server's side is ready for `event`.
///
/// # Errors
/// The time is up, or there is nothing left to wait for.
pub(super) fn wait(server: &TcpStream, event: PollFlags, deadline: Deadline) -> Result<(), Error> {
    ERRAND.with_borrow(|errand| Waiting::new(deadline, errand.as_ref()).wait(server, event))
}

/// One wait, and what may end it.
struct Waiting<'e> {
    deadline: Deadline,
    errand: Option<&'e Errand>,
    /// When its asker is to be shown that it goes on.
    silent_until: Option<Instant>,
}

impl<'e> Waiting<'e> {
    fn new(deadline: Deadline, errand: Option<&'e Errand>) -> Waiting<'e> {
        let silence = errand.and_then(|errand| errand.silence);
        Waiting { deadline, errand, silent_until: silence.map(|silence| Instant::now() + silence) }
    }

    fn wait(&self, server: &TcpStream, event: PollFlags) -> Result<(), Error> {
        let asker = self.errand.map_or(server.as_fd(), |errand| errand.asker.as_fd());
        loop {
            let mut sources = [PollFd::new(server, event), PollFd::from_borrowed_fd(asker, gone())];
            let used = if self.errand.is_some() { 2 } else { 1 };
            match poll(&mut sources[..used], self.next_look().as_ref()) {
                Ok(0) => self.end()?,
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.turn_out(&sources[..used]),
                Err(error) => return Err(Error::Io(error.into())),
            }
        }
    }

    /// The time until the next look at the clock or the server, as `poll` wants it.
    fn next_look(&self) -> Option<Timespec> {
        let until = self.errand.and_then(|errand| errand.until);
        let end = self.deadline.at.into_iter().chain(until).chain(self.silent_until).min();
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let look = self.errand.and_then(|errand| errand.serving.as_ref()).map(|_| LOOK);
        left.into_iter().chain(look).min().and_then(|time| Timespec::try_from(time).ok())
    }

    /// Nothing has come so far: whether that was long enough.
    fn end(&self) -> Result<(), Error> {
        if let Some(error) = self.deadline.passed() {
            return Err(error);
        }
        if self.errand.is_some_and(Errand::has_lingered) {
            return Err(in_vain("what was wanted has come"));
        }
        if self.errand.is_some_and(Errand::is_over) {
            return Err(in_vain("the server was stopped"));
        }
        match self.silent_until {
            Some(end) if Instant::now() >= end => Err(Error::Io(ErrorKind::WouldBlock.into())),
            _ => Ok(()),
        }
    }

    /// Who of the two it was. A server that never stops talking must not keep a leash from being felt; a client is told
    /// what has come.
    fn turn_out(&self, sources: &[PollFd<'_>]) -> Result<(), Error> {
        let is_there = |at: usize| sources.get(at).is_some_and(|source| !source.revents().is_empty());
        match self.errand.map(|errand| &errand.asker) {
            Some(asker) if is_there(1) && (asker.is_link() || !is_there(0)) => Err(asker.gone()),
            _ => Ok(()),
        }
    }
}

/// Waits for `time`, but no longer than the client is there.
pub(super) fn pause(client: &Client, time: Duration) {
    let time = Timespec::try_from(time).ok();
    // A signal may shorten it.
    let _ = poll(&mut [PollFd::new(client, gone())], time.as_ref());
}

fn in_vain(why: &'static str) -> Error {
    Error::Io(io::Error::new(ErrorKind::ConnectionAborted, why))
}

/// What tells that a client has closed its connection.
fn gone() -> PollFlags {
    #[cfg(target_os = "linux")]
    return PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    return PollFlags::HUP;
}
