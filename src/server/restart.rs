//! When to start a child again: a pure value, with the clock passed in.

use crate::config::Restart;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Remembers the recent exits of one server.
pub(super) struct Policy {
    settings: Restart,
    exits: VecDeque<Instant>,
    backoff: Duration,
}

/// What to do after an exit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Start again after this time.
    After(Duration),
    /// Too many exits: a crash loop. Try again after this time.
    Brake(Duration),
}

impl Policy {
    pub(super) fn new(settings: Restart) -> Policy {
        Policy { settings, exits: VecDeque::new(), backoff: Duration::ZERO }
    }

    /// A child that was ready for `uptime` (zero if it never was) has ended. `jitter` is between 0 and 1.
    pub(super) fn on_exit(&mut self, now: Instant, uptime: Duration, jitter: f64) -> Next {
        if uptime >= Duration::from_secs(self.settings.reset_seconds) {
            self.forget();
        }
        self.exits.push_back(now);
        let window = Duration::from_secs(self.settings.brake_window_seconds);
        while self.exits.front().is_some_and(|exit| now.duration_since(*exit) > window) {
            self.exits.pop_front();
        }
        if self.exits.len() >= self.settings.brake_exits as usize {
            return Next::Brake(Duration::from_secs(self.settings.brake_seconds));
        }
        let delay = self.backoff;
        self.grow();
        Next::After(delay.mul_f64(1.0 + jitter / 4.0))
    }

    /// Starts afresh: the operator asked, or the folder changed.
    pub(super) fn forget(&mut self) {
        self.exits.clear();
        self.backoff = Duration::ZERO;
    }

    fn grow(&mut self) {
        let first = Duration::from_millis(self.settings.backoff_ms);
        let most = Duration::from_secs(self.settings.max_backoff_seconds);
        self.backoff = if self.backoff.is_zero() { first } else { (self.backoff * 2).min(most) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn first_at_once_then_doubling_then_the_brake() {
        let mut policy = Policy::new(Restart::default());
        let start = Instant::now();
        let next: Vec<Next> =
            (0..6).map(|n| policy.on_exit(start + seconds(n), Duration::ZERO, 0.0)).collect();
        let after = |ms| Next::After(Duration::from_millis(ms));
        assert_eq!(next[..4], [after(0), after(500), after(1000), after(2000)]);
        assert_eq!(next[4..], [Next::Brake(seconds(60)), Next::Brake(seconds(60))]);
    }

    #[test]
    fn a_minute_of_health_or_a_wish_resets_it() {
        let mut policy = Policy::new(Restart::default());
        let start = Instant::now();
        let crash = |policy: &mut Policy| {
            (0..5).map(|n| policy.on_exit(start + seconds(n), Duration::ZERO, 0.0)).last()
        };
        assert_eq!(crash(&mut policy), Some(Next::Brake(seconds(60))));
        assert_eq!(policy.on_exit(start + seconds(5), seconds(60), 0.0), Next::After(Duration::ZERO));
        crash(&mut policy);
        policy.forget();
        assert_eq!(policy.on_exit(start + seconds(7), Duration::ZERO, 0.0), Next::After(Duration::ZERO));
    }

    #[test]
    fn backoff_has_a_ceiling_and_jitter_only_adds() {
        let mut policy = Policy::new(Restart { brake_exits: 1000, ..Restart::default() });
        let start = Instant::now();
        let mut last = Next::After(Duration::ZERO);
        (0..20).for_each(|n| last = policy.on_exit(start + seconds(n), Duration::ZERO, 1.0));
        assert_eq!(last, Next::After(seconds(75)));
    }
}
