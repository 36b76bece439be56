//! How long to wait before a stream is opened again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
/// No pause is longer, whatever the server asks for.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double.
#[derive(Default)]
pub(super) struct Pauses {
    times: u32,
}

impl Pauses {
    /// The next pause; the first is what the server asked for (`retry`), else a second.
    pub(super) fn next(&mut self, retry: Option<Duration>) -> Duration {
        let doubled = retry.unwrap_or(FIRST).saturating_mul(1 << self.times.min(16));
        self.times += 1;
        doubled.min(LONGEST)
    }

    /// How many there were in a row.
    pub(super) fn times(&self) -> u32 {
        self.times
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.times = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut pauses = Pauses::default();
        let seconds: Vec<u64> = (0..7).map(|_| pauses.next(None).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        pauses.reset();
        assert_eq!(pauses.next(Some(Duration::from_millis(50))), Duration::from_millis(50));
        assert_eq!(pauses.next(Some(Duration::MAX)), LONGEST);
    }
}
