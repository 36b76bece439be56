//! What lasts: a request from its beginning to its end, a stream while it is open.

use super::Meter;
use super::labels::{Method, Outcome, Rejection, StreamKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request under way.
#[derive(Debug)]
pub struct Timer {
    meter: Arc<Meter>,
    method: Method,
    begun: Instant,
}

impl Timer {
    /// It begins now.
    pub fn start(meter: &Arc<Meter>, method: Method) -> Timer {
        Timer { meter: Arc::clone(meter), method, begun: Instant::now() }
    }

    /// The server it is for.
    pub fn server(&self) -> &str {
        self.meter.name()
    }

    /// It has ended; how long it took.
    pub fn stop(&self, outcome: Outcome) -> Duration {
        let took = self.begun.elapsed();
        self.meter.requests.count(self.method, outcome);
        if self.method.is_call() {
            self.meter.durations.count(outcome, took);
        }
        took
    }
}

/// A stream that is open until this is dropped, with its place among all streams.
#[derive(Debug)]
pub struct Open<P> {
    meter: Arc<Meter>,
    kind: StreamKind,
    _place: P,
}

impl<P> Open<P> {
    /// One more, if there is a place for it.
    pub fn at(place: Option<P>, meter: &Arc<Meter>, kind: StreamKind) -> Option<Open<P>> {
        let Some(place) = place else {
            meter.rejections.of(Rejection::Streams).count();
            return None;
        };
        meter.streams.of(kind).count();
        Some(Open { meter: Arc::clone(meter), kind, _place: place })
    }
}

impl<P> Drop for Open<P> {
    fn drop(&mut self) {
        self.meter.streams.of(self.kind).uncount();
    }
}
