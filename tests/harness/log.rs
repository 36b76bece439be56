//! A process's stderr, kept line by line while it runs.

use super::DEADLINE;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Default)]
pub struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads on a thread until the other side closes.
    pub fn of(input: impl Read + Send + 'static) -> Log {
        let log = Log::default();
        let theirs = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(input).split(b'\n').map_while(Result::ok) {
                theirs.change(|state| state.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            theirs.change(|state| state.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.notify_all();
    }

    pub fn lines(&self) -> Vec<String> {
        self.state().lines.clone()
    }

    /// A matcher that panicked leaves the lines as good as they were.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line that matches, past or to come. Panics with the whole log if there is none in time.
    #[track_caller]
    pub fn wait(&self, mut matches: impl FnMut(&str) -> bool) -> String {
        let mut seen = 0;
        let mut found = None;
        let searching = |state: &mut State| {
            found = state.lines[seen..].iter().find(|line| matches(line)).cloned();
            seen = state.lines.len();
            found.is_none() && !state.ended
        };
        drop(self.0.changed.wait_timeout_while(self.state(), DEADLINE, searching));
        match found {
            Some(line) => line,
            None => panic!("no such line in the log:\n{}", self.lines().join("\n")),
        }
    }
}
