//! Whose turn it is on a connection: waiting for a request, at work, or told to go.
//!
//! One atomic value, changed by its own thread and by whoever makes room for a newcomer. Either the
//! request was complete first and is answered, or the connection was told to go first: never both.

use std::sync::atomic::{AtomicU64, Ordering};

const AT_WORK: u64 = u64::MAX - 1;
const GONE: u64 = u64::MAX;

/// The turn of one connection. Times are milliseconds on the server's own clock.
#[derive(Debug)]
pub(crate) struct Turn(AtomicU64);

impl Turn {
    /// A connection that has waited since `now`.
    pub(crate) fn waiting_since(now: u64) -> Turn {
        Turn(AtomicU64::new(now))
    }

    /// Begins to wait for a request; false if the connection was told to go.
    pub(crate) fn wait(&self, now: u64) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |turn| (turn != GONE).then_some(now)).is_ok()
    }

    /// A request is complete; false if the connection was told to go first.
    pub(crate) fn work(&self) -> bool {
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |turn| (turn != GONE).then_some(AT_WORK))
            .is_ok()
    }

    /// Since when it has waited, if it does.
    pub(crate) fn waits_since(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst)).filter(|&turn| turn < AT_WORK)
    }

    /// Tells a connection to go that has waited since `since`; false if it got a request meanwhile.
    pub(crate) fn dismiss(&self, since: u64) -> bool {
        self.0.compare_exchange(since, GONE, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}
