//! What a server says beside its messages: logged under its name, and its last lines kept, without its secrets.

use super::journal::Journal;
use crate::log::request::{self, RequestId};
use crate::secrets;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A longer line is cut: log lines are for people.
const MAX_LINE_BYTES: usize = 4096;

/// The last lines that one child printed on stderr (an HTTP server's stdout too).
pub(super) struct Tail {
    /// Of the present child: what an earlier one said explains nothing.
    lines: Mutex<VecDeque<String>>,
    max: usize,
    /// What all children of the name have said.
    journal: Arc<Journal>,
}

impl Tail {
    /// Keeps `max` lines.
    pub(super) fn new(max: usize, journal: Arc<Journal>) -> Tail {
        Tail { lines: Mutex::default(), max, journal }
    }

    /// Where what it hears is written down.
    pub(super) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The last lines of the present child, at most `count`.
    pub(super) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines();
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    /// From now on it is another child that speaks.
    pub(super) fn begin(&self) {
        self.lines().clear();
    }

    fn push(&self, line: String) {
        let mut lines = self.lines();
        lines.push_back(line);
        while lines.len() > self.max {
            lines.pop_front();
        }
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs and keeps every line of `pipe` until its end; `about` says which request each is about.
    pub(super) fn follow(&self, pipe: impl Read, server: &str, about: impl Fn() -> Option<RequestId>) {
        let mut pipe = BufReader::new(pipe);
        while let Ok(Some(text)) = next(&mut pipe) {
            let _scope = request::within(about());
            self.hear(server, text);
        }
    }

    /// Logs and keeps one line, without its end.
    pub(super) fn take(&self, server: &str, line: &[u8]) {
        self.hear(server, shortened(line, line.len()));
    }

    fn hear(&self, server: &str, text: String) {
        log::info!(target: "stderr", server, event = "stderr"; "{text}");
        self.journal.write(&text);
        self.push(text);
    }
}

/// The next line without secrets, cut where it becomes too long; `None` at the end.
fn next(pipe: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    // With room for the line's end, and for a secret that lies across the cut.
    let most = MAX_LINE_BYTES + secrets::longest() + 2;
    if pipe.by_ref().take(most as u64).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let whole = line.pop_if(|byte| *byte == b'\n').is_some();
    line.pop_if(|byte| *byte == b'\r');
    let rest = if whole || line.len() <= MAX_LINE_BYTES { 0 } else { pipe.skip_until(b'\n')? };
    Ok(Some(shortened(&line, line.len() + rest.saturating_sub(1)))) // its end is counted in the rest
}

/// A line of that many bytes, of which `line` is the start: no more than people read, and no secret.
fn shortened(line: &[u8], bytes: usize) -> String {
    let start = secrets::start_of(line, MAX_LINE_BYTES);
    if bytes <= MAX_LINE_BYTES { start } else { format!("{start}… (a line of {bytes} bytes)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail() -> Tail {
        Tail::new(3, Journal::new(3))
    }

    #[test]
    fn of_a_long_line_the_start_and_the_length_are_kept() {
        let tail = tail();
        let (most, long) = ("x".repeat(MAX_LINE_BYTES), "y".repeat(9_999));
        tail.follow(format!("{most}\r\n{long}\nlast").as_bytes(), "test", || None);
        let cut = format!("{}… (a line of 9999 bytes)", &long[..MAX_LINE_BYTES]);
        assert_eq!(tail.last(3), [most, cut, "last".into()]);
    }

    #[test]
    fn a_secret_is_not_seen_not_even_in_half() {
        let tail = tail();
        secrets::keep(["the-secret-on-stderr".to_string()]);
        let before = "x".repeat(MAX_LINE_BYTES - 10);
        tail.follow(
            format!("a the-secret-on-stderr b\n{before}the-secret-on-stderr y\n").as_bytes(),
            "test",
            || None,
        );
        let cut = format!("{before}***… (a line of {} bytes)", before.len() + 22);
        assert_eq!(tail.last(3), ["a *** b".to_string(), cut]);
    }

    #[test]
    fn what_an_earlier_child_said_is_kept_but_explains_nothing() {
        let tail = tail();
        tail.follow(&b"one\ntwo\n"[..], "test", || None);
        tail.begin();
        assert!(tail.last(5).is_empty());
        tail.follow(&b"three\nfour\n"[..], "test", || None);
        assert_eq!((tail.last(5), tail.last(1)), (vec!["three".into(), "four".into()], vec!["four".into()]));
        let all: Vec<String> = tail.journal().kept().into_iter().map(|line| line.text).collect();
        assert_eq!(all, ["two", "three", "four"]);
    }
}
