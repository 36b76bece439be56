//! Streamable HTTP without sessions (2026-07-28, basic, transports).

use super::delivery::Delivery;
use super::flights::Flight;
use super::letter::{Letter, Matter};
use super::peer::Content;
use super::refusal::Trouble;
use super::streamable::NOTICE_TIMEOUT;
use super::wire::{Letters, Wire};
use crate::forward::courier::Wait;
use crate::forward::errand::Errand;
use crate::protocol::message::Message;
use crate::protocol::mirror::{self, AnnotatedTools};
use crate::protocol::sse;
use ::http::HeaderMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A server that is told everything with each request.
pub(super) struct Modern {
    wire: Arc<Wire>,
    /// What its calls repeat in headers.
    tools: Arc<Mutex<AnnotatedTools>>,
}

impl Modern {
    /// `tools` outlive the connection: clients do not list them again when it is made anew.
    pub(super) fn new(wire: Arc<Wire>, tools: Arc<Mutex<AnnotatedTools>>) -> Arc<Modern> {
        Arc::new(Modern { wire, tools })
    }

    /// The thread that takes the messages in their order.
    pub(super) fn run(self: Arc<Self>, letters: &Letters) {
        while let Some(Letter { body, matter }) = letters.next() {
            match matter {
                Matter::Request { method, flight } => {
                    let own = Arc::clone(&self);
                    self.wire.fly(flight, move |flight| own.call(flight, &method, &body));
                }
                // The outbox has closed the connection.
                Matter::Cancel { .. } => {}
                Matter::Notice { .. } | Matter::Response => self.tell(&body),
            }
        }
    }

    fn call(&self, flight: &Flight, method: &str, body: &[u8]) {
        let mut witness = |answer: &str| self.learn(method, answer);
        let mut delivery = Delivery::of_call(&self.wire, flight, &mut witness);
        let done = Errand::on(&flight.leash).run(|| self.exchange(flight, body, &mut delivery));
        if let Err(trouble) = done {
            self.wire.fail(flight, &trouble);
        }
    }

    fn exchange(&self, flight: &Flight, body: &[u8], delivery: &mut Delivery<'_>) -> Result<(), Trouble> {
        let answer = self.wire.send(flight, None, body, self.headers(body), Wait::Call)?;
        match answer.content {
            Content::Body { reader, length } => delivery.body(reader, length),
            Content::Nothing => Err(Trouble::Broken("took the request and gave no answer".into())),
            Content::Events(stream) => {
                let mut reader = sse::Reader::new(self.wire.max_message_bytes);
                let end = delivery.events(stream, &mut reader);
                if delivery.answered {
                    return Ok(());
                }
                let how = end.err().map(|error| format!(": {error}")).unwrap_or_default();
                Err(Trouble::Broken(format!("broke off its answer{how}")))
            }
        }
    }

    /// Sends what wants no answer.
    fn tell(&self, body: &[u8]) {
        let wait = Wait::Whole(NOTICE_TIMEOUT);
        let headers = self.headers(body);
        let told = Errand::on(&self.wire.leash).run(|| self.wire.peer.post(None, body, headers, wait));
        if let Err(trouble) = told {
            self.wire.note(&trouble);
        }
    }

    /// Sees every answer before it is passed on: a call that follows must say what the list asks for.
    fn learn(&self, method: &str, answer: &str) {
        if method == "tools/list" {
            self.tools().learn(answer);
        }
    }

    /// What the head must repeat of the body (2026-07-28, Streamable HTTP, Request Metadata).
    fn headers(&self, body: &[u8]) -> HeaderMap {
        let text = str::from_utf8(body).unwrap_or_default();
        let Ok(message) = Message::parse(text, usize::MAX) else { return HeaderMap::new() };
        let Some(method) = message.method() else { return HeaderMap::new() };
        let annotations = self.tools().of(message.params());
        mirror::headers(method, message.params(), &annotations).into_iter().collect()
    }

    fn tools(&self) -> MutexGuard<'_, AnnotatedTools> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
