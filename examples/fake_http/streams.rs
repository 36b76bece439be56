//! A session's GET streams. Each message goes out on one of them, the newest; while there is none it waits.

use crate::fake::Outlet;
use crate::post::Said;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many messages wait, the newest.
const WAITING: usize = 100;

#[derive(Default)]
pub(crate) struct Streams(Mutex<State>);

#[derive(Default)]
struct State {
    open: Vec<Sender<Said>>,
    waiting: VecDeque<String>,
}

impl Outlet for Streams {
    fn send(&self, line: &str) {
        let mut state = self.state();
        if !state.deliver(line) {
            state.waiting.push_back(line.to_string());
            if state.waiting.len() > WAITING {
                state.waiting.pop_front();
            }
        }
    }
}

impl Streams {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, with what has waited for it. It is closed when the receiver is dropped.
    pub(crate) fn open(&self) -> Receiver<Said> {
        let (sender, inbox) = channel();
        let mut state = self.state();
        state.open.push(sender);
        for line in std::mem::take(&mut state.waiting) {
            state.deliver(&line);
        }
        inbox
    }

    /// A notification that does not wait. Returns how many streams it went to.
    pub(crate) fn notify(&self, method: &Value) -> usize {
        let line = json!({"jsonrpc": "2.0", "method": method}).to_string();
        usize::from(self.state().deliver(&line))
    }
}

impl State {
    fn deliver(&mut self, line: &str) -> bool {
        while let Some(newest) = self.open.last() {
            if newest.send(Said::More(line.to_string())).is_ok() {
                return true;
            }
            self.open.pop();
        }
        false
    }
}
