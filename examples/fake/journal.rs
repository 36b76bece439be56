//! Everything received, as it came, so that a test can see what reached the child.

use super::wire::Message;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// A load test must not fill the memory: only the newest lines are kept.
const LINES: usize = 1000;

#[derive(Default)]
pub(crate) struct Journal(Mutex<VecDeque<String>>);

impl Journal {
    pub(crate) fn keep(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines without their ends, oldest first. The call that asks is not yet among them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| line.trim_end().to_string()).collect()
    }

    /// How many messages had this method.
    pub(crate) fn count(&self, method: &str) -> usize {
        let is = |line: &String| parse(line).is_some_and(|message| message.method.as_deref() == Some(method));
        self.lines().iter().filter(|line| is(line)).count()
    }

    /// Whether a message had this id, given as JSON text.
    pub(crate) fn saw(&self, id: &str) -> bool {
        let is =
            |line: &String| parse(line).is_some_and(|message| message.id.is_some_and(|it| it.get() == id));
        self.lines().iter().any(is)
    }
}

fn parse(line: &str) -> Option<Message<'_>> {
    serde_json::from_str(line).ok()
}
