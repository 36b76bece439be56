//! Places for long-lived streams, so that they never take all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many streams are open and how many there may be.
#[derive(Debug)]
pub(crate) struct Streams {
    open: AtomicUsize,
    most: usize,
}

impl Streams {
    /// Three quarters of the connections, at least one.
    pub(crate) fn of_connections(max_connections: usize) -> Arc<Streams> {
        Arc::new(Streams { open: AtomicUsize::new(0), most: (max_connections / 4 * 3).max(1) })
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(streams: &Arc<Streams>) -> Option<StreamPermit> {
        let one_more = |open| (open < streams.most).then_some(open + 1);
        streams.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(StreamPermit(streams.clone()))
    }
}

/// A place for one long-lived stream; given back when dropped. Move it into the stream's body.
#[derive(Debug)]
#[must_use]
pub struct StreamPermit(Arc<Streams>);

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
