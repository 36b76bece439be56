//! What an answer passes on its way to the client: hidden tools are taken out of lists, and the end of the requests
//! that it answers is noted. What answers none passes unread where nothing is hidden.

use super::Forward;
use super::filter::unread;
use crate::auth::Caller;
use crate::auth::calls::{Outcome, Record};
use crate::http::Response;
use crate::meter::Meter;
use crate::protocol::error::RpcError;
use crate::protocol::json::{self, Change};
use crate::protocol::message::Message;
use crate::protocol::sieve::Sieve;
use crate::protocol::sse::{Event, Reader};
use ::http::StatusCode;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;

/// So much of an answer is read to see how a request ended; a longer one is taken for a good one.
const MAX_SEEN_BYTES: usize = 64 * 1024;

/// The requests that a POST makes, by their ids (raw), until their answers were seen.
#[derive(Default)]
pub(super) struct Calls(Vec<(String, Record)>);

impl Calls {
    /// One more, if the message is one.
    pub(super) fn add(&mut self, message: &Message<'_>, id: &str, meter: &Arc<Meter>, caller: &Caller) {
        self.0.extend(Record::of(message, meter, caller).map(|record| (id.to_string(), record)));
    }

    /// No answer came.
    pub(super) fn fail(&mut self, error: &RpcError) {
        self.end_all(Outcome::of_failure(error));
    }

    /// An answer, or a batch of them.
    fn see(&mut self, text: &str) {
        let messages = match text.trim_start().starts_with('[') {
            true => json::items(text).unwrap_or_default(),
            false => vec![text],
        };
        for (id, outcome) in messages.into_iter().filter_map(Outcome::of_answer) {
            self.end(id, outcome);
        }
    }

    fn end(&mut self, id: &str, outcome: Outcome) {
        if let Some(place) = self.0.iter().position(|(open, _)| open == id) {
            self.0.remove(place).1.end(outcome);
        }
    }

    fn end_all(&mut self, outcome: Outcome) {
        self.0.drain(..).for_each(|(_, record)| record.end(outcome));
    }
}

/// What is to be done with an answer.
#[derive(Default)]
pub(super) struct Passage {
    pub(super) calls: Calls,
    /// Lists may be among it, and some tools are hidden.
    pub(super) screen: Option<Screen>,
    witness: Witness,
}

/// For whom lists are filtered.
pub(super) struct Screen {
    pub(super) forward: Arc<Forward>,
    pub(super) caller: Caller,
    /// Raw id of the request that is answered.
    pub(super) id: Option<String>,
    /// What cannot be read may be a list.
    pub(super) is_strict: bool,
    pub(super) sieve: Sieve,
}

/// Looks at an answer as it passes.
#[derive(Default)]
enum Witness {
    #[default]
    Nobody,
    Events(Reader),
    /// The beginning of a body, and how many bytes have come.
    Body(Vec<u8>, usize),
}

impl Screen {
    /// The body of an answer that is no event stream.
    fn body(&self, body: Vec<u8>, status: StatusCode) -> Result<Vec<u8>, ()> {
        let text = str::from_utf8(&body).unwrap_or_default();
        match self.forward.filter(&self.caller).list(text, None) {
            Change::Keep => Ok(body),
            Change::Replace(shown) => Ok(shown.into_bytes()),
            // What no client takes for a list.
            Change::Drop if body.is_empty() || !status.is_success() || !self.is_strict => Ok(body),
            Change::Drop => Err(()),
        }
    }
}

impl Passage {
    pub(super) fn new(calls: Calls, screen: Option<Screen>) -> Passage {
        Passage { calls, screen, witness: Witness::Nobody }
    }

    /// An answer that came whole.
    pub(super) fn whole(&mut self, body: Vec<u8>, response: &mut Response) -> Vec<u8> {
        let status = response.status();
        if !self.calls.0.is_empty() {
            self.calls.see(&String::from_utf8_lossy(&body));
            self.end_by(status);
        }
        let Some(screen) = &self.screen else { return body };
        screen.body(body, status).unwrap_or_else(|()| unread(response, screen.id.as_deref()))
    }

    /// An answer is about to come piece by piece.
    pub(super) fn begin(&mut self, is_events: bool, status: StatusCode) {
        if self.calls.0.is_empty() {
            return;
        }
        self.witness = match is_events {
            true => Witness::Events(Reader::new(MAX_SEEN_BYTES)),
            false if status.is_success() => Witness::Body(Vec::new(), 0),
            false => return self.end_by(status),
        };
    }

    /// # Errors
    /// A list could be in it, and it is too long to be read.
    pub(super) fn take<'c>(&mut self, chunk: &'c [u8]) -> io::Result<Cow<'c, [u8]>> {
        self.witness(chunk);
        let Some(screen) = &mut self.screen else { return Ok(Cow::Borrowed(chunk)) };
        let Screen { forward, caller, id, is_strict, sieve } = screen;
        let filter = forward.filter(caller);
        let change = |data: &str| match filter.list(data, id.as_deref().filter(|_| *is_strict)) {
            // The first event of a stream has an id and no data.
            _ if data.trim().is_empty() => Change::Keep,
            Change::Drop if !*is_strict => Change::Keep,
            change => change,
        };
        let passed = sieve.feed(chunk, change);
        passed.map(Cow::Owned).map_err(|_| io::Error::other("an event is longer than max_message_bytes"))
    }

    fn witness(&mut self, chunk: &[u8]) {
        match &mut self.witness {
            Witness::Nobody => {}
            Witness::Events(reader) => {
                for event in reader.feed(chunk) {
                    match event {
                        Event::Whole { data, .. } => self.calls.see(&String::from_utf8_lossy(&data)),
                        Event::Oversize(long) if !long.asks => {
                            long.id.iter().for_each(|id| self.calls.end(id, Outcome::Ok));
                        }
                        Event::Oversize(_) => {}
                    }
                }
            }
            Witness::Body(start, bytes) => {
                *bytes += chunk.len();
                let left = MAX_SEEN_BYTES - start.len();
                start.extend_from_slice(&chunk[..chunk.len().min(left)]);
            }
        }
    }

    /// The server goes on with the stream over another connection.
    pub(super) fn reconnected(&mut self) {
        self.screen.iter_mut().for_each(|screen| screen.sieve.reconnected());
    }

    /// Everything has come.
    pub(super) fn end(&mut self) {
        if let Witness::Body(start, bytes) = std::mem::take(&mut self.witness) {
            match bytes > start.len() {
                true => self.calls.end_all(Outcome::Ok),
                false => self.calls.see(&String::from_utf8_lossy(&start)),
            }
        }
    }

    /// What was not answered by a message is by the status, if that says that it failed.
    fn end_by(&mut self, status: StatusCode) {
        if !status.is_success() {
            self.calls.end_all(Outcome::Error(status.as_u16().into()));
        }
    }
}
