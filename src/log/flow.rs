//! How many lines a second: whoever makes the proxy log, a client or a child, must not fill the disk with it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind in a second. More are left out and counted.
pub(super) const MOST_LINES: u64 = 500;

/// The lines of one kind.
#[derive(Default)]
pub(super) struct Flow(Mutex<Second>);

#[derive(Default)]
struct Second {
    begun: Option<Instant>,
    lines: u64,
}

impl Flow {
    /// Whether one more line is written now, and how many were left out before it.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |begun: Instant| now.saturating_duration_since(begun) >= Duration::from_secs(1);
        let mut left_out = 0;
        if second.begun.is_none_or(is_over) {
            left_out = second.lines.saturating_sub(MOST_LINES);
            *second = Second { begun: Some(now), lines: 0 };
        }
        second.lines += 1;
        (second.lines <= MOST_LINES).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_cut_and_counted() {
        let (flow, now) = (Flow::default(), Instant::now());
        assert_eq!((0..10_000).filter(|_| flow.admit(now).is_some()).count() as u64, MOST_LINES);
        let later = now + Duration::from_secs(1);
        assert_eq!(flow.admit(later), Some(10_000 - MOST_LINES));
        assert_eq!(flow.admit(later), Some(0), "it is told once");
    }
}
