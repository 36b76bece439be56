//! Where each line of the child goes. Runs on the child's reading thread and never waits for a client.

use super::Bridge;
use super::asks::Ask;
use super::calls::Call;
use super::mailbox::Delivery;
use super::session::Level;
use crate::protocol::error::{INTERNAL_ERROR, METHOD_NOT_FOUND, success};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::server::{End, Face, Noise, Oversize, Running};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

impl Face for Bridge {
    /// A new child gets to know what the sessions have asked of the one before.
    fn up(&self, running: &Running) {
        self.renew_wishes(running);
    }

    fn line(&self, from: &Running, line: Vec<u8>) -> Result<(), Noise> {
        let text = String::from_utf8(line).map_err(|_| Noise::NotUtf8)?;
        let message = Noise::sort(&text)?;
        match &message.kind {
            Kind::Response { id, error, .. } => match self.take_answered(from, id) {
                Some(call) => {
                    self.note_outcome(&call, *error);
                    let (cut, own_id) = (message.span(id), call.origin().map_or("null", |origin| &origin.id));
                    call.mailbox.put(Delivery::Answer(replace(text, cut, own_id)));
                }
                None => {
                    log::debug!(server = self.server.name(), event = "late-answer"; "an answer that nobody waits for")
                }
            },
            Kind::Request { id, method, params } => self.asked(from, &message, id, method, *params),
            Kind::Notification { method, params } => {
                self.notified(from.generation, &message, method, *params)
            }
        }
        Ok(())
    }

    fn oversize(&self, from: &Running, line: &Oversize) {
        let (name, bytes, max) = (self.server.name(), line.bytes, self.limits.max_message_bytes);
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

    fn down(&self, generation: u64, end: &End) {
        self.asks.close_generation(generation);
        for call in self.calls.close_generation(generation) {
            call.fail(self.server.died(end));
        }
    }

    fn answers(&self) -> bool {
        false // a stdio child is ready when it answers initialize
    }
}

impl Bridge {
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

    fn notified(&self, generation: u64, message: &Message<'_>, method: &str, params: Option<&str>) {
        match method {
            "notifications/progress" => self.progress(generation, message, params),
            "notifications/message" => self.log_message(message, params),
            "notifications/cancelled" => self.child_cancelled(generation, message, params),
            "notifications/resources/updated" => {
                let uri = params.and_then(|params| json::member(params, "uri")).and_then(json::string);
                let sessions = uri.map(|uri| self.sessions.subscribed(&uri)).unwrap_or_default();
                sessions.iter().for_each(|session| session.outbox.put_once(message.text.as_bytes()));
            }
            _ if method.ends_with("/list_changed") => {
                self.sessions
                    .all()
                    .iter()
                    .for_each(|session| session.outbox.put_once(message.text.as_bytes()));
            }
            "notifications/elicitation/complete" => {
                if let Some(session) = self.elicitations.complete(params) {
                    session.outbox.put_once(message.text.as_bytes());
                }
            }
            // Whatever else it is, it goes to the one session it can be meant for, or to none.
            _ => match self.calls.only_askable(Instant::now()) {
                Ok(call) => put(&call, message.text),
                Err(_) => {
                    log::debug!(server = self.server.name(), event = "dropped"; "{method} for no one session")
                }
            },
        }
    }

    fn progress(&self, generation: u64, message: &Message<'_>, params: Option<&str>) {
        let Some(token) = params.and_then(|params| json::member(params, "progressToken")) else { return };
        let call = token.parse().ok().and_then(|number| self.calls.get(number));
        let Some(call) = call.filter(|call| call.generation == generation) else { return };
        if let Some(own) = call.origin().and_then(|origin| origin.token.as_deref()) {
            let text = replace(message.text.to_string(), message.span(token), own);
            call.mailbox.put(Delivery::Message(text));
        }
    }

    /// A log message names no call. It goes to the one session that can be meant, else to our own log and nobody.
    fn log_message(&self, message: &Message<'_>, params: Option<&str>) {
        match self.calls.only_askable(Instant::now()) {
            Ok(call) if call.origin().is_some_and(|origin| origin.session.wants(Level::of(params))) => {
                put(&call, message.text);
            }
            Ok(_) => {}
            Err(_) => {
                let level = Level::of(params).map_or("unknown", Level::as_str);
                log::debug!(server = self.server.name(), event = "log-message"; "a log message ({level}) that belongs to no one session");
            }
        }
    }

    /// The child takes back what it asked a client.
    fn child_cancelled(&self, generation: u64, message: &Message<'_>, params: Option<&str>) {
        let Some(child_id) = params.and_then(|params| json::member(params, "requestId")) else { return };
        let Some((number, ask)) = self.asks.cancel(generation, child_id) else { return };
        if let Some(call) = self.calls.get(ask.call) {
            let text = replace(message.text.to_string(), message.span(child_id), &number.to_string());
            call.mailbox.put(Delivery::Message(text));
        }
    }

    /// The child asks. A ping is ours to answer; sampling and elicitation go to the one session that can be meant.
    fn asked(&self, from: &Running, message: &Message<'_>, id: &str, method: &str, params: Option<&str>) {
        match method {
            "ping" => {
                let line = success(id, "{}") + "\n";
                let _ = self.send(from, line.into_bytes());
            }
            "sampling/createMessage" | "elicitation/create" => match self.whom_to_ask(method, params) {
                Ok(call) => self.pass_ask(from, message, id, &call),
                Err(why) => self.refuse_ask(from, id, method, &why),
            },
            _ => {
                let text = format!("{method} is not offered by this client");
                self.refuse_child(from, id, METHOD_NOT_FOUND, &text);
            }
        }
    }

    fn pass_ask(&self, from: &Running, message: &Message<'_>, id: &str, call: &Arc<Call>) {
        let Some(origin) = call.origin() else { return };
        let number = self.calls.number();
        let session = Arc::clone(&origin.session);
        self.elicitations.asked(message.params(), &session);
        let ask = Ask { child_id: id.to_string(), generation: from.generation, session, call: call.number };
        if !self.asks.open(number, ask) {
            return self.refuse_child(from, id, INTERNAL_ERROR, "too many requests wait for clients already");
        }
        let text = replace(message.text.to_string(), message.span(id), &number.to_string());
        call.mailbox.put(Delivery::Message(text));
        // The call may have ended between the choice and the note of it: nobody would answer.
        if self.calls.get(call.number).is_none() {
            self.refuse_asks(from, call);
        }
    }

    /// The call whose client the child can only mean, if it is there and can be asked this.
    fn whom_to_ask(&self, method: &str, params: Option<&str>) -> Result<Arc<Call>, String> {
        let several = |sessions| match sessions {
            0 => "no session has a call in flight".to_string(),
            _ => format!("{sessions} sessions have calls in flight, and nothing says which one is meant"),
        };
        let call = self.calls.only_askable(Instant::now()).map_err(several)?;
        let covered = call.origin().is_some_and(|origin| origin.session.capabilities.cover(method, params));
        match (covered, call.mailbox.is_closed()) {
            (true, false) => Ok(call),
            (false, _) => {
                Err("the client of the call in flight has not declared that it can be asked this".into())
            }
            (true, true) => Err("the client of the call in flight is gone".into()),
        }
    }

    fn refuse_ask(&self, from: &Running, id: &str, method: &str, why: &str) {
        let name = self.server.name();
        log::warn!(server = name, event = "ask-refused"; "{method} refused: {why}; a child for each session (instances = \"per-session\", not yet in effect) would settle it");
        self.refuse_child(from, id, INTERNAL_ERROR, why);
    }
}

fn put(call: &Call, text: &str) {
    call.mailbox.put(Delivery::Message(text.as_bytes().to_vec()));
}

/// The text with one part replaced, in place: a large answer is not copied.
fn replace(text: String, cut: Range<usize>, by: &str) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    bytes.splice(cut, by.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_by_a_longer_or_shorter_one() {
        assert_eq!(replace("{\"id\":7}".into(), 6..7, "\"abc\""), b"{\"id\":\"abc\"}");
        assert_eq!(replace("{\"id\":777}".into(), 6..9, "1"), b"{\"id\":1}");
    }
}
