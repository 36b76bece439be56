//! The only place in the tests that sleeps.

use std::time::{Duration, Instant};

/// Waits until the condition holds, and panics at the caller's line if it does not in time.
#[track_caller]
pub fn eventually(deadline: Duration, condition: impl FnMut() -> bool) {
    assert!(within(deadline, condition), "not within {deadline:?}");
}

/// Waits for a value, and panics at the caller's line if none comes in time.
#[track_caller]
pub fn wait_for<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    eventually(deadline, || {
        found = look();
        found.is_some()
    });
    found.unwrap()
}

/// Whether the condition came to hold in time.
pub fn within(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
