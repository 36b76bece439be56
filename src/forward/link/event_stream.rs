//! HTTP+SSE (2024-11-05, basic, transports): one stream for everything the server says, and a place to POST to, which
//! its first event names.

use super::delivery::Delivery;
use super::letter::{Letter, Matter};
use super::peer::{Content, read_events};
use super::reference::resolve;
use super::streamable::NOTICE_TIMEOUT;
use super::wire::{Letters, Wire};
use crate::forward::courier::Wait;
use crate::forward::errand::Errand;
use crate::protocol::sse::{self, Event};
use crate::thread;
use ::http::{HeaderMap, Uri};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A connection that is its own session.
pub(super) struct EventStream {
    wire: Arc<Wire>,
    /// Waiting for the place to send them to.
    letters: Option<Letters>,
}

impl EventStream {
    pub(super) fn new(wire: Arc<Wire>) -> EventStream {
        EventStream { wire, letters: None }
    }

    /// The thread that reads the stream. The link ends with it: the session is gone then.
    pub(super) fn run(mut self, letters: Letters) {
        self.letters = Some(letters);
        let wire = Arc::clone(&self.wire);
        let why = Errand::on(&wire.leash).run(|| self.read());
        wire.end(&why);
    }

    /// Reads the stream to its end; why it ended.
    fn read(&mut self) -> String {
        let wire = Arc::clone(&self.wire);
        let stream = match wire.peer.get(None, HeaderMap::new(), Wait::Stream) {
            Ok(answer) => match answer.content {
                Content::Events(stream) => stream,
                _ => return "the server opened no event stream".into(),
            },
            Err(trouble) => return format!("the server {trouble}"),
        };
        let mut delivery = Delivery::of_stream(&wire);
        let mut reader = sse::Reader::new(wire.max_message_bytes);
        let end = read_events(stream, &mut reader, |event| match self.endpoint(&event) {
            None => {
                delivery.event(event);
                ControlFlow::Continue(())
            }
            Some(Ok(())) => ControlFlow::Continue(()),
            Some(Err(why)) => ControlFlow::Break(why),
        });
        match end {
            Ok(Some(why)) => why,
            Ok(None) => "the server closed the event stream".into(),
            Err(error) => format!("the event stream broke off: {error}"),
        }
    }

    /// Starts sending, if this is the event that says where to.
    fn endpoint(&mut self, event: &Event) -> Option<Result<(), String>> {
        let Event::Whole { name, data } = event else { return None };
        if name != "endpoint" {
            return None;
        }
        // It is named once.
        let letters = self.letters.take()?;
        let url = match resolve(&self.wire.peer.target.endpoint, &String::from_utf8_lossy(data)) {
            Ok(url) => url,
            Err(why) => return Some(Err(format!("the place to send messages to is not usable: {why}"))),
        };
        let wire = Arc::clone(&self.wire);
        let started = thread::spawn(&wire.thread("post"), move || post_all(&wire, &url, &letters));
        Some(started.map(drop).map_err(|error| format!("no thread can be started: {error}")))
    }
}

/// The thread that sends the messages, one after the other. Answers come on the stream.
fn post_all(wire: &Wire, url: &Uri, letters: &Letters) {
    while let Some(Letter { body, matter }) = letters.next() {
        let wait = Wait::Whole(NOTICE_TIMEOUT);
        let sent = Errand::on(&wire.leash).run(|| match &matter {
            Matter::Request { flight, .. } => wire.send(flight, Some(url), &body, HeaderMap::new(), wait),
            _ => wire.peer.post(Some(url), &body, HeaderMap::new(), wait),
        });
        match (sent, matter) {
            (Ok(_), _) => {}
            (Err(trouble), Matter::Request { flight, .. }) => wire.fail(&flight, &trouble),
            (Err(trouble), _) => wire.note(&trouble),
        }
    }
}
