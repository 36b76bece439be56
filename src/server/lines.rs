//! A child's output, cut into lines of bounded length.

use crate::protocol::skim::{Oversize, Skim};
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
        let mut skim = Skim::default();
        skim.feed(&start);
        drop(start);
        loop {
            let chunk = self.reader.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let used = end.unwrap_or(chunk.len());
            skim.feed(&chunk[..used]);
            let done = end.is_some() || chunk.is_empty();
            self.reader.consume(used + usize::from(end.is_some()));
            if done {
                return Ok(Line::Oversize(skim.finish()));
            }
        }
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
