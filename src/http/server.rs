//! The server: its threads, its listening sockets, its end.

use super::accept::{Acceptor, Gate};
use super::admission::Admission;
use super::connection::Connection;
use super::door::Door;
use super::permit::{StreamPermit, Streams};
use super::pool::Pool;
use super::roster::RESERVE;
use super::scheme::Scheme;
use super::seldom::Seldom;
use super::shared::{Shared, Stage};
use super::{Handler, lock, socket};
use crate::limits::Limits;
use crate::meter::StatusClass;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread without a connection ends after this time.
const THREAD_IDLE: Duration = Duration::from_secs(10);
/// After the grace connections are cut; their threads get this long to notice.
const CUT_PATIENCE: Duration = Duration::from_secs(2);

/// What a server is at, and has done since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Open connections, the reserve included.
    pub connections: usize,
    /// Long-lived streams, that is permits given out.
    pub streams: usize,
    /// Threads of the pool.
    pub threads: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Requests with an acceptable head.
    pub requests: u64,
    /// Requests and connections answered 503 because all connections were busy.
    pub refused: u64,
    /// Connections closed to make room for newer ones.
    pub evicted: u64,
    /// Requests answered 4xx or 5xx by the listener itself because of their form or their slowness, handshakes that
    /// failed, and plain requests where HTTPS is spoken.
    pub malformed: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// TLS handshakes that failed; they count as malformed too.
    pub handshakes: u64,
    /// Connections cut because too much waited for clients that did not read, and they for longest.
    pub cut: u64,
    /// Bytes from clients, before TLS.
    pub received: u64,
    /// Bytes to clients, before TLS.
    pub sent: u64,
    /// Answers by the first digit of the status, from 1xx to 5xx.
    pub answers: [u64; 5],
}

/// An embedded HTTP server. All methods may be called from any thread.
pub struct Server {
    shared: Arc<Shared>,
    pool: Arc<Pool<Connection>>,
    acceptor: Acceptor,
    accept_thread: Mutex<Option<JoinHandle<()>>>,
    doors: Mutex<Vec<Arc<Door>>>,
}

impl Server {
    /// Starts a server that listens nowhere yet.
    ///
    /// # Errors
    /// The system has no descriptor or thread left.
    pub fn start(limits: &Limits, handler: Arc<dyn Handler>) -> io::Result<Server> {
        let shared = Arc::new(Shared::new(limits, handler));
        let most = limits.max_connections.saturating_add(RESERVE);
        let pool = Arc::new(Pool::new(most, THREAD_IDLE, Connection::serve));
        let admission = Admission {
            shared: shared.clone(),
            pool: pool.clone(),
            next_id: 0,
            no_thread_told: Seldom::default(),
        };
        let (acceptor, thread) = Acceptor::start(admission)?;
        let accept_thread = Mutex::new(Some(thread));
        Ok(Server { shared, pool, acceptor, accept_thread, doors: Mutex::default() })
    }

    /// Accepts connections from a listening socket. Handlers see `door` as [`super::Exchange::door`];
    /// several sockets may have the same.
    ///
    /// # Errors
    /// The socket cannot be prepared; nothing is served from it.
    pub fn listen(&self, socket: TcpListener, door: &str, scheme: Scheme) -> io::Result<()> {
        socket::prepare_listener(&socket, &self.shared.limits)?;
        let mut doors = lock(&self.doors);
        let known = doors.iter().find(|known| **known.label() == *door).cloned();
        let door = known.unwrap_or_else(|| Arc::new(Door::new(door)));
        if !doors.iter().any(|known| Arc::ptr_eq(known, &door)) {
            doors.push(door.clone());
        }
        drop(doors);
        self.acceptor.add(Gate { socket, door, scheme });
        Ok(())
    }

    /// Closes the listening sockets of a door, and its connections: idle ones at once, busy ones
    /// after their answer. The port is free when this returns.
    pub fn close(&self, door: &str) {
        let mut doors = lock(&self.doors);
        let Some(index) = doors.iter().position(|known| **known.label() == *door) else { return };
        let closed = doors.swap_remove(index);
        drop(doors);
        self.acceptor.remove(door);
        closed.close();
        self.shared.roster.dismiss(|link| Arc::ptr_eq(&link.door, &closed));
    }

    /// Asks for a place among the long-lived streams; see [`super::Client::try_stream`].
    pub fn try_stream(&self) -> Option<StreamPermit> {
        Streams::enter(&self.shared.streams)
    }

    /// What the server is at.
    pub fn stats(&self) -> Stats {
        let counts = &self.shared.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            connections: self.shared.roster.count(),
            streams: self.shared.streams.open(),
            threads: self.pool.threads(),
            accepted: read(&counts.accepted),
            requests: read(&counts.requests),
            refused: read(&counts.refused),
            evicted: read(&counts.evicted),
            malformed: read(&counts.malformed),
            panics: read(&counts.panics),
            handshakes: read(&counts.handshakes),
            cut: self.shared.backlog.cut.get(),
            received: self.shared.traffic.received.get(),
            sent: self.shared.traffic.sent.get(),
            answers: StatusClass::all().map(|class| counts.answers.of(class).get()),
        }
    }

    /// Accepts nothing more, and waits at most `patience` for the requests of those who are connected; each is
    /// answered, and its connection ends with that. Idle connections are closed then. What is at work goes on.
    pub fn cease(&self, patience: Duration) {
        self.shared.enter(Stage::Ceasing);
        self.acceptor.stop();
        self.join_accept();
        self.shared.roster.wait_empty(patience);
        self.shared.enter(Stage::Stopping);
        self.shared.roster.dismiss(|_| true);
    }

    /// Ends the server: accepts nothing more, closes idle connections at once, gives the busy ones
    /// `grace` to finish (their answers say `Connection: close`), then cuts them and joins all
    /// threads. A handler that does not end within two seconds of the cut is left behind, and
    /// logged. A second call is harmless, and cuts the first one's grace short if its own is shorter.
    pub fn stop(&self, grace: Duration) {
        self.shared.enter(Stage::Stopping);
        self.acceptor.stop();
        self.join_accept();
        self.shared.roster.dismiss(|_| true);
        if !self.shared.roster.wait_empty(grace) {
            self.shared.roster.cut();
        }
        let left = self.pool.close(CUT_PATIENCE);
        if left > 0 {
            log::warn!(event = "threads-left", threads = left; "{left} requests did not end when their connections were cut");
        }
    }

    fn join_accept(&self) {
        let thread = lock(&self.accept_thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!(event = "thread-panic"; "the accept thread ended by a panic");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
