//! Connections that wait for the next request to their server.

use super::connection::Connection;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Idle connections to one server; each client has at most one.
pub(in crate::forward) const MAX_IDLE: usize = 32;
/// An idle connection is not used again after this time: servers close theirs after five seconds (Node) or more, and
/// a request that crosses such an end is lost.
pub(in crate::forward) const MAX_IDLE_AGE: Duration = Duration::from_secs(3);

/// They, with the moment since when they are idle; the newest is last.
#[derive(Default)]
pub(super) struct Idle(Mutex<VecDeque<(Instant, Connection)>>);

impl Idle {
    /// The one used last, if there is one to that address that its server has not closed.
    pub(super) fn take(&self, address: SocketAddr) -> Option<Connection> {
        loop {
            let connection = self.newest(address)?;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// One that the next request may use.
    pub(super) fn put(&self, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.fresh(now);
        if idle.len() == MAX_IDLE {
            idle.pop_front();
        }
        idle.push_back((now, connection));
    }

    fn newest(&self, address: SocketAddr) -> Option<Connection> {
        let mut idle = self.fresh(Instant::now());
        let at = idle.iter().rposition(|(_, connection)| connection.address == address)?;
        idle.remove(at).map(|(_, connection)| connection)
    }

    /// Those that are not too old.
    pub(super) fn fresh(&self, now: Instant) -> MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) > MAX_IDLE_AGE) {
            idle.pop_front();
        }
        idle
    }
}
