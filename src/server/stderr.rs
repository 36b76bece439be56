//! What a server says beside its messages: logged under its name, and its last lines kept, without its secrets.

use crate::secrets;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
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
        let mut pipe = BufReader::new(pipe);
        while let Ok(Some(text)) = next(&mut pipe) {
            self.hear(server, text);
        }
    }

    /// Logs and keeps one line, without its end.
    pub(super) fn take(&self, server: &str, line: &[u8]) {
        self.hear(server, shortened(line, line.len()));
    }

    fn hear(&self, server: &str, text: String) {
        log::info!(target: "stderr", server, event = "stderr"; "{text}");
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

    #[test]
    fn of_a_long_line_the_start_and_the_length_are_kept() {
        let tail = Tail::new(3);
        let (most, long) = ("x".repeat(MAX_LINE_BYTES), "y".repeat(9_999));
        tail.follow(format!("{most}\r\n{long}\nlast").as_bytes(), "test");
        let cut = format!("{}… (a line of 9999 bytes)", &long[..MAX_LINE_BYTES]);
        assert_eq!(tail.all(), [most, cut, "last".into()]);
    }

    #[test]
    fn a_secret_is_not_seen_not_even_in_half() {
        let tail = Tail::new(3);
        secrets::keep(["the-secret-on-stderr".to_string()]);
        let before = "x".repeat(MAX_LINE_BYTES - 10);
        tail.follow(format!("a the-secret-on-stderr b\n{before}the-secret-on-stderr y\n").as_bytes(), "test");
        let cut = format!("{before}***… (a line of {} bytes)", before.len() + 22);
        assert_eq!(tail.all(), ["a *** b".to_string(), cut]);
    }

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
