//! How long calls took, in buckets that grow by a quarter each.
//!
//! Ten bounds to a decade (the preferred numbers R10: 1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8), from 100 µs to 315 s.
//! A quantile is taken by interpolation within one bucket, so it is off by a quarter at most, and by some
//! hundredths as a rule; below 100 µs by that much. Prometheus is shown every bound that begins with 1, 2.5 or 5.

use super::counts::{Counter, Counts, Label};
use super::labels::Outcome;
use std::time::Duration;

/// Bounds to a decade, for 100 µs and more.
const PREFERRED: [u32; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];
const COUNT: usize = 66;
/// Upper bounds of the buckets, inclusive, in microseconds; what is above the last has a bucket of its own.
const BOUNDS: [u32; COUNT] = bounds();
/// The places among [`BOUNDS`] that Prometheus is shown: 1, 2.5, 5, 10 ms, … 250 s.
const SHOWN_BOUNDS: [usize; 17] = [10, 14, 17, 20, 24, 27, 30, 34, 37, 40, 44, 47, 50, 54, 57, 60, 64];

const fn bounds() -> [u32; COUNT] {
    let mut bounds = [0; COUNT];
    let mut place = 0;
    while place < COUNT {
        bounds[place] = PREFERRED[place % 10] * 10_u32.pow(place as u32 / 10);
        place += 1;
    }
    bounds
}

/// Durations by how it ended.
#[derive(Debug)]
pub struct Durations {
    buckets: Box<[[Counter; COUNT + 1]]>,
    /// Microseconds.
    sums: Counts<Outcome>,
}

impl Default for Durations {
    fn default() -> Durations {
        let buckets = Outcome::ALL.iter().map(|_| std::array::from_fn(|_| Counter::default()));
        Durations { buckets: buckets.collect(), sums: Counts::default() }
    }
}

impl Durations {
    /// One more.
    pub fn count(&self, outcome: Outcome, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 1_000_000);
        let place = BOUNDS.partition_point(|bound| u64::from(*bound) < micros);
        self.buckets[outcome.index()][place].count();
        self.sums.of(outcome).add(micros);
    }

    /// Seconds of all together.
    pub fn sum(&self, outcome: Outcome) -> f64 {
        self.sums.of(outcome).get() as f64 / 1e6
    }

    /// Upper bounds in seconds, with how many took that long or less; then how many there are.
    pub fn cumulative(&self, outcome: Outcome) -> (Vec<(f64, u64)>, u64) {
        let buckets = &self.buckets[outcome.index()];
        let (mut shown, mut total) = (Vec::with_capacity(SHOWN_BOUNDS.len()), 0);
        for (place, bucket) in buckets.iter().enumerate() {
            total += bucket.get();
            if SHOWN_BOUNDS.contains(&place) {
                shown.push((f64::from(BOUNDS[place]) / 1e6, total));
            }
        }
        (shown, total)
    }

    /// The time that this part of the calls, 0 to 1, took no longer than, of those that the server answered; none
    /// without any. More than 315 s counts as 315 s.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let answers = Outcome::ALL.iter().filter(|outcome| outcome.is_answer());
        let answers: Vec<_> = answers.map(|outcome| &self.buckets[outcome.index()]).collect();
        let counts: Vec<u64> =
            (0..=COUNT).map(|place| answers.iter().map(|buckets| buckets[place].get()).sum()).collect();
        let rank = part * counts.iter().sum::<u64>() as f64;
        let mut before = 0.0;
        for (place, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let count = count as f64;
            if before + count >= rank {
                let share = ((rank - before) / count).clamp(0.0, 1.0);
                return Some(within(place, share));
            }
            before += count;
        }
        None
    }
}

/// So far into the bucket at that place.
fn within(place: usize, share: f64) -> Duration {
    let bound = |place: usize| BOUNDS.get(place).or(BOUNDS.last()).copied().map_or(0.0, f64::from);
    let lower = place.checked_sub(1).map_or(0.0, bound);
    Duration::from_secs_f64((lower + share * (bound(place) - lower)) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_by_about_a_quarter() {
        assert_eq!((BOUNDS[0], BOUNDS[10], BOUNDS[COUNT - 1]), (100, 1000, 315_000_000));
        for pair in BOUNDS.windows(2) {
            let growth = f64::from(pair[1]) / f64::from(pair[0]);
            assert!((1.2..1.3).contains(&growth), "{pair:?}");
        }
        let shown = SHOWN_BOUNDS.map(|place| BOUNDS[place].to_string());
        assert!(
            shown.iter().all(|bound| ["1", "25", "5"].contains(&bound.trim_end_matches('0'))),
            "{shown:?}"
        );
    }

    #[test]
    fn a_quantile_is_close() {
        let durations = Durations::default();
        for ms in 1..=1000 {
            durations.count(Outcome::Ok, Duration::from_millis(ms));
        }
        for (part, ms) in [(0.5, 500.0), (0.99, 990.0), (0.1, 100.0)] {
            let found = durations.quantile(part).unwrap().as_secs_f64() * 1000.0;
            assert!((found / ms - 1.0).abs() < 0.05, "{part}: {found} ms");
        }
        assert_eq!(Durations::default().quantile(0.5), None);
    }

    #[test]
    fn only_what_was_answered_has_a_quantile_and_the_longest_is_bounded() {
        let durations = Durations::default();
        durations.count(Outcome::TimedOut, Duration::from_secs(300));
        assert_eq!(durations.quantile(0.5), None);
        durations.count(Outcome::Error, Duration::from_secs(9999));
        assert_eq!(durations.quantile(0.99), Some(Duration::from_secs(315)));
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let durations = Durations::default();
        durations.count(Outcome::Ok, Duration::from_millis(1));
        durations.count(Outcome::Ok, Duration::from_micros(1001));
        durations.count(Outcome::Ok, Duration::from_secs(1000));
        let (shown, total) = durations.cumulative(Outcome::Ok);
        assert_eq!((&shown[..2], shown[16], total), (&[(0.001, 1), (0.0025, 2)][..], (250.0, 2), 3));
        assert!((durations.sum(Outcome::Ok) - 1000.002).abs() < 0.001);
    }
}
