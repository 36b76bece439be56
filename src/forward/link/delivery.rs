//! What comes back from a server, passed on message by message.

use super::flights::Flight;
use super::peer::read_events;
use super::refusal::{Trouble, answer_to};
use super::wire::Wire;
use crate::forward::errand;
use crate::forward::leash::Holder;
use crate::protocol::sse::{self, Event};
use crate::server::Oversize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::Duration;

/// After the answer to its request nothing is expected of a stream but its end, which lets the connection be used
/// again; a server that keeps it open is left after this time.
const LINGER: Duration = Duration::from_millis(200);

/// Passes on what comes on one connection.
pub(super) struct Delivery<'w> {
    wire: &'w Wire,
    /// The request that is answered there.
    flight: Option<&'w Flight>,
    /// Keeps its leash whole once it is answered.
    landed: Option<Holder>,
    /// Sees the answer before anybody else does.
    witness: Option<&'w mut dyn FnMut(&str)>,
    /// Whether the answer has come.
    pub(super) answered: bool,
    /// Whether anything has come.
    pub(super) any: bool,
}

impl<'w> Delivery<'w> {
    /// For a connection that answers this request.
    pub(super) fn of_call(
        wire: &'w Wire,
        flight: &'w Flight,
        witness: &'w mut dyn FnMut(&str),
    ) -> Delivery<'w> {
        Delivery { flight: Some(flight), witness: Some(witness), ..Delivery::of_stream(wire) }
    }

    /// For a stream that is not about one request.
    pub(super) fn of_stream(wire: &'w Wire) -> Delivery<'w> {
        Delivery { wire, flight: None, landed: None, witness: None, answered: false, any: false }
    }

    fn id(&self) -> Option<&'w str> {
        self.flight.map(|flight| flight.id.as_str())
    }

    /// Passes on each event until the stream ends.
    ///
    /// # Errors
    /// It breaks off.
    pub(super) fn events(&mut self, body: impl Read, reader: &mut sse::Reader) -> io::Result<()> {
        let end = read_events(body, reader, |event| {
            self.event(event);
            ControlFlow::<()>::Continue(())
        });
        end.map(|_| ())
    }

    /// Passes on an event that carries a message. Those without data only have an id to tell.
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Whole { name, data } if name == "message" && !data.is_empty() => self.messages(data),
            Event::Whole { .. } => {}
            Event::Oversize(found) => self.oversize(found),
        }
    }

    /// Passes on what stands in the body of an answer.
    ///
    /// # Errors
    /// It breaks off, or holds no answer to the request.
    pub(super) fn body(&mut self, reader: impl Read, length: Option<u64>) -> Result<(), Trouble> {
        let max = self.wire.max_message_bytes as u64;
        let mut body = Vec::new();
        reader.take(max + 1).read_to_end(&mut body).map_err(|error| Trouble::broken(&error))?;
        let bytes = length.unwrap_or(0).max(body.len() as u64);
        if bytes > max {
            self.oversize(Oversize { id: self.id().map(str::to_string), asks: false, bytes });
        } else if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
            self.messages(body);
        }
        if self.answered {
            Ok(())
        } else {
            Err(Trouble::Broken("did not answer with a JSON-RPC message".into()))
        }
    }

    /// One message, or an array of them (2025-03-26, basic, JSON-RPC batching).
    fn messages(&mut self, data: Vec<u8>) {
        if data.trim_ascii_start().first() == Some(&b'[')
            && let Ok(batch) = serde_json::from_slice::<Vec<&RawValue>>(&data)
        {
            batch.into_iter().for_each(|message| self.message(message.get().into()));
        } else {
            self.message(data);
        }
    }

    fn message(&mut self, data: Vec<u8>) {
        self.any = true;
        let line = self.look_at(&data).unwrap_or(data);
        self.wire.line(one_line(line));
    }

    /// Takes note if this is the answer; returns it if it has to be worded anew.
    fn look_at(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        let id = self.id().filter(|_| !self.answered)?;
        let answer = answer_to(str::from_utf8(data).ok()?, id)?;
        if let Some(witness) = &mut self.witness {
            witness(&answer);
        }
        self.has_answered();
        match answer {
            Cow::Borrowed(_) => None,
            Cow::Owned(answer) => Some(answer.into_bytes()),
        }
    }

    fn oversize(&mut self, found: Oversize) {
        self.any = true;
        if self.flight.is_some() && self.id() == found.id.as_deref() && !found.asks {
            self.has_answered();
        }
        self.wire.oversize(&found);
    }

    fn has_answered(&mut self) {
        self.answered = true;
        self.landed = self.id().and_then(|id| self.wire.flights.land(id)).map(|landed| landed.holder);
        errand::linger(LINGER);
    }
}

/// Line ends can only be white space between tokens.
fn one_line(mut message: Vec<u8>) -> Vec<u8> {
    message.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    message
}
