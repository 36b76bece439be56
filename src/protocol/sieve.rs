//! An event stream on its way through, of which single events are changed. Every event is held until it is whole, for
//! so long nobody knows what it says; all others pass byte for byte.

use super::json::Change;
use super::sse::{Event, Reader};

/// An event is longer than may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// What of a stream has come and not gone on yet.
#[derive(Debug)]
pub struct Sieve {
    max: usize,
    /// The event that is not whole.
    block: Vec<u8>,
    /// Nothing stands on the present line.
    at_line_start: bool,
    /// An LF that follows belongs to a CR.
    after_cr: bool,
}

impl Sieve {
    /// For events of at most `max` bytes.
    pub fn new(max: usize) -> Sieve {
        Sieve { max, block: Vec::new(), at_line_start: true, after_cr: false }
    }

    /// Takes the next bytes; returns what may go on now. `change` decides about the data of each event.
    ///
    /// # Errors
    /// An event is too long. What came before it is lost with it.
    pub fn feed(&mut self, bytes: &[u8], mut change: impl FnMut(&str) -> Change) -> Result<Vec<u8>, TooLong> {
        let mut passed = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.block.push(*byte);
            let is_second = std::mem::take(&mut self.after_cr) && *byte == b'\n';
            let ends_line = matches!(byte, b'\n' | b'\r');
            self.after_cr = *byte == b'\r';
            let is_over = match is_second {
                true => self.block.len() == 1,
                false => ends_line && self.at_line_start,
            };
            self.at_line_start = ends_line;
            if is_over {
                let block = std::mem::take(&mut self.block);
                passed.extend(changed(block, self.max, &mut change));
            } else if self.block.len() > self.max {
                return Err(TooLong);
            }
        }
        Ok(passed)
    }

    /// The stream goes on over another connection: what was not whole is no event.
    pub fn reconnected(&mut self) {
        *self = Sieve::new(self.max);
    }
}

fn changed(block: Vec<u8>, max: usize, change: &mut impl FnMut(&str) -> Change) -> Vec<u8> {
    let Some(Event::Whole { data, .. }) = Reader::new(max).feed(&block).pop() else { return block };
    match change(&String::from_utf8_lossy(&data)) {
        Change::Keep => block,
        Change::Drop => Vec::new(),
        Change::Replace(text) => with_data(&block, &text),
    }
}

/// The same event, its fields and their order kept, with other data.
fn with_data(block: &[u8], text: &str) -> Vec<u8> {
    let (mut changed, mut is_told) = (Vec::with_capacity(block.len()), false);
    for line in lines(block) {
        let content = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        if !is_data(content) {
            // It stood behind another line: now the two would end the same one.
            let is_one_end = changed.ends_with(b"\r") && line.starts_with(b"\n");
            changed.extend_from_slice(if is_one_end { b"\n" } else { b"" });
            changed.extend_from_slice(line);
        } else if !std::mem::replace(&mut is_told, true) {
            let end = line.len() - line.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            for part in text.split('\n') {
                changed.extend_from_slice(b"data: ");
                changed.extend_from_slice(part.as_bytes());
                changed.extend_from_slice(&line[end..]);
            }
        }
    }
    changed
}

fn is_data(line: &[u8]) -> bool {
    line.strip_prefix(b"data").is_some_and(|rest| matches!(rest.first(), Some(b':' | b'\n' | b'\r')))
}

/// Lines with their ends.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = match end {
            Some(end) if rest[end..].starts_with(b"\r\n") => end + 2,
            Some(end) => end + 1,
            None => rest.len(),
        };
        let (line, behind) = rest.split_at(end);
        rest = behind;
        (!line.is_empty()).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(data: &str) -> Change {
        match data {
            _ if data.contains("drop") => Change::Drop,
            _ if data.contains("bad") => Change::Replace(data.replace("bad", "ok")),
            _ => Change::Keep,
        }
    }

    fn sieved(text: &str) -> String {
        String::from_utf8(Sieve::new(1000).feed(text.as_bytes(), change).unwrap()).unwrap()
    }

    #[test]
    fn events_pass_as_they_are_once_they_are_whole() {
        for end in ["\n", "\r", "\r\n"] {
            let text =
                ": hi\n\nid: 1\nretry: 5\ndata: \n\nevent: a\ndata:x\ndata: y\nid\n\n".replace('\n', end);
            assert_eq!(sieved(&text), text);
            assert_eq!(sieved(&(text.clone() + "data: half")), text);
        }
        assert_eq!(sieved("\u{feff}data: bad\n\n"), "data: ok\n\n");
        assert_eq!(sieved("data: 1\n\ndata: bad"), "data: 1\n\n");
    }

    #[test]
    fn of_a_changed_event_the_other_fields_stay() {
        assert_eq!(
            sieved("id: 7\r\ndata:bad\r\ndata: b\r\nretry: 1\r\n\r\n"),
            "id: 7\r\ndata: ok\r\ndata: b\r\nretry: 1\r\n\r\n"
        );
        assert_eq!(sieved("data: \rdata: bad\n\n"), "data: \rdata: ok\r\n\n");
        assert_eq!(sieved("data: bad\nid: 1\rdata: b\n\n"), "data: ok\ndata: b\nid: 1\r\n\n");
        assert_eq!(sieved("data: 1\n\ndata: drop\n\ndata: 2\n\n"), "data: 1\n\ndata: 2\n\n");
    }

    #[test]
    fn what_is_too_long_does_not_pass() {
        let mut sieve = Sieve::new(10);
        assert_eq!(sieve.feed(b"data: 1\n\ndata: 12345", change), Err(TooLong));
        sieve.reconnected();
        assert_eq!(sieve.feed(b"data: 2\n\n", change).unwrap(), b"data: 2\n\n");
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_events_are_those_that_were_let_through(
            parts in prop::collection::vec("(data|id|event|)(:| |: )(bad|drop|[a-z]{0,5})(\n|\r|\r\n|\n\n|\r\r|\r\n\r\n)", 0..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let text = parts.concat();
            let (first, second) = text.as_bytes().split_at(cut.index(text.len() + 1));
            let mut sieve = Sieve::new(1000);
            let passed = [first, second].map(|bytes| sieve.feed(bytes, change).unwrap()).concat();
            prop_assert_eq!(&String::from_utf8_lossy(&passed), &sieved(&text));
            let events = |bytes: &[u8]| -> Vec<Vec<u8>> {
                let data = |event| match event { Event::Whole { data, .. } => Some(data), Event::Oversize(_) => None };
                Reader::new(1000).feed(bytes).into_iter().filter_map(data).collect()
            };
            let expected: Vec<Vec<u8>> = events(text.as_bytes()).into_iter().filter_map(|data| {
                let text = String::from_utf8(data).unwrap();
                match change(&text) { Change::Keep => Some(text.into()), Change::Drop => None, Change::Replace(text) => Some(text.into()) }
            }).collect();
            prop_assert_eq!(events(&passed), expected);
        }
    }
}
