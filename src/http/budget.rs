//! Memory for request bodies, all connections together: many large ones at once must not fill a small machine.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A body up to this size is not counted: connections are bounded already.
pub(crate) const FREE_BYTES: usize = 16 * 1024;

/// How much is held by bodies that are read, or were and are not answered yet, and how much may be.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Budget {
        Budget { held: AtomicUsize::new(0), most }
    }

    /// An account for one body, with nothing on it yet.
    pub(crate) fn account(&self) -> Account<'_> {
        Account { budget: self, bytes: 0 }
    }
}

/// What one body holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Account<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Account<'_> {
    /// The body has grown to so many bytes. False: there is no more for it.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes.max(FREE_BYTES));
        if more == 0 {
            return true;
        }
        let fits = |held: usize| held.checked_add(more).filter(|held| *held <= self.budget.most);
        let taken = self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if taken {
            self.bytes = bytes;
        }
        taken
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes.saturating_sub(FREE_BYTES), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let budget = Budget::new(100_000);
        let (mut one, mut two, mut small) = (budget.account(), budget.account(), budget.account());
        assert!(one.grow_to(FREE_BYTES + 50_000) && one.grow_to(FREE_BYTES + 90_000));
        assert!(two.grow_to(FREE_BYTES + 10_000) && !two.grow_to(FREE_BYTES + 10_001));
        assert!(small.grow_to(FREE_BYTES));
        drop(one);
        assert!(two.grow_to(FREE_BYTES + 100_000) && !two.grow_to(FREE_BYTES + 100_001));
        drop((two, small));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }
}
