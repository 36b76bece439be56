//! Several messages in one POST, which only revision 2025-03-26 knows (basic, JSON-RPC, Batching).

use super::super::Bridge;
use super::super::asking::Asking;
use super::super::endpoint::accepted;
use super::super::headers::SESSION_ID;
use super::super::names;
use super::super::refusal::Refusal;
use super::super::stream::events::{Events, Sink, Track, event_stream};
use super::super::stream::waiter::Outcome;
use super::Session;
use super::requests::{Begun, asked_elsewhere};
use crate::auth::Caller;
use crate::http::Response;
use crate::protocol::error::INVALID_REQUEST;
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision;
use ::http::StatusCode;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Messages in one batch.
const MAX_BATCH: usize = 100;

impl Bridge {
    /// The messages of a batch, if the body is one.
    ///
    /// # Errors
    /// It is one that may not be sent: outside a session of 2025-03-26, empty, or too long.
    pub(crate) fn batch_of<'t>(
        &self,
        text: &'t str,
        asking: Asking<'_>,
    ) -> Result<Option<Vec<&'t str>>, Refusal> {
        if !text.trim_start().starts_with('[') {
            return Ok(None);
        }
        let refuse = |why: String| Refusal::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, why);
        if json::is_deeper_than(text, self.terms.limits.max_json_depth) {
            return Ok(None); // refused as any message that deep
        }
        let Some(batch) = json::items(text) else { return Ok(None) };
        let Asking { headers, caller, .. } = asking;
        let session = headers.contains_key(SESSION_ID).then(|| self.session(headers, caller)).transpose()?;
        if session.is_none_or(|session| session.revision != revision::ASSUMED) {
            return Err(refuse(
                "a batch (array) is taken in sessions of 2025-03-26 only; send one message a request".into(),
            ));
        }
        match batch.len() {
            0 => Err(refuse("the batch is empty".into())),
            count if count > MAX_BATCH => Err(refuse(format!("a batch may have {MAX_BATCH} messages"))),
            _ => Ok(Some(batch)),
        }
    }

    /// All are sent before any is answered; the answers come on one stream, in the order of the requests.
    pub(crate) fn batch(self: &Arc<Self>, batch: Vec<&str>, asking: Asking<'_>) -> Result<Response, Refusal> {
        let session = self.session(asking.headers, asking.caller)?;
        let messages: Vec<Message<'_>> =
            batch.into_iter().map(|text| self.parse(text)).collect::<Result<_, _>>()?;
        let is_hello = |message: &Message<'_>| message.method() == Some("initialize");
        if messages.iter().any(is_hello) {
            let why = "initialize must not be part of a batch";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, why));
        }
        messages.iter().try_for_each(is_for_us)?;
        let begun: Vec<Begun> =
            messages.iter().filter_map(|message| self.begin_part(message, &session, asking.caller)).collect();
        if begun.is_empty() {
            return Ok(accepted());
        }
        let bridge = Arc::clone(self);
        Ok(event_stream(move |writer| {
            let stream = session.streams.fetch_add(1, Ordering::Relaxed) + 1;
            let mut events = Events::new(writer, Track::new(&bridge, &session, stream), &bridge);
            begun.into_iter().try_for_each(|part| answer(part, &mut events))
        }))
    }

    fn begin_part(
        self: &Arc<Self>,
        message: &Message<'_>,
        session: &Arc<Session>,
        caller: &Caller,
    ) -> Option<Begun> {
        match &message.kind {
            Kind::Request { id, method, .. } => {
                Some(self.begin_request(message, id, method, session, caller))
            }
            Kind::Notification { .. } | Kind::Response { .. } => {
                // What is for another process was refused.
                let _ = self.tell(message, session, caller);
                None
            }
        }
    }
}

/// Nothing of a batch is done if a part of it belongs to another process.
fn is_for_us(message: &Message<'_>) -> Result<(), Refusal> {
    match &message.kind {
        Kind::Response { id, .. } => names::number_of(id).map(drop).map_err(asked_elsewhere),
        _ => Ok(()),
    }
}

fn answer(part: Begun, events: &mut Events<'_, '_>) -> io::Result<()> {
    match part {
        Begun::Answered(text) => events.send(text),
        Begun::Waiting(waiter) => match waiter.follow(None, events, None) {
            Outcome::Over => Ok(()),
            Outcome::Left(waiter) => {
                waiter.give_up();
                Err(io::ErrorKind::ConnectionReset.into())
            }
        },
    }
}
