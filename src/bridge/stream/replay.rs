//! Events that were written and may have been lost on the way, for clients that come back with `Last-Event-ID`
//! (2025-11-25, transports, Resumability and Redelivery).

use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longer ids of calls are not repeated with every event.
const MAX_CALL_BYTES: usize = 64;

/// The newest events of all streams of a server, bounded in bytes. The oldest is dropped first; one that would take
/// more than a quarter of the room is not kept.
pub(crate) struct Replay {
    sent: Mutex<Sent>,
    max_bytes: usize,
}

#[derive(Default)]
struct Sent {
    events: VecDeque<Event>,
    bytes: usize,
}

struct Event {
    session: Arc<str>,
    at: EventId,
    /// The message, on one line. However many clients it is sent again to, it is kept once.
    text: Arc<[u8]>,
}

/// `STREAM-EVENT`: unique within a session, names its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) stream: u64,
    pub(crate) event: u64,
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.stream, self.event)
    }
}

/// Where a client was when it lost a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastEvent {
    pub(crate) at: EventId,
    /// Raw id of the call that the stream was to answer, if the event's id named it.
    pub(crate) call: Option<String>,
}

impl LastEvent {
    /// From a `Last-Event-ID`, if it can be one of ours: `STREAM-EVENT` or `STREAM-EVENT-CALL`.
    pub(crate) fn parse(text: &str) -> Option<LastEvent> {
        let mut parts = text.splitn(3, '-');
        let (stream, event) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let call = parts.next().filter(|call| names_call(call)).map(str::to_string);
        Some(LastEvent { at: EventId { stream, event }, call })
    }
}

/// Whether a raw id can stand in the id of an event, which is a header's value when its client comes back.
pub(crate) fn names_call(raw: &str) -> bool {
    let is_short = raw.len() <= MAX_CALL_BYTES && raw.bytes().all(|byte| byte.is_ascii_graphic());
    is_short && serde_json::from_str(raw).is_ok_and(|id: Value| id.is_number() || id.is_string())
}

impl Replay {
    pub(crate) fn new(max_bytes: usize) -> Replay {
        Replay { sent: Mutex::default(), max_bytes }
    }

    /// Keeps an event that is about to be written.
    pub(crate) fn keep(&self, session: &Arc<str>, at: EventId, text: &[u8]) {
        if text.len() > self.max_bytes / 4 {
            return;
        }
        let mut sent = self.sent();
        sent.bytes += text.len();
        sent.events.push_back(Event { session: Arc::clone(session), at, text: Arc::from(text) });
        while sent.bytes > self.max_bytes
            && let Some(oldest) = sent.events.pop_front()
        {
            sent.bytes -= oldest.text.len();
        }
    }

    /// What was written on the stream after that event.
    pub(crate) fn after(&self, session: &str, last: EventId) -> Vec<(EventId, Arc<[u8]>)> {
        let later = |event: &&Event| {
            *event.session == *session && event.at.stream == last.stream && event.at.event > last.event
        };
        self.sent().events.iter().filter(later).map(|event| (event.at, Arc::clone(&event.text))).collect()
    }

    /// The session is over.
    pub(crate) fn forget(&self, session: &str) {
        let mut sent = self.sent();
        sent.events.retain(|event| *event.session != *session);
        sent.bytes = sent.events.iter().map(|event| event.text.len()).sum();
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(stream: u64, event: u64) -> EventId {
        EventId { stream, event }
    }

    #[test]
    fn what_came_later_on_the_same_stream_of_the_same_session() {
        let replay = Replay::new(100);
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        for (session, at, text) in
            [(&one, id(1, 1), "a"), (&one, id(2, 1), "b"), (&two, id(1, 2), "c"), (&one, id(1, 2), "d")]
        {
            replay.keep(session, at, text.as_bytes());
        }
        let kept = |text: &[u8]| Arc::from(text);
        assert_eq!(replay.after("one", id(1, 0)), [(id(1, 1), kept(b"a")), (id(1, 2), kept(b"d"))]);
        assert_eq!(replay.after("one", id(1, 2)), []);
        replay.forget("one");
        assert_eq!(replay.after("one", id(1, 0)), []);
        assert_eq!(replay.after("two", id(1, 0)).len(), 1);
    }

    #[test]
    fn the_oldest_make_room() {
        let (replay, session) = (Replay::new(100), Arc::from("s"));
        for event in 0..10 {
            replay.keep(&session, id(1, event), &[b'x'; 20]);
        }
        replay.keep(&session, id(1, 10), &[b'x'; 26]);
        let kept: Vec<u64> = replay.after("s", id(1, 0)).iter().map(|(at, _)| at.event).collect();
        assert_eq!(kept, [5, 6, 7, 8, 9], "a fifth each; one of more than a quarter is not kept");
    }

    #[test]
    fn clients_that_come_back_together_share_what_is_kept() {
        let (replay, session) = (Replay::new(100), Arc::from("s"));
        replay.keep(&session, id(1, 1), b"text");
        let [one, two] = [0, 1].map(|_| replay.after("s", id(1, 0)).remove(0).1);
        assert!(Arc::ptr_eq(&one, &two));
    }

    #[test]
    fn ids_are_read_back() {
        let at = |call: Option<&str>| Some(LastEvent { at: id(3, 14), call: call.map(str::to_string) });
        assert_eq!(LastEvent::parse(&id(3, 14).to_string()), at(None));
        for call in ["7", "-7", "1.0", "\"a-b\""] {
            assert_eq!(LastEvent::parse(&format!("3-14-{call}")), at(Some(call)));
        }
        for call in ["", "x", "\"a", "{}", "null", "\"a b\"", "\"ä\"", &"1".repeat(65)] {
            assert_eq!(LastEvent::parse(&format!("3-14-{call}")), at(None), "{call}");
        }
        for other in ["", "-", "3", "3-", "a-1"] {
            assert_eq!(LastEvent::parse(other), None, "{other}");
        }
    }
}
