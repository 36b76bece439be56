//! A process's stderr, kept line by line while it runs.

use super::DEADLINE;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};

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
        change(&mut self.0.state.lock().unwrap());
        self.0.changed.notify_all();
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.state.lock().unwrap().lines.clone()
    }

    /// The first line that matches, past or to come. Panics with the whole log if there is none in time.
    #[track_caller]
    pub fn wait(&self, mut matches: impl FnMut(&str) -> bool) -> String {
        let mut seen = 0;
        let mut found = None;
        let state = self.0.state.lock().unwrap();
        let (state, _) = self
            .0
            .changed
            .wait_timeout_while(state, DEADLINE, |state| {
                found = state.lines[seen..].iter().find(|line| matches(line)).cloned();
                seen = state.lines.len();
                found.is_none() && !state.ended
            })
            .unwrap();
        found.unwrap_or_else(|| panic!("no such line in the log:\n{}", state.lines.join("\n")))
    }
}
