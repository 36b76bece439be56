//! What becomes of each message of a legacy client.

use super::super::Bridge;
use super::super::peer::asks::Asker;
use super::super::peer::era_of;
use super::super::peer::send::{Request, Sent};
use super::super::peer::wishes::Wish;
use super::super::stream::mailbox::Delivery;
use super::super::stream::waiter::Waiter;
use super::Session;
use crate::http::{Client, Response, json_response};
use crate::protocol::error::{METHOD_NOT_FOUND, RpcError, success};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision::Era;
use ::http::StatusCode;
use std::sync::Arc;
use std::time::Instant;

/// What a request has led to.
pub(crate) enum Begun {
    /// The child has it.
    Waiting(Waiter),
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
        client: &Client,
    ) -> Response {
        match self.begin_request(message, id, method, session) {
            Begun::Waiting(waiter) => waiter.answer(client),
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
    ) -> Begun {
        let peer = &session.peer;
        let sent = match method {
            "ping" => Ok(Sent::Answered),
            // Tasks belong to the one client a shared child thinks it has; `initialize` does not offer them.
            _ if method.starts_with("tasks/") && !peer.audience.is_one => {
                Err(RpcError::new(METHOD_NOT_FOUND, "tasks are not offered here"))
            }
            _ => Wish::of(method, message.params()).and_then(|wish| {
                let started = Instant::now();
                let _awake = self.children.running(peer)?;
                peer.send_call(&Request { message, id, method, session, wish, started })
            }),
        };
        match sent {
            Ok(Sent::Call(call)) => Begun::Waiting(Waiter::new(self, peer, call)),
            Ok(Sent::Answered) => Begun::Answered(success(id, "{}")),
            Err(error) => Begun::Answered(error.response(id)),
        }
    }

    /// A notification or an answer, which has no answer itself.
    pub(crate) fn tell(&self, message: &Message<'_>, session: &Session) {
        match &message.kind {
            Kind::Request { .. } => {}
            Kind::Notification { method, params } => self.notification(message, method, *params, session),
            Kind::Response { id, result, error } => {
                let reply = result.map(str::to_string).ok_or_else(|| error.unwrap_or("{}").to_string());
                self.client_answered(message, id, reply, session);
            }
        }
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
        reply: Result<String, String>,
        session: &Session,
    ) {
        let peer = &session.peer;
        let number = id.parse().ok();
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
