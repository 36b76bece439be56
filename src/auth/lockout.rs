//! Who tries secrets that are none: after some failures an address has to wait, longer each time.

use crate::meter::Counter;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures within [`WINDOW`] that lock an address out.
const FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// The first wait; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);
/// After so much time without a failure an address begins anew.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Failures within [`WINDOW`] of all addresses together for which there is no place of their own.
const FAILURES_OF_THE_REST: u32 = 60;

/// Counts failures by address: an IPv4 address, or the /64 of an IPv6 one, which is what one household has.
pub struct Lockout {
    book: Mutex<Book>,
    failures: Counter,
    locks: Counter,
}

impl Lockout {
    /// With places for so many addresses.
    pub fn new(most: usize) -> Lockout {
        let book = Book { most, known: HashMap::new(), rest: Record::new(Instant::now()) };
        Lockout { book: Mutex::new(book), failures: Counter::default(), locks: Counter::default() }
    }

    /// Whether this address may try.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn allow(&self, address: IpAddr) -> Result<(), Duration> {
        self.book().allow(address, Instant::now())
    }

    /// It tried, in vain. True if that locked it out.
    pub fn failed(&self, address: IpAddr) -> bool {
        let is_locked = self.book().failed(address, Instant::now());
        self.failures.count();
        if is_locked {
            self.locks.count();
        }
        is_locked
    }

    /// Failures, and how often somebody was locked out.
    pub fn counts(&self) -> (u64, u64) {
        (self.failures.get(), self.locks.get())
    }

    /// It knew a secret that only its owner can know: what it did before is forgotten. Not for a secret that many
    /// have, or one of them could guess those of the others without end.
    pub fn succeeded(&self, address: IpAddr) {
        self.book().known.remove(&place(address));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same with the clock passed in.
struct Book {
    most: usize,
    known: HashMap<IpAddr, Record>,
    /// Of addresses that find no place: they share what may be tried, and none of them is locked out for long.
    rest: Record,
}

/// What one address did.
struct Record {
    since: Instant,
    failures: u32,
    /// How often it was locked out.
    locks: u32,
    until: Instant,
}

impl Record {
    fn new(now: Instant) -> Record {
        Record { since: now, failures: 0, locks: 0, until: now }
    }

    fn count(&mut self, now: Instant) -> u32 {
        if now.saturating_duration_since(self.since) >= WINDOW {
            (self.since, self.failures) = (now, 0);
        }
        self.failures += 1;
        self.failures
    }

    fn lock(&mut self, now: Instant) {
        self.until = now + FIRST.saturating_mul(1 << self.locks.min(6)).min(LONGEST);
        self.locks += 1;
        self.failures = 0;
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.until.max(self.since)) >= FORGOTTEN
    }
}

impl Book {
    fn allow(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let wait = match self.known.get(&place(address)) {
            Some(record) => record.until.saturating_duration_since(now),
            None if self.rest.failures < FAILURES_OF_THE_REST => Duration::ZERO,
            None => (self.rest.since + WINDOW).saturating_duration_since(now),
        };
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    fn failed(&mut self, address: IpAddr, now: Instant) -> bool {
        let place = place(address);
        if !self.known.contains_key(&place) && !self.has_room(now) {
            self.rest.count(now);
            return false;
        }
        let record = self.known.entry(place).or_insert_with(|| Record::new(now));
        if record.is_over(now) {
            *record = Record::new(now);
        }
        let is_too_often = record.count(now) >= FAILURES;
        if is_too_often {
            record.lock(now);
        }
        is_too_often
    }

    /// Whether one more address finds a place: one that failed now and then gives its own away, the oldest first. One
    /// that was locked out keeps it until it is forgotten, so that no crowd makes it a stranger again.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.known.len() < self.most {
            return true;
        }
        self.known.retain(|_, record| !record.is_over(now));
        if self.known.len() >= self.most {
            let harmless = self.known.iter().filter(|(_, record)| record.locks == 0);
            let oldest = harmless.min_by_key(|(_, record)| record.since).map(|(address, _)| *address);
            oldest.and_then(|address| self.known.remove(&address));
        }
        self.known.len() < self.most
    }
}

fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn book(most: usize) -> (Book, Instant) {
        let now = Instant::now();
        (Book { most, known: HashMap::new(), rest: Record::new(now) }, now)
    }

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    fn lock(book: &mut Book, who: IpAddr, now: Instant) {
        assert!((1..FAILURES).all(|_| !book.failed(who, now)));
        assert!(book.failed(who, now));
    }

    #[test]
    fn who_guesses_waits_twice_as_long_each_time() {
        let (mut book, mut now) = book(10);
        for seconds in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            lock(&mut book, address(1), now);
            assert_eq!(book.allow(address(1), now), Err(Duration::from_secs(seconds)));
            assert_eq!(book.allow(address(2), now), Ok(()));
            now += Duration::from_secs(seconds);
            assert_eq!(book.allow(address(1), now), Ok(()));
        }
        now += FORGOTTEN;
        lock(&mut book, address(1), now);
        assert_eq!(book.allow(address(1), now), Err(FIRST));
    }

    #[test]
    fn who_errs_now_and_then_does_not_wait() {
        let (mut book, mut now) = book(10);
        for _ in 0..100 {
            assert!(!book.failed(address(1), now));
            now += 7 * SECOND;
        }
        assert_eq!(book.allow(address(1), now), Ok(()));
    }

    #[test]
    fn addresses_are_those_of_a_household() {
        let (mut book, now) = book(10);
        lock(&mut book, "2001:db8:1:2::1".parse().unwrap(), now);
        assert!(book.allow("2001:db8:1:2:ffff::9".parse().unwrap(), now).is_err());
        assert!(book.allow("2001:db8:1:3::1".parse().unwrap(), now).is_ok());
        lock(&mut book, "192.0.2.1".parse().unwrap(), now);
        assert!(book.allow("::ffff:192.0.2.1".parse().unwrap(), now).is_err());
    }

    #[test]
    fn a_crowd_neither_locks_out_the_honest_nor_hides_the_guilty() {
        let (mut book, now) = book(50);
        lock(&mut book, address(1), now);
        for number in 100..10_000 {
            book.failed(address(number), now);
        }
        assert!(book.known.len() <= 50);
        assert!(book.allow(address(1), now).is_err(), "the guilty is remembered");
        assert!(book.allow(address(2), now).is_ok(), "who has done nothing may try");
        for number in 100..200 {
            for _ in 0..FAILURES {
                book.failed(address(number), now);
            }
        }
        assert_eq!(book.known.len(), 50);
        assert!(book.allow(address(1), now).is_err());
        assert!(
            book.allow(address(2), now).is_err_and(|wait| wait <= WINDOW),
            "all others share what is left"
        );
        assert!(book.allow(address(2), now + WINDOW).is_ok());
    }

    #[test]
    fn who_proves_to_be_the_owner_begins_anew() {
        let lockout = Lockout::new(10);
        for _ in 0..FAILURES {
            lockout.failed(address(1));
        }
        assert!(lockout.allow(address(1)).is_err());
        lockout.succeeded(address(1));
        assert!(lockout.allow(address(1)).is_ok());
    }
}
