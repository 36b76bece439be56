//! What all children of a server have said, line by line and numbered: for who looks at it now, and for who follows it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Lines that are kept while somebody follows, so that a burst of them is not lost.
const FOLLOWED_LINES: usize = 1000;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    /// When it was read.
    pub at: SystemTime,
    /// Without its end and without secrets, at most 4 KiB and a note on what was cut off.
    pub text: String,
}

/// The last lines of a server.
pub(super) struct Journal {
    state: Mutex<State>,
    grown: Condvar,
    max: usize,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Line>,
    /// The number of the last one.
    last: u64,
    followers: usize,
}

impl Journal {
    /// Keeps `max` lines.
    pub(super) fn new(max: usize) -> Arc<Journal> {
        Arc::new(Journal { state: Mutex::default(), grown: Condvar::new(), max })
    }

    /// Adds a line, and wakes who follows.
    pub(super) fn write(&self, text: &str) {
        let mut state = self.state();
        state.last += 1;
        let line = Line { number: state.last, at: SystemTime::now(), text: text.to_string() };
        state.lines.push_back(line);
        let most = if state.followers > 0 { self.max.max(FOLLOWED_LINES) } else { self.max };
        let surplus = state.lines.len().saturating_sub(most);
        state.lines.drain(..surplus);
        drop(state);
        self.grown.notify_all();
    }

    /// The lines that are kept, oldest first.
    pub(super) fn kept(&self) -> Vec<Line> {
        let state = self.state();
        state.lines.iter().skip(state.lines.len().saturating_sub(self.max)).cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads on where it has stopped reading. Holds nothing but its place: who reads too slowly loses lines.
pub struct Follower {
    journal: Arc<Journal>,
    last: u64,
}

/// What a [`Follower`] has read.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    /// Lines that were said and forgotten before they could be read.
    pub lost: u64,
    /// Those that come next.
    pub lines: Vec<Line>,
}

impl Follower {
    /// Begins behind line `after`, or with the first that is kept.
    pub(super) fn new(journal: Arc<Journal>, after: u64) -> Follower {
        let mut state = journal.state();
        state.followers += 1;
        let first = state.lines.front().map_or(state.last, |line| line.number - 1);
        // A larger one is of an earlier run.
        let last = if after > state.last { first } else { after.max(first) };
        drop(state);
        Follower { journal, last }
    }

    /// The lines that have come since, or the first to come within `patience`.
    pub fn next(&mut self, patience: Duration) -> Heard {
        let state = self.journal.state();
        let waited = self.journal.grown.wait_timeout_while(state, patience, |state| state.last <= self.last);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let first = state.lines.front().map_or(state.last + 1, |line| line.number);
        let lost = first.saturating_sub(self.last + 1);
        let lines = state.lines.iter().filter(|line| line.number > self.last).cloned().collect();
        self.last = state.last;
        Heard { lost, lines }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.journal.state().followers -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn write(journal: &Journal, lines: usize) {
        (0..lines).for_each(|line| journal.write(&line.to_string()));
    }

    fn numbers(lines: &[Line]) -> Vec<u64> {
        lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn the_last_lines_are_kept_and_read_from_any_of_them_on() {
        let journal = Journal::new(3);
        write(&journal, 5);
        assert_eq!(numbers(&journal.kept()), [3, 4, 5]);
        let read = |after| numbers(&Follower::new(Arc::clone(&journal), after).next(SOON).lines);
        assert_eq!((read(0), read(3)), (vec![3, 4, 5], vec![4, 5]));
        assert_eq!((read(5), read(9)), (vec![], vec![3, 4, 5]));
    }

    #[test]
    fn who_follows_loses_no_burst_but_is_not_waited_for() {
        let journal = Journal::new(3);
        let mut follower = Follower::new(Arc::clone(&journal), 0);
        assert_eq!(follower.next(SOON), Heard::default());
        write(&journal, FOLLOWED_LINES);
        let heard = follower.next(SOON);
        assert_eq!((heard.lost, heard.lines.len()), (0, FOLLOWED_LINES));
        assert_eq!(numbers(&journal.kept()).len(), 3);
        write(&journal, FOLLOWED_LINES + 2);
        let heard = follower.next(SOON);
        assert_eq!((heard.lost, heard.lines.len()), (2, FOLLOWED_LINES));
        drop(follower);
        write(&journal, 1);
        assert_eq!(journal.state().lines.len(), 3);
    }

    #[test]
    fn a_line_wakes_who_waits() {
        let journal = Journal::new(3);
        let mut follower = Follower::new(Arc::clone(&journal), 0);
        let heard = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| follower.next(Duration::from_secs(20)));
            journal.write("said");
            waiting.join().unwrap()
        });
        assert_eq!(heard.lines[0].text, "said");
    }
}
