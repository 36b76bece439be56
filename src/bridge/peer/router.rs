//! Where each line of the child goes. Runs on the child's reading thread and never waits for a client.

use super::super::names;
use super::super::session::{Level, Session};
use super::super::stream::mailbox::{Delivery, Letter, Mark};
use super::asks::{Ask, Asker};
use super::calls::Call;
use super::{Peer, era_of};
use crate::log::request::{self, RequestId};
use crate::meter::Direction;
use crate::protocol::error::{INTERNAL_ERROR, METHOD_NOT_FOUND, success};
use crate::protocol::handshake;
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision::Era;
use crate::server::{End, Face, Noise, Oversize, Running};
use std::sync::Arc;
use std::time::Instant;

impl Face for Peer {
    /// A new child gets to know what the sessions have asked of the one before.
    fn up(&self, running: &Running) {
        if running.outlet.is_some() {
            self.renew_wishes(running);
            self.check_lists(running);
        }
    }

    fn rest(&self, generation: u64) -> bool {
        self.calls.shut(generation)
    }

    fn line(&self, from: &Running, line: Vec<u8>) -> Result<(), Noise> {
        self.terms.meter.bytes.of(Direction::FromServer).add(line.len() as u64 + 1);
        let text = String::from_utf8(line).map_err(|_| Noise::NotUtf8)?;
        let message = Noise::sort(&text)?;
        match &message.kind {
            Kind::Response { id, result, error } => match self.take_answered(from, id) {
                Some(call) => {
                    self.note_outcome(&call, *error);
                    let (id, result) = (message.span(id), result.map(|result| message.span(result)));
                    call.mailbox.put(Delivery::Answer { text, id, result });
                }
                None if id.parse().is_ok_and(|number| self.note_unheard(number)) => {}
                None => {
                    log::debug!(server = self.server.name(), event = "late-answer"; "an answer that nobody waits for")
                }
            },
            Kind::Request { id, method, params } => self.asked(from, &message, id, method, *params),
            Kind::Notification { method, params } => self.notified(from, &message, method, *params),
        }
        Ok(())
    }

    fn oversize(&self, from: &Running, line: &Oversize) {
        let (name, bytes, max) = (self.server.name(), line.bytes, self.terms.limits.max_message_bytes);
        self.terms.meter.bytes.of(Direction::FromServer).add(bytes);
        log::warn!(server = name, event = "oversize", bytes; "printed a line of {bytes} bytes; more than max_message_bytes = {max} is not passed on");
        let Some(id) = &line.id else { return };
        let text = format!(
            "the message of server {name} has {bytes} bytes; max_message_bytes = {max} in proxy.toml allows no more"
        );
        if line.asks {
            return self.refuse_child(from, id, INTERNAL_ERROR, &text);
        }
        if let Some(call) = self.take_answered(from, id) {
            call.fail(self.server.given_up("too-large", text));
        }
    }

    fn undelivered(&self, from: &Running, line: &[u8]) -> bool {
        let Some(text) = str::from_utf8(line).ok().map(str::to_string) else { return false };
        let Ok(Message { kind: Kind::Request { id, .. }, .. }) = Message::parse(&text, usize::MAX) else {
            return false;
        };
        let number = id.parse().unwrap_or_default();
        let is_clients = self.calls.get(number).is_some_and(|call| call.origin.is_some());
        let call = if is_clients { self.take_answered(from, id) } else { None };
        call.map(|call| call.mailbox.put(Delivery::Returned { text })).is_some()
    }

    fn only_request(&self, generation: u64) -> Option<RequestId> {
        self.calls.only_request(generation, Instant::now())
    }

    fn down(&self, generation: u64, end: &End) {
        self.forget_wishes();
        self.forget_child();
        self.asks.close_generation(generation);
        for call in self.calls.close_generation(generation) {
            call.fail(self.server.died(end));
        }
    }
}

/// Whom something is for that names no call.
enum Addressee {
    /// The client of this call, on its stream.
    Call(Arc<Call>),
    /// The one session of this child, which has no call in flight.
    Session(Arc<Session>),
}

impl Addressee {
    fn put(&self, delivery: Delivery) {
        match self {
            Addressee::Call(call) => call.mailbox.put(delivery),
            Addressee::Session(session) => session.outbox.put(delivery),
        }
    }

    fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Addressee::Call(call) => call.origin().map(|origin| &origin.session),
            Addressee::Session(session) => Some(session),
        }
    }

    fn call(&self) -> Option<&Arc<Call>> {
        match self {
            Addressee::Call(call) => Some(call),
            Addressee::Session(_) => None,
        }
    }

    fn is_gone(&self) -> bool {
        self.call().is_some_and(|call| call.mailbox.is_closed())
    }
}

impl Peer {
    /// Takes the call off the list that the child answers under this id; what it asked meanwhile is over too.
    fn take_answered(&self, from: &Running, id: &str) -> Option<Arc<Call>> {
        let number = id.parse().ok()?;
        let call = self.calls.close(number).filter(|call| call.generation == from.generation)?;
        self.refuse_asks(from, &call);
        Some(call)
    }

    /// What the answer to a call tells us beside its client.
    fn note_outcome(&self, call: &Call, error: Option<&str>) {
        let Some(origin) = call.origin() else { return };
        self.conclude(&origin.wish, &origin.session, error.is_some());
        if let Some(error) = error {
            self.elicitations.required(error, &origin.session);
        }
    }

    /// The one client that can be meant: on a shared child that with calls in flight during which the child may speak
    /// up, if there is just one.
    ///
    /// # Errors
    /// How many sessions could be meant: none or several.
    fn addressee(&self) -> Result<Addressee, usize> {
        match self.audience.only() {
            None => self.calls.only_askable(Instant::now()).map(Addressee::Call),
            Some(session) => {
                let newest = self.calls.newest().filter(|call| !call.mailbox.is_closed());
                Ok(newest.map_or(Addressee::Session(session), Addressee::Call))
            }
        }
    }

    fn notified(&self, from: &Running, message: &Message<'_>, method: &str, params: Option<&str>) {
        if era_of(from) == Era::Modern
            && let Some(subscription) = subscription(params)
        {
            return self.heard(message, method, params, subscription);
        }
        match method {
            "notifications/progress" => self.progress(from.generation, message, params),
            "notifications/message" => self.log_message(from.generation, message, params),
            "notifications/cancelled" => self.child_cancelled(from.generation, message, params),
            "notifications/elicitation/complete" => {
                if let Some(session) = self.elicitations.complete(params) {
                    session.outbox.put_once(message.text);
                }
            }
            _ if is_for_all(method) => {
                self.note_changed(method);
                self.publish(message.text, method, params);
            }
            // Whatever else it is, it goes to the one session it can be meant for, or to none.
            _ => match self.addressee() {
                Ok(addressee) => addressee.put(Delivery::Message(Letter::plain(message.text))),
                Err(_) => {
                    log::debug!(server = self.server.name(), event = "dropped"; "{method} for no one session")
                }
            },
        }
    }

    /// What everybody hears who listens or has subscribed.
    pub(super) fn publish(&self, text: &str, method: &str, params: Option<&str>) {
        let uri = params.and_then(|params| json::member(params, "uri")).and_then(json::string);
        let sessions = match (method, uri) {
            ("notifications/resources/updated", Some(uri)) => self.audience.subscribed(&uri),
            ("notifications/resources/updated", None) => Vec::new(),
            _ => self.audience.all(),
        };
        sessions.iter().for_each(|session| session.outbox.put_once(text));
    }

    /// A modern child says something to a subscription (2026-07-28, basic, Subscriptions): a client's own, or ours on
    /// behalf of the legacy sessions.
    fn heard(&self, message: &Message<'_>, method: &str, params: Option<&str>, subscription: &str) {
        let Ok(number) = subscription.parse() else { return };
        if self.listens_as(number) {
            if method == "notifications/subscriptions/acknowledged" {
                self.note_listening(number);
            } else if is_for_all(method) {
                self.note_changed(method);
                self.publish(&handshake::plain_notification(message.text), method, params);
            }
        } else if let Some(call) = self.calls.get(number) {
            let mark = Some((message.span(subscription), Mark::Id));
            call.mailbox.put(Delivery::Message(Letter { text: message.text.into(), mark }));
        }
    }

    fn progress(&self, generation: u64, message: &Message<'_>, params: Option<&str>) {
        let Some(token) = params.and_then(|params| json::member(params, "progressToken")) else { return };
        let call = token.parse().ok().and_then(|number| self.calls.get(number));
        let Some(call) = call.filter(|call| call.generation == generation) else { return };
        if call.origin().is_some_and(|origin| origin.token.is_some()) {
            let mark = Some((message.span(token), Mark::Token));
            call.mailbox.put(Delivery::Message(Letter { text: message.text.into(), mark }));
        }
    }

    /// A log message names no call. It goes to the one session that can be meant, else to our own log and nobody.
    fn log_message(&self, generation: u64, message: &Message<'_>, params: Option<&str>) {
        let level = Level::of(params);
        match self.addressee() {
            Ok(addressee) if addressee.session().is_some_and(|session| session.wants(level)) => {
                addressee.put(Delivery::Message(Letter::plain(message.text)));
            }
            Ok(_) => {}
            Err(_) => {
                let level = level.map_or("unknown", Level::as_str);
                let _scope = request::within(self.only_request(generation));
                log::debug!(server = self.server.name(), event = "log-message"; "a log message ({level}) that belongs to no one session");
            }
        }
    }

    /// The child takes back what it asked a client, or ends a client's subscription.
    fn child_cancelled(&self, generation: u64, message: &Message<'_>, params: Option<&str>) {
        let Some(id) = params.and_then(|params| json::member(params, "requestId")) else { return };
        let letter = |mark| Letter { text: message.text.into(), mark: Some((message.span(id), mark)) };
        if let Some((number, ask)) = self.asks.cancel(generation, id) {
            let letter = letter(Mark::Number(number));
            match ask.call.and_then(|call| self.calls.get(call)) {
                Some(call) => call.mailbox.put(Delivery::Message(letter)),
                None => ask.session.outbox.put(Delivery::Message(letter)),
            }
        } else if let Some(call) = id.parse().ok().and_then(|number| self.calls.get(number))
            && call.listens()
        {
            call.mailbox.put(Delivery::Message(letter(Mark::Id)));
        }
    }

    /// The child asks. A ping is ours to answer; sampling and elicitation go to the one session that can be meant; the
    /// child of one session may ask it anything.
    fn asked(&self, from: &Running, message: &Message<'_>, id: &str, method: &str, params: Option<&str>) {
        match method {
            "ping" => {
                let line = success(id, "{}") + "\n";
                let _ = self.send(from, line.into_bytes());
            }
            "sampling/createMessage" | "elicitation/create" => match self.whom_to_ask(method, params) {
                Ok(addressee) => self.pass_ask(from, message, id, &addressee),
                Err(why) => self.refuse_ask(from, id, method, &why),
            },
            _ => match self.addressee() {
                Ok(addressee) if self.audience.is_one => self.pass_ask(from, message, id, &addressee),
                _ => {
                    let text = format!("{method} is not offered by this client");
                    self.refuse_child(from, id, METHOD_NOT_FOUND, &text);
                }
            },
        }
    }

    fn pass_ask(&self, from: &Running, message: &Message<'_>, id: &str, addressee: &Addressee) {
        let Some(session) = addressee.session() else { return };
        let number = names::next_number();
        self.elicitations.asked(message.params(), session);
        let asker = Asker::Child { child_id: id.to_string(), generation: from.generation };
        let call = addressee.call().map(|call| call.number);
        if !self.asks.open(number, Ask { asker, session: Arc::clone(session), call }) {
            return self.refuse_child(from, id, INTERNAL_ERROR, "too many requests wait for clients already");
        }
        let id = message.span(id);
        addressee.put(Delivery::Question { number, text: message.text.to_string(), id });
        // The call may have ended between the choice and the note of it: nobody would answer.
        if let Some(call) = addressee.call().filter(|call| self.calls.get(call.number).is_none()) {
            self.refuse_asks(from, call);
        }
    }

    /// The client that the child can only mean, if it is there and can be asked this.
    fn whom_to_ask(&self, method: &str, params: Option<&str>) -> Result<Addressee, String> {
        let several = |sessions| match sessions {
            0 => "no session has a call in flight".to_string(),
            _ => format!(
                "{sessions} sessions have calls in flight, and nothing says which one is meant; for legacy clients \
                 a child for each session would settle it (instances = \"per-session\")"
            ),
        };
        let addressee = self.addressee().map_err(several)?;
        let covered = |session: &Arc<Session>| session.about.capabilities.cover(method, params);
        match (addressee.session().is_some_and(covered), addressee.is_gone()) {
            (true, false) => Ok(addressee),
            (false, _) => {
                addressee.session().into_iter().for_each(|session| session.spare());
                Err("the client of the call in flight has not declared that it can be asked this".into())
            }
            (true, true) => Err("the client of the call in flight is gone".into()),
        }
    }

    fn refuse_ask(&self, from: &Running, id: &str, method: &str, why: &str) {
        let name = self.server.name();
        log::warn!(server = name, event = "ask-refused"; "{method} refused: {why}");
        self.refuse_child(from, id, INTERNAL_ERROR, why);
    }
}

/// What is not for one client, but for all that listen or have subscribed.
fn is_for_all(method: &str) -> bool {
    method.ends_with("/list_changed") || method == "notifications/resources/updated"
}

/// The subscription that a notification belongs to, raw.
fn subscription(params: Option<&str>) -> Option<&str> {
    const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
    json::member(json::member(params?, "_meta")?, SUBSCRIPTION)
}
