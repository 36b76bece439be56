//! How much a server has to do.

use super::{Forward, fields};
use crate::http::{Exchange, StreamPermit};
use crate::meter::{Open, StreamKind};
use ::http::Method;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The requests of one server that are under way.
#[derive(Default)]
pub(super) struct Load {
    counts: Mutex<Counts>,
    /// Told whenever no call is under way any more.
    idle: Condvar,
}

#[derive(Default)]
struct Counts {
    calls: usize,
    /// A GET stream stays open for hours and says nothing about what the server has to do.
    streams: usize,
    /// When one of them began or ended last.
    changed: Option<Instant>,
    /// Those who wait until no call is under way: telling nobody would cost each call a system call.
    waiting: usize,
}

impl Load {
    pub(super) fn calls(&self) -> usize {
        self.counts().calls
    }

    pub(super) fn drain(&self, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        let mut counts = self.counts();
        counts.waiting += 1;
        let waited = self.idle.wait_timeout_while(counts, patience, |counts| counts.calls > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }

    pub(super) fn has_rested(&self, patience: Duration) -> bool {
        let counts = self.counts();
        let is_idle = counts.calls == 0 && counts.streams == 0;
        is_idle && counts.changed.is_none_or(|changed| changed.elapsed() >= patience)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request holds until its answer has been sent, streamed answers included.
pub(super) struct Ticket {
    forward: Arc<Forward>,
    stream: Option<Open<StreamPermit>>,
    is_get: bool,
}

impl Ticket {
    /// None: all places for streams are taken. It is asked before the server is: a stream that cannot be kept must not
    /// take the place of an older one there.
    pub(super) fn of(forward: &Arc<Forward>, exchange: &Exchange<'_>) -> Option<Ticket> {
        let is_get = exchange.request.method() == Method::GET;
        let stream = match is_get && fields::accepts_events(exchange.request.headers()) {
            true => {
                let (place, meter) = (exchange.client.try_stream(), forward.server.meter());
                Some(Open::at(place, meter, StreamKind::Forwarded)?)
            }
            false => None,
        };
        let ticket = Ticket { forward: Arc::clone(forward), stream, is_get };
        ticket.count(|count| *count += 1);
        Some(ticket)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    fn count(&self, change: impl FnOnce(&mut usize)) {
        let mut counts = self.forward.load.counts();
        change(if self.is_get { &mut counts.streams } else { &mut counts.calls });
        counts.changed = Some(Instant::now());
        if counts.calls == 0 && counts.waiting > 0 {
            self.forward.load.idle.notify_all();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.count(|count| *count -= 1);
    }
}
