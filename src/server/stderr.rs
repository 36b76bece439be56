//! What a server says beside its messages: logged under its name, and its last lines kept.

use super::lines::{Line, Lines};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

/// A longer line is cut: log lines are for people.
const MAX_LINE_BYTES: usize = 4096;

/// The last lines a server printed on stderr (an HTTP server's stdout too).
pub(super) struct Tail {
    lines: Mutex<VecDeque<String>>,
    max: usize,
}

impl Tail {
    /// Keeps `max` lines.
    pub(super) fn new(max: usize) -> Tail {
        Tail { lines: Mutex::default(), max }
    }

    /// The last `count` lines, oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= self.max {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Logs and keeps every line of `pipe` until its end.
    pub(super) fn follow(&self, pipe: impl Read, server: &str) {
        let mut lines = Lines::new(pipe, MAX_LINE_BYTES);
        while let Ok(Some(line)) = lines.next() {
            let text = match line {
                Line::Text(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Line::Oversize(line) => format!("(a line of {} bytes)", line.bytes),
            };
            log::info!(target: "stderr", server, event = "stderr"; "{text}");
            self.push(text);
        }
    }
}
