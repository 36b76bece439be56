//! How long is waited for a call.

use super::super::Bridge;
use super::super::peer::calls::Call;
use std::time::{Duration, Instant};

/// None the first time, then each twice as long as the one before.
#[derive(Default)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(crate) fn next(&mut self) -> Duration {
        let next = (self.0 * 2).clamp(Pauses::SHORTEST, Pauses::LONGEST);
        std::mem::replace(&mut self.0, next)
    }
}

/// The deadlines of one call.
pub(super) struct Clock {
    pub(super) end: Instant,
    idle: Duration,
    idle_end: Instant,
    total: Duration,
}

/// A subscription lasts as long as its client stays: longer than anybody waits.
const ENDLESS: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Clock {
    pub(super) fn new(bridge: &Bridge, call: &Call) -> Clock {
        let options = &bridge.terms.options;
        let (idle, total) = match call.listens() {
            true => (ENDLESS, ENDLESS),
            false => (options.call_idle, options.call_timeout),
        };
        let now = Instant::now();
        Clock { end: now + total, idle, idle_end: now + idle, total }
    }

    /// Time until the nearer deadline.
    pub(super) fn left(&self) -> Duration {
        self.end.min(self.idle_end).saturating_duration_since(Instant::now())
    }

    /// The child gave a sign of life for this call.
    pub(super) fn restart(&mut self) {
        self.idle_end = Instant::now() + self.idle;
    }

    /// A person has to answer first, which may take so long.
    pub(super) fn allow(&mut self, patience: Duration) {
        self.idle_end = Instant::now() + self.idle.max(patience);
        self.end = self.end.max(self.idle_end);
    }

    /// Which deadline is the nearer one, by its key.
    pub(super) fn which(&self) -> String {
        match self.idle_end < self.end {
            true => format!("call_idle_seconds = {}", self.idle.as_secs()),
            false => format!("call_timeout_seconds = {}", self.total.as_secs()),
        }
    }
}
