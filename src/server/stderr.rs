//! What a server says beside its messages: logged under its name, and its last lines kept.

use super::lines::{Line, Lines};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A longer line is cut: log lines are for people.
const MAX_LINE_BYTES: usize = 4096;

/// The last lines a server printed on stderr (an HTTP server's stdout too).
pub(super) struct Tail {
    kept: Mutex<Kept>,
    max: usize,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    /// How many of them the present child printed.
    present: usize,
}

impl Tail {
    /// Keeps `max` lines.
    pub(super) fn new(max: usize) -> Tail {
        Tail { kept: Mutex::default(), max }
    }

    /// All lines that are kept, oldest first.
    pub(super) fn all(&self) -> Vec<String> {
        self.kept().lines.iter().cloned().collect()
    }

    /// The last lines of the present child, at most `count`: what an earlier one said explains nothing.
    pub(super) fn last(&self, count: usize) -> Vec<String> {
        let kept = self.kept();
        kept.lines.iter().skip(kept.lines.len() - kept.present.min(count)).cloned().collect()
    }

    /// From now on it is another child that speaks.
    pub(super) fn begin(&self) {
        self.kept().present = 0;
    }

    fn push(&self, line: String) {
        let mut kept = self.kept();
        kept.lines.push_back(line);
        kept.present += 1;
        while kept.lines.len() > self.max {
            kept.lines.pop_front();
        }
        kept.present = kept.present.min(kept.lines.len());
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_child_said_is_kept_but_explains_nothing() {
        let tail = Tail::new(3);
        tail.follow(&b"one\ntwo\n"[..], "test");
        tail.begin();
        assert!(tail.last(5).is_empty());
        tail.follow(&b"three\nfour\n"[..], "test");
        assert_eq!((tail.last(5), tail.last(1)), (vec!["three".into(), "four".into()], vec!["four".into()]));
        assert_eq!(tail.all(), ["two", "three", "four"]);
    }
}
