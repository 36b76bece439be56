//! One request of a client under way: waits for the child and answers as JSON, or as an event stream once something
//! precedes the answer or it takes long.

use super::super::Bridge;
use super::super::peer::Peer;
use super::super::peer::calls::Call;
use super::super::session::Session;
use super::super::tools::{close, ended};
use super::clock::{Clock, Pauses};
use super::events::{Events, Sink, Track, event_stream};
use super::mailbox::{Delivery, Next};
use super::render::{Inputs, Step, error_code};
use crate::auth::calls::{Outcome as Ended, Record};
use crate::http::{Client, Payload, Response, StreamPermit, json_response};
use crate::meter::Open;
use crate::protocol::modern;
use crate::protocol::revision::Era;
use ::http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a waiting thread looks whether its client is still there.
const LOOK: Duration = Duration::from_millis(500);

/// A client's request: the call that is under way for it, and how its client wants to be answered.
pub(crate) struct Waiter {
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) peer: Arc<Peer>,
    call: Arc<Call>,
    /// Id and progress token (raw), where they are not those the call began with.
    names: Option<(String, Option<String>)>,
    clock: Clock,
    pub(crate) inputs: Option<Inputs>,
    /// Between calls of a child that wants nothing but to be called again.
    pub(crate) pauses: Pauses,
    /// The stream that answers it, once there is one.
    stream: Option<u64>,
    /// The place of one that lasts.
    permit: Option<Open<StreamPermit>>,
    /// Of the request, until it is over.
    record: Option<Record>,
}

/// How an exchange ended.
pub(crate) enum Outcome {
    /// The answer was written.
    Over,
    /// The client is gone, or was sent away.
    Left(Box<Waiter>),
}

impl Waiter {
    /// For a call that was just sent.
    pub(crate) fn new(bridge: &Arc<Bridge>, peer: &Arc<Peer>, call: Arc<Call>) -> Waiter {
        let clock = Clock::new(bridge, &call);
        Waiter {
            bridge: Arc::clone(bridge),
            peer: Arc::clone(peer),
            call,
            names: None,
            clock,
            inputs: None,
            pauses: Pauses::default(),
            stream: None,
            permit: None,
            record: None,
        }
    }

    /// It will hold a long-lived stream.
    pub(crate) fn with_permit(mut self, permit: Open<StreamPermit>) -> Waiter {
        self.permit = Some(permit);
        self
    }

    /// Its end is to be noted there.
    pub(crate) fn recorded(mut self, record: Option<Record>) -> Waiter {
        self.record = record;
        self.note_number();
        self
    }

    /// In the audit log the call has the id that the child knows it by.
    fn note_number(&mut self) {
        if let Some(record) = &mut self.record {
            record.sent_as(self.call.number);
        }
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    pub(crate) fn shared_call(&self) -> &Arc<Call> {
        &self.call
    }

    /// Another one for the same call, for when its client comes back.
    pub(crate) fn split(&self) -> Waiter {
        Waiter::new(&self.bridge, &self.peer, Arc::clone(&self.call))
    }

    /// Raw id of the client's request.
    pub(crate) fn id(&self) -> &str {
        let own = self.call.origin().map_or("null", |origin| &origin.id);
        self.names.as_ref().map_or(own, |(id, _)| id)
    }

    /// Raw progress token of the client's request.
    pub(crate) fn token(&self) -> Option<&str> {
        match &self.names {
            Some((_, token)) => token.as_deref(),
            None => self.call.origin()?.token.as_deref(),
        }
    }

    pub(crate) fn client_era(&self) -> Era {
        self.session().map_or(Era::Legacy, |session| session.era)
    }

    fn session(&self) -> Option<&Arc<Session>> {
        self.call.origin().map(|origin| &origin.session)
    }

    /// The child was called again for the same request, which was held while the client was asked.
    pub(crate) fn follow_call(&mut self, call: Arc<Call>) {
        self.clock.restart();
        self.peer.calls.resume(call.number, self.clock.end);
        if self.peer.calls.close(self.call.number).is_none() {
            self.peer.abandon(&call, "cancelled"); // as the one before was meanwhile
        }
        self.call = call;
        self.note_number();
    }

    /// Makes the call again that no child has got: it waits for the next one, as a new call does.
    pub(crate) fn make_again(&mut self, text: &str) -> Step {
        if Instant::now() >= self.clock.end {
            return Step::Last(self.timed_out());
        }
        let awake = self.bridge.children.running(&self.peer);
        match awake.and_then(|_awake| self.peer.make_again(&self.call, text)) {
            Ok(call) => {
                self.peer.calls.resume(call.number, self.clock.end);
                self.call = call;
                self.note_number();
                Step::Nothing
            }
            Err(error) => Step::Last(self.failed(&error)),
        }
    }

    /// The client has come back with another request for the same call.
    pub(crate) fn resume(&mut self, id: String, token: Option<String>) {
        self.clock = Clock::new(&self.bridge, &self.call);
        self.peer.calls.resume(self.call.number, self.clock.end);
        self.call.mailbox.come_back();
        self.names = Some((id, token));
    }

    /// Answers by HTTP.
    pub(crate) fn answer(mut self, client: &Client) -> Response {
        let patience = Instant::now() + self.bridge.terms.options.stream_after;
        loop {
            let left = self.clock.left().min(patience.saturating_duration_since(Instant::now()));
            match self.next(self.call.mailbox.next(left)) {
                Some(Step::Last(text)) => {
                    self.forget_inputs();
                    return self.json(text);
                }
                Some(Step::Parked(text)) => return self.json(text),
                Some(Step::Show(text)) => return self.stream(Some(text), client),
                Some(Step::Nothing) => {}
                None if client.is_gone() => {
                    self.give_up();
                    return Response::new(Payload::Empty);
                }
                None => return self.stream(None, client),
            }
        }
    }

    /// Takes in a delivery, if there is one. The last of a call ends its record.
    fn next(&mut self, delivery: Option<Delivery>) -> Option<Step> {
        let delivery = delivery?;
        match &delivery {
            Delivery::Question { .. } => self.wait_for_a_person(),
            _ => self.clock.restart(),
        }
        let ended = self.record.as_ref().map(|_| ended(&delivery));
        let step = self.render(delivery);
        match step {
            Step::Last(_) => close(self.record.take(), ended.unwrap_or(Ended::NoAnswer)),
            Step::Parked(_) => close(self.record.take(), Ended::InputRequired),
            Step::Show(_) | Step::Nothing => {}
        }
        Some(step)
    }

    /// The last message as its client may see it. What it tells us beside is kept in mind.
    fn shown(&self, text: String) -> String {
        let Some(origin) = self.call.origin().filter(|origin| origin.method == "tools/list") else {
            return text;
        };
        self.bridge.annotations.learn(&text);
        self.bridge.list_for(&origin.caller, text, self.id())
    }

    fn wait_for_a_person(&mut self) {
        self.clock.allow(self.bridge.terms.limits.park());
        self.peer.calls.resume(self.call.number, self.clock.end);
    }

    fn json(&self, text: String) -> Response {
        let text = self.shown(text);
        let status = match self.client_era() {
            Era::Legacy => StatusCode::OK,
            Era::Modern => error_code(&text).map_or(StatusCode::OK, status_of),
        };
        json_response(status, text.into_bytes())
    }

    fn stream(mut self, first: Option<String>, client: &Client) -> Response {
        if self.client_era() == Era::Modern && client.is_gone() {
            self.give_up();
            return Response::new(Payload::Empty);
        }
        let session = self.session().map(Arc::clone);
        let track = session.and_then(|session| {
            let stream = session.streams.fetch_add(1, Ordering::Relaxed) + 1;
            let track = Track::new(&self.bridge, &session, stream);
            track.map(|track| track.of_call(self.call().origin().map(|origin| &*origin.id)))
        });
        self.stream = track.as_ref().map(|track| track.stream);
        let mut unsent = Unsent(Some(self));
        event_stream(move |writer| {
            let Some(waiter) = unsent.0.take() else { return Ok(()) };
            let (retry, close_after) = {
                let options = &waiter.bridge.terms.options;
                (options.retry, options.stream_close_after)
            };
            let mut events = Events::new(writer, track.clone(), &waiter.bridge);
            // If that fails, so does what follows; it is kept for when the client comes back.
            let _ = events.prime(retry);
            let is_primed = track.is_some_and(|track| track.is_primed());
            waiter.follow_stream(first, &mut events, close_after.filter(|_| is_primed));
            Ok(())
        })
    }

    /// Follows the call on an event stream, and leaves it at the desk if the client goes.
    fn follow_stream(
        self,
        first: Option<String>,
        events: &mut Events<'_, '_>,
        close_after: Option<Duration>,
    ) {
        let session = self.session().map(Arc::clone);
        let (stream, mailbox) = (self.stream, Arc::clone(&self.call.mailbox));
        let desk = session.as_ref().zip(stream).map(|(session, stream)| (&session.desk, stream));
        if let Some((desk, stream)) = desk {
            desk.follow(stream, &mailbox);
        }
        match (self.follow(first, events, close_after), desk) {
            (Outcome::Over, Some((desk, stream))) => desk.close(stream),
            (Outcome::Left(waiter), Some((desk, stream))) => {
                mailbox.leave(&waiter.bridge.kept);
                desk.leave(stream, *waiter);
            }
            (Outcome::Left(waiter), None) => waiter.give_up(),
            (Outcome::Over, None) => {}
        }
    }

    /// Takes up a stream again, after what was written before has been repeated.
    pub(crate) fn take_up(self, events: &mut Events<'_, '_>) {
        self.call.mailbox.come_back();
        self.follow_stream(None, events, None);
    }

    /// Writes what comes until the answer has gone out. A legacy client that left does not end the call (2025-11-25,
    /// basic, transports: disconnection is not cancellation); it only ends the waiting.
    pub(crate) fn follow(
        mut self,
        first: Option<String>,
        sink: &mut impl Sink,
        close_after: Option<Duration>,
    ) -> Outcome {
        let close_at = close_after.map(|after| Instant::now() + after);
        let reader = self.call.mailbox.attach();
        if let Some(text) = first
            && sink.send(text).is_err()
        {
            return Outcome::Left(Box::new(self));
        }
        loop {
            if let Some(session) = self.session() {
                session.touch();
            }
            let to_close = close_at.map_or(LOOK, |at| at.saturating_duration_since(Instant::now()));
            let step = match self.call.mailbox.next_for(reader, self.clock.left().min(LOOK).min(to_close)) {
                Next::Delivery(delivery) => self.next(Some(delivery)).unwrap_or(Step::Nothing),
                Next::Ended => return Outcome::Left(Box::new(self)),
                Next::Nothing if self.clock.left().is_zero() => Step::Last(self.timed_out()),
                Next::Nothing if sink.is_gone() => return Outcome::Left(Box::new(self)),
                Next::Nothing if to_close.is_zero() => return Outcome::Left(Box::new(self)),
                Next::Nothing if sink.idle().is_err() => return Outcome::Left(Box::new(self)),
                Next::Nothing => Step::Nothing,
            };
            match step {
                Step::Show(text) => {
                    if sink.send(text).is_err() {
                        return Outcome::Left(Box::new(self));
                    }
                }
                Step::Nothing => {}
                Step::Parked(text) => {
                    let _ = sink.send(text);
                    return Outcome::Over;
                }
                Step::Last(text) => {
                    let _ = sink.end(self.shown(text)); // it is kept for a client that comes back, if it can
                    self.call.mailbox.close();
                    return Outcome::Over;
                }
            }
        }
    }

    /// What the client has not answered is not waited for any more.
    fn forget_inputs(&self) {
        if let Some(inputs) = &self.inputs {
            inputs.numbers().for_each(|number| drop(self.peer.asks.take(number)));
            self.peer.calls.close(self.call.number);
        }
    }

    /// Nobody waits for the answer any more. For a modern client that is a cancellation (2026-07-28, transports,
    /// Streamable HTTP); a legacy client's call goes on, and its answer is dropped.
    pub(crate) fn give_up(mut self) {
        if self.client_era() == Era::Modern {
            close(self.record.take(), Ended::Cancelled);
            self.peer.abandon(&self.call, "the client closed its connection");
        }
        self.call.mailbox.close();
    }

    /// The deadline has passed: the child is told, and the client too, unless the answer came that very moment.
    fn timed_out(&mut self) -> String {
        let answered = !self.peer.abandon(&self.call, "timed out");
        if answered
            && let delivery @ Some(Delivery::Answer { .. }) = self.call.mailbox.next(Duration::ZERO)
            && let Some(Step::Last(text)) = self.next(delivery)
        {
            return text;
        }
        close(self.record.take(), Ended::TimedOut);
        let name = self.peer.server.name();
        let text =
            format!("server {name} did not answer within {}; the call was cancelled", self.clock.which());
        self.failed(&self.peer.server.given_up("timeout", text))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.forget_inputs();
        self.bridge.children.note_end(&self.peer);
    }
}

/// A waiter whose stream has not begun. If not even its head can be sent, the client is gone.
struct Unsent(Option<Waiter>);

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(waiter) = self.0.take() {
            waiter.give_up();
        }
    }
}

/// The status that goes with a JSON-RPC error (2026-07-28, transports, Streamable HTTP).
fn status_of(code: i64) -> StatusCode {
    StatusCode::from_u16(modern::http_status(code)).unwrap_or(StatusCode::OK)
}
