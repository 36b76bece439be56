//! When what has changed is at rest: a pure value, with the clock passed in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Changes that follow one another within this time are one.
const QUIET: Duration = Duration::from_millis(200);
/// How long changes that never end are waited for: what is there then is taken, and the rest when it comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Changes that are noted and not told yet.
#[derive(Default)]
pub(super) struct Desk {
    /// The first and the last of them.
    noted: Option<(Instant, Instant)>,
    /// Files that were written to and not closed since.
    open: BTreeSet<PathBuf>,
    /// When to look again at what was held back.
    held_until: Option<Instant>,
}

impl Desk {
    /// Something has changed.
    pub(super) fn note(&mut self, now: Instant) {
        let first = self.noted.map_or(now, |(first, _)| first);
        self.noted = Some((first, now));
    }

    /// A file is being written.
    pub(super) fn opened(&mut self, path: PathBuf, now: Instant) {
        self.open.insert(path);
        self.note(now);
    }

    /// Its writer is done with it, or it is gone.
    pub(super) fn closed(&mut self, path: &Path, now: Instant) {
        self.open.remove(path);
        self.note(now);
    }

    /// All was told, but for what is held back until this time.
    pub(super) fn clear(&mut self, held_until: Option<Instant>) {
        *self = Desk { held_until, ..Desk::default() };
    }

    /// When it is time to look.
    pub(super) fn due(&self) -> Option<Instant> {
        let rest = self.noted.map(|(first, last)| match self.open.is_empty() {
            true => (last + QUIET).min(first + PATIENCE),
            false => first + PATIENCE,
        });
        // What is noted comes with what is held.
        rest.or(self.held_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn changes_close_together_are_one() {
        let (mut desk, start) = (Desk::default(), Instant::now());
        assert_eq!(desk.due(), None);
        for ms in [0, 150, 300] {
            desk.note(after(start, ms));
        }
        assert_eq!(desk.due(), Some(after(start, 500)));
        desk.clear(None);
        assert_eq!(desk.due(), None);
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for_but_not_for_ever() {
        let (mut desk, start) = (Desk::default(), Instant::now());
        desk.opened("a".into(), start);
        assert_eq!(desk.due(), Some(after(start, 5000)));
        desk.closed(Path::new("a"), after(start, 3000));
        assert_eq!(desk.due(), Some(after(start, 3200)));
    }

    #[test]
    fn nor_for_changes_that_never_end() {
        let (mut desk, start) = (Desk::default(), Instant::now());
        (0..=4900).step_by(100).for_each(|ms| desk.note(after(start, ms)));
        assert_eq!(desk.due(), Some(after(start, 5000)));
    }

    #[test]
    fn what_is_held_back_comes_up_again() {
        let (mut desk, start) = (Desk::default(), Instant::now());
        desk.note(start);
        desk.clear(Some(after(start, 9000)));
        assert_eq!(desk.due(), Some(after(start, 9000)));
        desk.note(after(start, 1000));
        assert_eq!(desk.due(), Some(after(start, 1200)));
    }
}
