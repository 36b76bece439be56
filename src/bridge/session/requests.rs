//! What becomes of each message of a legacy client.

use super::super::Bridge;
use super::super::asking::Asking;
use super::super::names::{self, AskedElsewhere};
use super::super::peer::asks::Asker;
use super::super::peer::era_of;
use super::super::peer::send::{Request, Sent};
use super::super::peer::wishes::Wish;
use super::super::refusal::Refusal;
use super::super::stream::mailbox::Delivery;
use super::super::stream::waiter::Waiter;
use super::super::tools::close;
use super::Session;
use crate::auth::Caller;
use crate::auth::calls::Outcome;
use crate::http::{Response, json_response};
use crate::protocol::error::{BAD_REQUEST, METHOD_NOT_FOUND, RpcError, success};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision::Era;
use ::http::StatusCode;
use std::sync::Arc;
use std::time::Instant;

/// What a request has led to.
pub(crate) enum Begun {
    /// The child has it.
    Waiting(Box<Waiter>),
    /// It is answered.
    Answered(String),
}

impl Bridge {
    /// A request, answered by HTTP.
    pub(crate) fn request(
        self: &Arc<Self>,
        message: &Message<'_>,
        id: &str,
        method: &str,
        session: &Arc<Session>,
        asking: Asking<'_>,
    ) -> Response {
        match self.begin_request(message, id, method, session, asking.caller) {
            Begun::Waiting(waiter) => waiter.answer(asking.client),
            Begun::Answered(text) => json_response(StatusCode::OK, text.into_bytes()),
        }
    }

    /// A request: some are ours to answer, the others go to the child.
    pub(crate) fn begin_request(
        self: &Arc<Self>,
        message: &Message<'_>,
        id: &str,
        method: &str,
        session: &Arc<Session>,
        caller: &Caller,
    ) -> Begun {
        let peer = &session.peer;
        let record = match self.let_pass(message, caller) {
            Ok(record) => record,
            Err(error) => return Begun::Answered(error.response(id)),
        };
        let sent = match method {
            "ping" => Ok(Sent::Answered),
            // Tasks belong to the one client a shared child thinks it has; `initialize` does not offer them.
            _ if method.starts_with("tasks/") && !peer.audience.is_one => {
                Err(RpcError::new(METHOD_NOT_FOUND, "tasks are not offered here"))
            }
            _ => Wish::of(method, message.params()).and_then(|wish| {
                let is_plain = wish == Wish::None;
                let request = Request { message, id, method, session, caller, wish, started: Instant::now() };
                let sent = match peer.answer_asleep(&request) {
                    Some(answered) => answered,
                    None => {
                        let _awake = self.children.running(peer)?;
                        peer.send_call(&request)?
                    }
                };
                if !is_plain {
                    self.keep_wishes(session);
                }
                Ok(sent)
            }),
        };
        match sent {
            Ok(Sent::Call(call)) => Begun::Waiting(Box::new(Waiter::new(self, peer, call).recorded(record))),
            Ok(Sent::Answered) => {
                close(record, Outcome::Ok);
                Begun::Answered(success(id, "{}"))
            }
            Err(error) => {
                close(record, Outcome::of_failure(&error));
                Begun::Answered(error.response(id))
            }
        }
    }

    /// A notification or an answer, which has no answer itself. One that could be read as the call of a hidden tool is
    /// dropped.
    ///
    /// # Errors
    /// It answers what another process has asked: nobody waits for it here.
    pub(crate) fn tell(
        &self,
        message: &Message<'_>,
        session: &Session,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        if self.let_pass(message, caller).is_err() {
            return Ok(());
        }
        match &message.kind {
            Kind::Request { .. } => {}
            Kind::Notification { method, params } => self.notification(message, method, *params, session),
            Kind::Response { id, result, error } => {
                let reply = result.map(str::to_string).ok_or_else(|| error.unwrap_or("{}").to_string());
                let number = names::number_of(id).map_err(asked_elsewhere)?;
                self.client_answered(message, id, number, reply, session);
            }
        }
        Ok(())
    }

    /// A notification: what concerns our handshake or another client's roots stays here, the rest goes on.
    fn notification(&self, message: &Message<'_>, method: &str, params: Option<&str>, session: &Session) {
        let peer = &session.peer;
        match method {
            "notifications/initialized" => {}
            "notifications/roots/list_changed" if !peer.audience.is_one => {}
            "notifications/cancelled" => peer.client_cancelled(params, session),
            _ => match peer.server.running() {
                // The modern era has none that a client sends, but to cancel.
                Some(running) if era_of(&running) == Era::Legacy => {
                    let line = json::splice_line(message.text, &mut [], "");
                    if let Err(error) = peer.send(&running, line) {
                        log::debug!(server = peer.server.name(), event = "dropped"; "a notification was dropped: {error:?}");
                    }
                }
                _ => {
                    log::debug!(server = peer.server.name(), event = "dropped"; "a notification was dropped")
                }
            },
        }
    }

    /// A client answers what it was asked.
    fn client_answered(
        &self,
        message: &Message<'_>,
        id: &str,
        number: Option<u64>,
        reply: Result<String, String>,
        session: &Session,
    ) {
        let peer = &session.peer;
        let Some((number, ask)) = number.and_then(|number| Some((number, peer.asks.close(number, session)?)))
        else {
            return log::debug!(server = peer.server.name(), event = "dropped"; "an answer to nothing that was asked");
        };
        match ask.asker {
            Asker::Call(mailbox) => mailbox.put(Delivery::Reply { number, reply }),
            Asker::Child { child_id, generation } => {
                let running = peer.server.running().filter(|running| running.generation == generation);
                if let Some(running) = running {
                    let line = json::splice_line(message.text, &mut [message.span(id)], &child_id);
                    let _ = peer.send(&running, line);
                }
            }
        }
    }
}

pub(super) fn asked_elsewhere(_: AskedElsewhere) -> Refusal {
    let text = format!(
        "this question was asked by another proxy process, or by this one before it was started again; nobody waits \
         for the answer here; {}",
        names::ADVICE
    );
    Refusal::new(StatusCode::CONFLICT, BAD_REQUEST, text)
}
