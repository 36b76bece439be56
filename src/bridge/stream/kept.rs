//! How much may be kept for clients that are away, all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound in bytes, shared by all mailboxes of a server.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: AtomicUsize,
    max: usize,
}

/// Bytes that are kept; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    kept: Arc<Kept>,
    bytes: usize,
}

impl Kept {
    pub(crate) fn new(max: usize) -> Arc<Kept> {
        Arc::new(Kept { bytes: AtomicUsize::new(0), max })
    }

    /// Room for so many bytes; `None` if there is not so much left.
    pub(crate) fn take(kept: &Arc<Kept>, bytes: usize) -> Option<Share> {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= kept.max);
        kept.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Share { kept: Arc::clone(kept), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.kept.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let kept = Kept::new(10);
        let share = Kept::take(&kept, 8).unwrap();
        assert!(Kept::take(&kept, 3).is_none() && Kept::take(&kept, usize::MAX).is_none());
        drop(share);
        assert!(Kept::take(&kept, 10).is_some());
    }
}
