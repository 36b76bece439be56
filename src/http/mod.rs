//! An embedded HTTP/1.1 and HTTP/1.0 server on `std::net`: small, strict and bounded.
//!
//! It knows nothing of MCP. [`Server`] accepts connections on any number of listening sockets; each
//! connection has a thread of a bounded pool while it is open, and on it one request at a time goes
//! to the [`Handler`]. Every wait has a deadline and every size a bound, from [`crate::limits`].
//!
//! From socket to answer: `accept` → `admission` (places, eviction) → `pool` → `connection` (→ `tls`) →
//! `scan`, `head`, `framing` (pure) → handler → `encode` (pure) → `reply`, `stream`, `upgraded` (→ `websocket`).

mod accept;
mod access;
mod admission;
mod backlog;
mod body;
mod budget;
mod buffer;
pub mod chunked;
mod connection;
mod date;
mod door;
mod encode;
pub mod framing;
pub mod head;
mod input;
mod link;
mod payload;
mod permit;
mod pool;
mod refusal;
mod reply;
pub mod request_line;
mod roster;
pub mod scan;
mod scheme;
mod seldom;
mod server;
mod shared;
mod socket;
mod stream;
mod tls;
mod turn;
mod upgraded;
pub mod websocket;

#[cfg(test)]
mod tests;

pub use access::{Place, is_logged as access_is_logged};
pub use body::{Body, BodyError};
pub(crate) use buffer::Buffer;
pub(crate) use encode::{REQUEST_ID, field};
pub use link::Client;
pub(crate) use link::{receive_now, send_now};
pub use payload::{Payload, Response, StreamBody, Talk, event_stream, json_response};
pub use permit::StreamPermit;
pub use refusal::{RETRY_AFTER_SECONDS, Refusal};
pub use roster::RESERVE;
pub use scheme::Scheme;
pub(crate) use seldom::Seldom;
pub use server::{Server, Stats};
pub use stream::StreamWriter;
pub use tls::{Identities, Identity, IdentityFault, certificate_ends};
pub use upgraded::Upgraded;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Answers requests, on the threads of many connections at once.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; takes as long as it needs. A panic is answered 500 and costs only this
    /// connection. For HEAD answer as for GET; the body is left out.
    fn handle(&self, exchange: Exchange<'_>) -> Response;

    /// Whether a path is answered also when all connections are busy. Such a request must be quick.
    fn answers_at_cap(&self, path: &str) -> bool {
        path == "/health"
    }
}

/// One request and the connection it came by.
#[derive(Debug)]
pub struct Exchange<'c> {
    /// Method, target (path and query as sent; a URL as target is reduced to that and its authority
    /// put into `Host`, RFC 9112 section 3.2.2), version, header fields.
    pub request: ::http::Request<()>,
    /// The body, not read yet.
    pub body: Body<'c>,
    /// The connection.
    pub client: Client,
    /// The label of the listening socket.
    pub door: Arc<str>,
}

/// The moment `time` from now; a year at most.
fn after(time: Duration) -> Instant {
    Instant::now() + time.min(Duration::from_secs(365 * 24 * 3600))
}

/// Locks; a thread that panicked under the lock changes nothing about that.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal, at most `time`.
fn wait<'g, T>(signal: &Condvar, guard: MutexGuard<'g, T>, time: Duration) -> MutexGuard<'g, T> {
    signal.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0
}
