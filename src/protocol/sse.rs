//! Server-sent events (WHATWG HTML, 9.2): how a message is written as one, and how a stream of them is read.

use super::skim::{Oversize, Skim};
use std::time::Duration;

/// Keeps a silent stream open: a comment line.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// The parts of the event that carries `message`, to be written one after the other.
pub fn event(message: &mut [u8]) -> [&[u8]; 3] {
    one_line(message);
    frame(message)
}

/// A line end would end the data for the reader; it can only be white space between JSON tokens.
pub fn one_line(message: &mut [u8]) {
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    message.iter_mut().filter(|byte| ends(byte)).for_each(|byte| *byte = b' ');
}

/// The parts of the event that carries `message`, which is one line.
pub fn frame(message: &[u8]) -> [&[u8]; 3] {
    [b"event: message\ndata: ", message, b"\n\n"]
}

/// No known field has a longer name, not even behind a byte order mark.
const NAME_BYTES: usize = 16;
/// A value of `event`, `id` or `retry` that is longer counts as not sent.
const VALUE_BYTES: usize = 1024;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One event that was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Its data are whole.
    Whole {
        /// Its type: `message` unless the stream says otherwise.
        name: String,
        /// The lines of its data, joined by LF. UTF-8 if the server keeps to the rules.
        data: Vec<u8>,
    },
    /// Its data were longer than the limit and were not kept.
    Oversize(Oversize),
}

/// Reads a stream of events (WHATWG HTML, 9.2.6) from bytes that may be cut anywhere. Besides one event's data, of
/// bounded length, it holds next to nothing.
#[derive(Debug)]
pub struct Reader {
    max_data: usize,
    /// A CR has just ended a line: an LF right behind it belongs to it.
    after_cr: bool,
    at_start: bool,
    line: Line,
    name: String,
    data: Option<Data>,
    id: String,
    last_id: String,
    retry: Option<Duration>,
}

/// The line being read.
#[derive(Debug)]
enum Line {
    /// No colon yet.
    Name(Vec<u8>),
    /// Behind the colon; `fresh` until the first byte, which is dropped if it is a space.
    Value { field: Field, fresh: bool },
}

#[derive(Debug)]
enum Field {
    Data,
    Event(Vec<u8>),
    Id(Vec<u8>),
    Retry(Vec<u8>),
    /// A comment or a field that means nothing.
    Other,
}

#[derive(Debug)]
enum Data {
    Kept(Vec<u8>),
    TooLong(Box<Skim>),
}

impl Reader {
    /// For events of at most `max_data` bytes of data.
    pub fn new(max_data: usize) -> Reader {
        Reader {
            max_data,
            after_cr: false,
            at_start: true,
            line: Line::Name(Vec::new()),
            name: String::new(),
            data: None,
            id: String::new(),
            last_id: String::new(),
            retry: None,
        }
    }

    /// Takes the next bytes and returns the events they complete. What is left incomplete at the end of the stream
    /// is no event.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            self.part(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { break };
            self.after_cr = bytes[end] == b'\r';
            events.extend(self.end_line());
            bytes = &bytes[end + 1..];
        }
        events
    }

    /// A new connection goes on where the last broke off; an event that was incomplete then is none.
    pub fn reconnected(&mut self) {
        let fresh = Reader::new(self.max_data);
        let before = std::mem::replace(self, fresh);
        (self.id, self.last_id, self.retry) = (before.last_id.clone(), before.last_id, before.retry);
    }

    /// What to send as `Last-Event-ID` to go on behind the last event, if its stream gave it an id.
    pub fn last_id(&self) -> Option<&str> {
        (!self.last_id.is_empty()).then_some(self.last_id.as_str())
    }

    /// How long the server wants a client to wait before it comes back.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// A part of a line, without its end.
    fn part(&mut self, part: &[u8]) {
        match &mut self.line {
            Line::Value { .. } => self.value(part),
            Line::Name(name) => {
                let colon = part.iter().position(|byte| *byte == b':');
                let end = colon.unwrap_or(part.len());
                name.extend_from_slice(&part[..end.min(NAME_BYTES - name.len())]);
                if let Some(colon) = colon {
                    self.end_name();
                    self.value(&part[colon + 1..]);
                }
            }
        }
    }

    fn end_name(&mut self) {
        let Line::Name(name) = &self.line else { return };
        let field = Field::of(self.without_mark(name));
        self.at_start = false;
        if let Field::Data = field {
            self.begin_data();
        }
        self.line = Line::Value { field, fresh: true };
    }

    fn without_mark<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        name.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.at_start).unwrap_or(name)
    }

    fn value(&mut self, part: &[u8]) {
        let Line::Value { field, fresh } = &mut self.line else { return };
        if part.is_empty() {
            return;
        }
        let part = if std::mem::take(fresh) { part.strip_prefix(b" ").unwrap_or(part) } else { part };
        match field {
            Field::Data => self.push_data(part),
            // One byte more than is allowed shows that there was more.
            Field::Event(value) | Field::Id(value) | Field::Retry(value) => {
                value.extend_from_slice(&part[..part.len().min(VALUE_BYTES + 1 - value.len())]);
            }
            Field::Other => {}
        }
    }

    /// A further line of data is set off from those before it.
    fn begin_data(&mut self) {
        match self.data {
            None => self.data = Some(Data::Kept(Vec::new())),
            Some(_) => self.push_data(b"\n"),
        }
    }

    fn push_data(&mut self, part: &[u8]) {
        match &mut self.data {
            Some(Data::Kept(data)) if data.len() + part.len() <= self.max_data => {
                data.extend_from_slice(part)
            }
            Some(Data::Kept(data)) => {
                let mut skim = Box::new(Skim::default());
                skim.feed(data);
                skim.feed(part);
                self.data = Some(Data::TooLong(skim));
            }
            Some(Data::TooLong(skim)) => skim.feed(part),
            None => {}
        }
    }

    fn end_line(&mut self) -> Option<Event> {
        if let Line::Name(name) = &self.line {
            if self.without_mark(name).is_empty() {
                self.at_start = false;
                self.line = Line::Name(Vec::new());
                return self.dispatch();
            }
            // A line without a colon is a field without a value.
            self.end_name();
        }
        if let Line::Value { field, .. } = std::mem::replace(&mut self.line, Line::Name(Vec::new())) {
            self.set(field);
        }
        None
    }

    fn set(&mut self, field: Field) {
        match field {
            Field::Event(value) if value.len() <= VALUE_BYTES => self.name = text(&value),
            Field::Id(value) if value.len() <= VALUE_BYTES && !value.contains(&0) => self.id = text(&value),
            Field::Retry(value) if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = text(&value).parse().ok().map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
    }

    /// An empty line: the event is over. Without data it is none, but its id counts.
    fn dispatch(&mut self) -> Option<Event> {
        self.last_id.clone_from(&self.id);
        let name = std::mem::take(&mut self.name);
        let name = if name.is_empty() { "message".to_string() } else { name };
        match self.data.take()? {
            Data::Kept(data) => Some(Event::Whole { name, data }),
            Data::TooLong(skim) => Some(Event::Oversize(skim.finish())),
        }
    }
}

impl Field {
    fn of(name: &[u8]) -> Field {
        match name {
            b"data" => Field::Data,
            b"event" => Field::Event(Vec::new()),
            b"id" => Field::Id(Vec::new()),
            b"retry" => Field::Retry(Vec::new()),
            _ => Field::Other,
        }
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_is_one_data_line() {
        let mut message = b"{\"a\":1,\r\"b\":2}".to_vec();
        assert_eq!(event(&mut message).concat(), b"event: message\ndata: {\"a\":1, \"b\":2}\n\n");
    }

    fn whole(name: &str, data: &str) -> Event {
        Event::Whole { name: name.into(), data: data.into() }
    }

    fn read(text: &str) -> Vec<Event> {
        Reader::new(100).feed(text.as_bytes())
    }

    #[test]
    fn every_line_end_ends_a_line() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "event: a\ndata: 1\ndata:2\n\n: comment\ndata\n\nevent: b\n\ndata:  3\n\n";
            let events = read(&text.replace('\n', end));
            assert_eq!(events, [whole("a", "1\n2"), whole("message", ""), whole("message", " 3")], "{end:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once() {
        assert_eq!(read("\u{feff}data: 1\n\n"), [whole("message", "1")]);
        assert_eq!(read("\u{feff}\ndata: 1\n\n"), [whole("message", "1")]);
        assert_eq!(read("\u{feff}: hello\ndata: 1\n\n"), [whole("message", "1")]);
        assert_eq!(read("data: 1\n\n\u{feff}data: 2\n\n"), [whole("message", "1")]);
    }

    #[test]
    fn unfinished_events_and_unknown_fields_count_for_nothing() {
        assert_eq!(read("data: 1\n"), []);
        assert_eq!(read("Data: 1\ndatas: 1\n data: 1\nevent: x\n\n"), []);
    }

    #[test]
    fn ids_and_pauses_stay_until_they_are_changed() {
        let mut reader = Reader::new(100);
        reader.feed(b"id: 1\nretry: 50\ndata: x\n\nid: 2\n");
        assert_eq!((reader.last_id(), reader.retry()), (Some("1"), Some(Duration::from_millis(50))));
        reader.feed(b"\nretry: soon\nid: a\0b\nid:");
        reader.feed("x".repeat(VALUE_BYTES + 1).as_bytes());
        reader.feed(b"\n\n");
        assert_eq!((reader.last_id(), reader.retry()), (Some("2"), Some(Duration::from_millis(50))));
        reader.feed(b"id\n\n");
        assert_eq!(reader.last_id(), None);
    }

    #[test]
    fn a_new_connection_goes_on_behind_the_last_whole_event() {
        let mut reader = Reader::new(100);
        reader.feed(b"id: 1\nretry: 5\n\nevent: x\nid: 2\ndata: half");
        reader.reconnected();
        assert_eq!(reader.feed(b"data: 3\n\n"), [whole("message", "3")]);
        assert_eq!((reader.last_id(), reader.retry()), (Some("1"), Some(Duration::from_millis(5))));
    }

    #[test]
    fn a_priming_event_has_an_id_and_empty_data() {
        let mut reader = Reader::new(100);
        assert_eq!(reader.feed(b"id: s1-0\nretry: 500\ndata: \n\n"), [whole("message", "")]);
        assert_eq!(reader.last_id(), Some("s1-0"));
    }

    #[test]
    fn an_event_over_the_limit_is_skimmed_and_the_next_is_read() {
        let long = "x".repeat(200);
        let message = format!(r#"{{"jsonrpc":"2.0","result":"{long}","id":7}}"#);
        let skimmed = Oversize { id: Some("7".into()), asks: false, bytes: message.len() as u64 };
        let events = read(&format!("data: {message}\n\ndata: 1\n\n"));
        assert_eq!(events, [Event::Oversize(skimmed), whole("message", "1")]);
        let events = read(&format!("data: {}\ndata: 1234\n\n", "x".repeat(96)));
        assert_eq!(events, [Event::Oversize(Oversize { bytes: 101, ..Oversize::default() })]);
    }

    /// The rules once more, on the whole text at once, as the standard words them.
    fn by_the_book(text: &str) -> Vec<Event> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let (lines, _unfinished) = text.rsplit_once('\n').unwrap_or_default();
        let (mut events, mut name, mut data) = (Vec::new(), String::new(), String::new());
        for line in lines.split('\n').filter(|_| text.contains('\n')) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => data += &format!("{value}\n"),
                "event" => name = value.to_string(),
                "" if line.is_empty() => {
                    let (name, data) = (std::mem::take(&mut name), std::mem::take(&mut data));
                    if let Some(data) = data.strip_suffix('\n') {
                        events.push(whole(if name.is_empty() { "message" } else { &name }, data));
                    }
                }
                _ => {}
            }
        }
        events
    }

    fn lines() -> impl Strategy<Value = String> {
        let line = "(data|event|id|retry|dat|)(:| |:  |)[a-zä{\":]{0,9}";
        let end = prop_oneof![Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("\r\n\r\n")];
        let lines = proptest::collection::vec((line, end), 0..20);
        let text =
            lines.prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect::<String>());
        (prop_oneof![Just(""), Just("\u{feff}")], text).prop_map(|(mark, text)| mark.to_string() + &text)
    }

    fn pieces<'b>(bytes: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
    }

    proptest! {
        #[test]
        fn events_are_those_of_the_standard_however_the_bytes_are_cut(
            text in lines(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut reader = Reader::new(1000);
            let events: Vec<Event> = pieces(text.as_bytes(), &cuts).into_iter().flat_map(|piece| reader.feed(piece)).collect();
            prop_assert_eq!(events, by_the_book(&text));
        }

        #[test]
        fn any_bytes_give_the_same_events_however_they_are_cut(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200),
            prefix in prop_oneof![Just(""), Just("data: "), Just("\u{feff}id: ")],
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            max in 0usize..40,
        ) {
            let bytes = [prefix.as_bytes(), &bytes].concat();
            let (mut at_once, mut cut) = (Reader::new(max), Reader::new(max));
            let expected = at_once.feed(&bytes);
            let events: Vec<Event> = pieces(&bytes, &cuts).into_iter().flat_map(|piece| cut.feed(piece)).collect();
            prop_assert_eq!(&events, &expected);
            prop_assert_eq!((cut.last_id(), cut.retry()), (at_once.last_id(), at_once.retry()));
            for event in events {
                if let Event::Whole { data, .. } = event { prop_assert!(data.len() <= max) }
            }
        }
    }
}
