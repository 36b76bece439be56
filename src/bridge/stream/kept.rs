//! How much may be kept for clients, all of them together.

use crate::meter::{Meter, Rejection};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound in bytes, shared by all mailboxes of a server.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: AtomicUsize,
    max: usize,
    /// Whoever counts what was lost for want of room.
    meter: Option<Arc<Meter>>,
}

/// Bytes that are kept; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    kept: Arc<Kept>,
    bytes: usize,
}

impl Kept {
    pub(crate) fn new(max: usize) -> Arc<Kept> {
        Arc::new(Kept { bytes: AtomicUsize::new(0), max, meter: None })
    }

    /// The same, where what is lost is counted there.
    pub(crate) fn counted(max: usize, meter: &Arc<Meter>) -> Arc<Kept> {
        Arc::new(Kept { bytes: AtomicUsize::new(0), max, meter: Some(Arc::clone(meter)) })
    }

    /// Something found no room, and is not kept.
    pub(crate) fn count_loss(&self) {
        self.meter.iter().for_each(|meter| meter.rejections.of(Rejection::StreamQueue).count());
    }

    /// Has `share` hold so many bytes; false if there is not so much left.
    pub(crate) fn hold(share: &mut Option<Share>, kept: &Arc<Kept>, bytes: usize) -> bool {
        match share {
            Some(share) => share.resize(bytes),
            None => {
                *share = Kept::take(kept, bytes);
                share.is_some()
            }
        }
    }

    /// Room for so many bytes; `None` if there is not so much left.
    pub(crate) fn take(kept: &Arc<Kept>, bytes: usize) -> Option<Share> {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= kept.max);
        kept.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Share { kept: Arc::clone(kept), bytes })
    }
}

impl Share {
    /// Something of whose this is was lost.
    pub(crate) fn count_loss(&self) {
        self.kept.count_loss();
    }

    /// Changes it to so many bytes; false if there is not so much left.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        match Kept::take(&self.kept, bytes.saturating_sub(self.bytes)) {
            Some(mut more) => {
                self.kept.bytes.fetch_sub(self.bytes.saturating_sub(bytes), Ordering::Relaxed);
                (self.bytes, more.bytes) = (bytes, 0);
                true
            }
            None => false,
        }
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
        let mut share = Kept::take(&kept, 2).unwrap();
        assert!(share.resize(10) && !share.resize(11) && share.resize(4));
        assert!(Kept::take(&kept, 6).is_some() && Kept::take(&kept, 7).is_none());
    }
}
