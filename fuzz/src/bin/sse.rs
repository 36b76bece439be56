//! Streams of events: any cut gives the same events, and a message written as an event is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::sse::{self, Event, Reader};
use std::time::Duration;

const MAX_DATA: usize = 64;

type Heard = (Vec<Event>, Option<String>, Option<Duration>);

fn read(pieces: &[&[u8]]) -> Heard {
    let mut reader = Reader::new(MAX_DATA);
    let events: Vec<Event> = pieces.iter().flat_map(|piece| reader.feed(piece)).collect();
    (events, reader.last_id().map(str::to_string), reader.retry())
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(&[bytes]);
    for pieces in mcp_proxy_fuzz::splits(bytes) {
        assert_eq!(read(&pieces), whole);
    }
    for event in &whole.0 {
        assert!(!matches!(event, Event::Whole { data, .. } if data.len() > MAX_DATA));
    }
    assert!(!whole.1.is_some_and(|id| id.contains(['\0', '\n', '\r'])));
    let mut message = bytes.to_vec();
    let written = sse::event(&mut message).concat();
    let expected = Event::Whole { name: "message".into(), data: message };
    assert_eq!(Reader::new(bytes.len()).feed(&written), [expected]);
});
