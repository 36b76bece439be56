//! A child's output, cut into lines of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// What a child prints that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noise {
    /// Nothing but white space.
    Blank,
    /// Not UTF-8.
    NotUtf8,
    /// Text that is not JSON: a banner, a log line.
    NotJson,
    /// JSON, but no JSON-RPC message.
    NotJsonRpc,
}

/// One line of output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end.
    Text(Vec<u8>),
    /// Longer than the limit: passed over.
    Oversize(Oversize),
}

/// What is known of a line that was passed over.
#[derive(Debug, PartialEq, Eq)]
pub struct Oversize {
    /// Raw text of its top-level `id`.
    pub id: Option<String>,
    /// Whether it had a top-level `method`: then the id is the child's own, and no call's.
    pub asks: bool,
    /// Length without the line end.
    pub bytes: u64,
}

/// Reads lines of at most `max` bytes; of a longer one no more than that is ever in memory.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    max: usize,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R, max: usize) -> Lines<R> {
        Lines { reader: BufReader::with_capacity(64 * 1024, reader), max }
    }

    /// The next line, or `None` at the end of the output. A last line without an end counts.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let limit = self.max as u64 + 1;
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.len() as u64 == limit && line.last() != Some(&b'\n') {
            return self.pass_over(line).map(Some);
        }
        line.pop_if(|byte| *byte == b'\n');
        line.pop_if(|byte| *byte == b'\r');
        Ok(Some(Line::Text(line)))
    }

    fn pass_over(&mut self, start: Vec<u8>) -> io::Result<Line> {
        let mut scan = IdScan::default();
        let mut bytes = start.len() as u64;
        start.iter().for_each(|byte| scan.push(*byte));
        drop(start);
        loop {
            let chunk = self.reader.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let used = end.unwrap_or(chunk.len());
            chunk[..used].iter().for_each(|byte| scan.push(*byte));
            bytes += used as u64;
            let done = end.is_some() || chunk.is_empty();
            self.reader.consume(used + usize::from(end.is_some()));
            if done {
                return Ok(Line::Oversize(scan.finish(bytes)));
            }
        }
    }
}

/// Finds the top-level `"id"` and `"method"` of an object while it flows by. Servers print them first or last.
#[derive(Default)]
struct IdScan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The text of the member being read at depth 1 (bounded): `"id":7`.
    member: Vec<u8>,
    id: Option<String>,
    asks: bool,
}

/// `"id"`, a colon, white space and a reasonable id.
const MEMBER_BYTES: usize = 512;

impl IdScan {
    fn push(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b',' if self.depth == 1 => self.end_member(),
            b'}' | b']' => {
                if self.depth == 1 {
                    self.end_member();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b'{' | b'[' => self.depth += 1,
            b'"' => {
                self.in_string = true;
                self.keep(byte);
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.member.len() < MEMBER_BYTES {
            self.member.push(byte);
        }
    }

    fn end_member(&mut self) {
        let text = String::from_utf8_lossy(&self.member);
        match text.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("\"id\"", id)) => self.id = Some(id.to_string()),
            Some(("\"method\"", _)) => self.asks = true,
            _ => {}
        }
        self.member.clear();
    }

    fn finish(self, bytes: u64) -> Oversize {
        Oversize { id: self.id, asks: self.asks, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8], max: usize) -> Vec<Line> {
        let mut lines = Lines::new(text, max);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn line_ends_are_removed_and_the_last_line_counts() {
        let text = |t: &str| Line::Text(t.as_bytes().to_vec());
        assert_eq!(all(b"a\r\n\nb\nc", 10), [text("a"), text(""), text("b"), text("c")]);
        assert_eq!(all(b"12345\n12345", 5), [text("12345"), text("12345")]);
    }

    #[test]
    fn a_long_line_gives_its_id_wherever_it_stands() {
        let long = "x,{\\\"".repeat(20_000);
        for line in [
            format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"id":1,"t":"{long}"}}}}"#),
            format!(r#"{{"result":{{"id":1,"t":["{long}"]}},"jsonrpc":"2.0", "id" : 7 }}"#),
        ] {
            let passed_over = Oversize { id: Some("7".into()), asks: false, bytes: line.len() as u64 };
            assert_eq!(
                all(format!("{line}\nnext").as_bytes(), 50),
                [Line::Oversize(passed_over), Line::Text(b"next".to_vec())]
            );
        }
        let noise = Oversize { id: None, asks: false, bytes: 100 };
        assert_eq!(all(&[b'x'; 100], 50), [Line::Oversize(noise)]);
        let ask = format!(r#"{{"id":7,"params":["{long}"],"method":"ping"}}"#);
        let passed_over = Oversize { id: Some("7".into()), asks: true, bytes: ask.len() as u64 };
        assert_eq!(all(ask.as_bytes(), 50), [Line::Oversize(passed_over)]);
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_the_limit(text in proptest::collection::vec(any::<u8>(), 0..300), max in 1usize..40) {
            for line in all(&text, max) {
                if let Line::Text(line) = line { prop_assert!(line.len() <= max) }
            }
        }
    }
}
