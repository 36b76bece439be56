//! What all connections of one server share.

use super::Handler;
use super::budget::Budget;
use super::date::Date;
use super::link::Link;
use super::permit::Streams;
use super::roster::Roster;
use crate::limits::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// The heart of a server, without its threads.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) roster: Roster,
    pub(crate) streams: Arc<Streams>,
    pub(crate) bodies: Budget,
    pub(crate) date: Date,
    pub(crate) counts: Counts,
    stopping: AtomicBool,
    begun: Instant,
}

/// Events since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) panics: AtomicU64,
}

impl Shared {
    pub(crate) fn new(limits: &Limits, handler: Arc<dyn Handler>) -> Shared {
        Shared {
            limits: limits.clone(),
            handler,
            roster: Roster::new(limits.max_connections),
            streams: Streams::of_connections(limits.max_connections),
            bodies: Budget::new(limits.max_buffered_bytes),
            date: Date::default(),
            counts: Counts::default(),
            stopping: AtomicBool::new(false),
            begun: Instant::now(),
        }
    }

    /// Milliseconds since the server began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// From now on every connection ends after the answer it is at.
    pub(crate) fn begin_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether a connection may take no further request.
    pub(crate) fn must_close(&self, link: &Link) -> bool {
        self.stopping.load(Ordering::SeqCst) || link.door.is_closed()
    }
}

/// Counts one event.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
