//! What all connections of one server share.

use super::Handler;
use super::backlog::Backlog;
use super::budget::Budget;
use super::date::Date;
use super::link::Link;
use super::permit::Streams;
use super::roster::Roster;
use crate::limits::Limits;
use crate::meter::{self, Counter, StatusClass};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

/// The heart of a server, without its threads.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) roster: Roster,
    pub(crate) streams: Arc<Streams>,
    pub(crate) bodies: Budget,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) date: Date,
    pub(crate) counts: Counts,
    pub(crate) traffic: Arc<Traffic>,
    stage: AtomicU8,
    begun: Instant,
}

/// The life of a server.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Serving,
    /// Nobody new: every connection ends after its next answer.
    Ceasing,
    /// Every connection ends after the answer it is at.
    Stopping,
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
    /// TLS handshakes that failed.
    pub(crate) handshakes: AtomicU64,
    pub(crate) answers: meter::Counts<StatusClass>,
}

/// Bytes from clients and to them, before TLS.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
}

impl Shared {
    pub(crate) fn new(limits: &Limits, handler: Arc<dyn Handler>) -> Shared {
        Shared {
            limits: limits.clone(),
            handler,
            roster: Roster::new(limits.max_connections),
            streams: Streams::of_connections(limits.max_connections),
            bodies: Budget::new(limits.max_buffered_bytes),
            backlog: Backlog::new(limits.max_unread_bytes),
            date: Date::default(),
            counts: Counts::default(),
            traffic: Arc::default(),
            stage: AtomicU8::new(Stage::Serving as u8),
            begun: Instant::now(),
        }
    }

    /// Milliseconds since the server began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// The server goes on to a later stage of its life; never back.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::SeqCst);
    }

    /// Whether a connection may take no further request.
    pub(crate) fn must_close(&self, link: &Link) -> bool {
        self.has_reached(Stage::Stopping) || link.door.is_closed()
    }

    /// Whether a connection ends with the answer it is at.
    pub(crate) fn answers_last(&self, link: &Link) -> bool {
        self.has_reached(Stage::Ceasing) || link.door.is_closed()
    }

    fn has_reached(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::SeqCst) >= stage as u8
    }
}

/// Counts one event.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
