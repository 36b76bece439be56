//! The audit log: who was refused what, and why. Target `audit`; never a credential, never a path.

use crate::meter::{Counts, Refusal};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one address in [`PERIOD`]; more are counted, and the number comes with the next line.
const MOST: u32 = 10;
const PERIOD: Duration = Duration::from_secs(60);
/// Addresses that are told apart; all others count as one.
const MOST_ADDRESSES: usize = 256;

/// Counts refusals and writes the lines, so few that no stranger can fill a disk with them.
#[derive(Default)]
pub struct Audit {
    refusals: Counts<Refusal>,
    lines: Mutex<HashMap<Option<IpAddr>, Lines>>,
}

#[derive(Clone, Copy)]
struct Lines {
    since: Instant,
    count: u32,
}

impl Audit {
    /// Somebody was refused, for this `reason` in words. `place` is the name that was asked for, or the kind of place
    /// that is the proxy's own.
    pub fn refused(&self, address: IpAddr, place: &str, refusal: Refusal, reason: &str) {
        self.refusals.of(refusal).count();
        if let Some(left_out) = self.admit(address, Instant::now()) {
            let more = if left_out > 0 { format!("; {left_out} more were left out") } else { String::new() };
            log::warn!(target: "audit", event = "refused", address = address.to_string().as_str(), place, reason; "refused: {reason}{more}");
        }
    }

    /// How often somebody was.
    pub fn refusals(&self) -> &Counts<Refusal> {
        &self.refusals
    }

    /// Whether one more line is written, and how many were left out before it.
    fn admit(&self, address: IpAddr, now: Instant) -> Option<u32> {
        let mut all = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |lines: &Lines| now.saturating_duration_since(lines.since) >= PERIOD;
        if all.len() >= MOST_ADDRESSES && !all.contains_key(&Some(address)) {
            all.retain(|_, lines| !is_over(lines));
        }
        let is_known = all.len() < MOST_ADDRESSES || all.contains_key(&Some(address));
        let lines = all.entry(is_known.then_some(address)).or_insert(Lines { since: now, count: 0 });
        let mut left_out = 0;
        if is_over(lines) {
            left_out = lines.count.saturating_sub(MOST);
            *lines = Lines { since: now, count: 0 };
        }
        lines.count = lines.count.saturating_add(1);
        (lines.count <= MOST).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn one_address_writes_so_many_lines_and_the_rest_is_counted() {
        let (audit, now) = (Audit::default(), Instant::now());
        let (one, other) = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::BROADCAST.into());
        assert_eq!((0..1000).filter(|_| audit.admit(one, now).is_some()).count() as u32, MOST);
        assert_eq!(audit.admit(other, now), Some(0));
        assert_eq!(audit.admit(one, now + PERIOD), Some(1000 - MOST));
        assert_eq!(audit.admit(one, now + PERIOD), Some(0));
    }

    #[test]
    fn many_addresses_write_no_more_than_a_few() {
        let (audit, now) = (Audit::default(), Instant::now());
        let lines =
            (0..100_000).filter(|n| audit.admit(Ipv4Addr::from_bits(*n).into(), now).is_some()).count();
        assert!(lines <= MOST_ADDRESSES + MOST as usize, "{lines}");
        assert!(audit.lines.lock().unwrap().len() <= MOST_ADDRESSES + 1);
    }
}
