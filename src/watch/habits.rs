//! A server that writes into its own folder would be restarted by that, and write again: a pure value that slows such
//! a loop down, with the clock passed in.
//!
//! Nothing tells who has written a file. But a loop has a mark: files of the same kind (folder and extension) change
//! again soon after each restart, and that many times in a row. A person at work rarely does that; one who does loses
//! nothing but promptness, and that only until the next pause for thought. So nothing is ever ignored for good: each
//! restart by such a change waits twice as long as the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So soon after a restart (and the wait before it) another change continues the row.
const SOON: Duration = Duration::from_secs(30);
/// Restarts in a row that come without a wait.
const FREE: u32 = 10;
/// The wait before the next one, which doubles from there.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest one.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Files of one extension in one folder.
type Kind = (Option<PathBuf>, Option<OsString>);

fn kind(path: &Path) -> Kind {
    (path.parent().map(Path::to_path_buf), path.extension().map(OsString::from))
}

/// What the changes in each server's folder have had in common lately.
#[derive(Default)]
pub(super) struct Habits(BTreeMap<PathBuf, Habit>);

struct Habit {
    kinds: BTreeSet<Kind>,
    times: u32,
    last: Instant,
}

impl Habit {
    fn wait(&self) -> Duration {
        match self.times.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT.saturating_mul(2u32.saturating_pow(more)).min(LONGEST_WAIT),
        }
    }
}

impl Habits {
    /// Until when a change of `path`, in the server's folder `entry`, is to wait; none if it need not.
    pub(super) fn holds(&self, entry: &Path, path: &Path, now: Instant) -> Option<Instant> {
        let habit = self.0.get(entry).filter(|habit| habit.kinds.contains(&kind(path)))?;
        Some(habit.last + habit.wait()).filter(|until| *until > now)
    }

    /// These changes in `entry` are told now. True if from now on changes like these wait: time to say so. Where the
    /// entry itself has come, gone or been replaced it was no server's doing.
    pub(super) fn took(&mut self, entry: &Path, paths: &[PathBuf], now: Instant) -> bool {
        if paths.iter().any(|path| path == entry) {
            self.0.remove(entry);
            return false;
        }
        let kinds: BTreeSet<Kind> = paths.iter().map(|path| kind(path)).collect();
        let row = self.0.get(entry).filter(|habit| now <= habit.last + habit.wait() + SOON);
        let common = row
            .map(|habit| (&habit.kinds & &kinds, habit.times + 1))
            .filter(|(common, _)| !common.is_empty());
        let (kinds, times) = common.unwrap_or((kinds, 1));
        self.0.insert(entry.to_path_buf(), Habit { kinds, times, last: now });
        // Of folders that are long at rest nothing need be known.
        self.0.retain(|_, habit| now <= habit.last + habit.wait() + SOON);
        times == FREE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "/s/notes";

    struct Row {
        habits: Habits,
        now: Instant,
    }

    impl Row {
        fn new() -> Row {
            Row { habits: Habits::default(), now: Instant::now() }
        }

        /// The server is restarted as soon as it may be, and `seconds` later it has changed the file again.
        fn turn(&mut self, file: &str, seconds: u64) -> Duration {
            self.now += Duration::from_secs(seconds);
            let (entry, path) = (Path::new(ENTRY), PathBuf::from(file));
            let waited =
                self.habits.holds(entry, &path, self.now).map_or(Duration::ZERO, |until| until - self.now);
            self.now += waited;
            self.habits.took(entry, &[path], self.now);
            waited
        }

        fn turns(&mut self, file: &str, count: usize) -> Vec<Duration> {
            (0..count).map(|_| self.turn(file, 0)).collect()
        }
    }

    #[test]
    fn a_loop_is_slowed_down_until_it_is_none() {
        let mut row = Row::new();
        let waits: Vec<Duration> = row.turns("/s/notes/state.json", 40);
        assert!(waits[..10].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[10..13], [500, 1000, 2000].map(Duration::from_millis));
        assert_eq!(waits[39], LONGEST_WAIT);
    }

    #[test]
    fn one_whose_files_have_other_names_each_time_too() {
        let mut row = Row::new();
        let waits: Vec<Duration> = (0..15).map(|n| row.turn(&format!("/s/notes/out/{n}.png"), 1)).collect();
        assert!(waits[9].is_zero() && !waits[14].is_zero(), "{waits:?}");
    }

    #[test]
    fn a_person_who_pauses_never_waits() {
        let mut row = Row::new();
        assert!((0..40).all(|_| row.turn("/s/notes/index.js", 31).is_zero()));
        assert!((0..40).all(|n| row.turn(["/s/notes/a.js", "/s/notes/b.css"][n % 2], 1).is_zero()));
    }

    #[test]
    fn what_else_changes_does_not_wait_and_nobody_else_does() {
        let mut row = Row::new();
        row.turns("/s/notes/state.json", 20);
        assert!(row.habits.holds(Path::new(ENTRY), Path::new("/s/notes/state.json"), row.now).is_some());
        assert_eq!(row.habits.holds(Path::new(ENTRY), Path::new("/s/notes/index.js"), row.now), None);
        assert_eq!(row.habits.holds(Path::new("/s/b"), Path::new("/s/notes/state.json"), row.now), None);
    }

    #[test]
    fn it_is_said_once() {
        let (mut habits, now) = (Habits::default(), Instant::now());
        let said = (0..30).filter(|_| habits.took(Path::new(ENTRY), &["/s/notes/x.json".into()], now));
        assert_eq!(said.count(), 1);
    }

    #[test]
    fn a_folder_that_comes_and_goes_is_nobody_s_habit() {
        let mut row = Row::new();
        row.turns("/s/notes/state.json", 9);
        row.turn(ENTRY, 0);
        assert!(row.turns("/s/notes/state.json", 10).iter().all(Duration::is_zero));
    }

    #[test]
    fn a_pause_ends_the_row() {
        let mut row = Row::new();
        row.turns("/s/notes/state.json", 15);
        row.now += LONGEST_WAIT;
        assert!(row.turn("/s/notes/state.json", 0).is_zero());
        assert!(row.turn("/s/notes/state.json", 0).is_zero());
    }
}
