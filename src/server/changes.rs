//! What wakes those who watch all servers at once: every change of a state, whichever server it is of.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the changes, and rings for each.
#[derive(Debug, Default)]
pub struct Changes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: u64,
    /// There is one while somebody waits: both ends of a pipe into which nothing is written.
    bell: Option<(Bell, PipeWriter)>,
    is_over: bool,
}

/// Rings once: its end is to be read when something has changed since it was handed out. Unlike a condition variable it
/// can be waited for together with a client's socket; all who watch share one.
#[derive(Clone, Debug)]
pub struct Bell(Arc<PipeReader>);

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Changes {
    /// Something has changed. Costs next to nothing where nobody watches.
    pub fn note(&self) {
        let mut state = self.state();
        state.count += 1;
        state.bell = None;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// There will be no more; whoever waits is woken.
    pub fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.bell = None;
    }

    /// Rings at the next change: look for what has changed already afterwards. `None`: there will be none.
    ///
    /// # Errors
    /// This process has no file descriptor left.
    pub fn next(&self) -> io::Result<Option<Bell>> {
        let mut state = self.state();
        if state.is_over {
            return Ok(None);
        }
        if state.bell.is_none() {
            let (reader, writer) = io::pipe()?;
            state.bell = Some((Bell(Arc::new(reader)), writer));
        }
        Ok(state.bell.as_ref().map(|(bell, _)| bell.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn has_rung(bell: &Bell) -> bool {
        poll(&mut [PollFd::new(bell, PollFlags::IN)], Some(&Timespec::default())).unwrap() > 0
    }

    #[test]
    fn a_bell_rings_for_all_who_have_it_and_once() {
        let changes = Changes::default();
        let (one, two) = (changes.next().unwrap().unwrap(), changes.next().unwrap().unwrap());
        assert!(!has_rung(&one) && !has_rung(&two));
        changes.note();
        assert!(has_rung(&one) && has_rung(&two));
        let next = changes.next().unwrap().unwrap();
        assert!(!has_rung(&next));
        assert_eq!(changes.count(), 1);
        changes.end();
        assert!(has_rung(&next) && changes.next().unwrap().is_none());
    }
}
