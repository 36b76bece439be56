//! What becomes of each request and notification of a client.

use super::Bridge;
use super::calls::{Call, Effect, Origin, Owner};
use super::refusal::json_response;
use super::session::{Level, Session};
use crate::http::{Client, Response};
use crate::protocol::error::{INVALID_PARAMS, RpcError, success};
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::server::{InputError, Running};
use ::http::StatusCode;
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

impl Bridge {
    /// A request: some are ours to answer, the others go to the child.
    pub(super) fn request(
        self: &Arc<Self>,
        message: &Message<'_>,
        id: &str,
        method: &str,
        session: &Arc<Session>,
        client: &Client,
    ) -> Response {
        let answered = match method {
            "ping" => Some(Ok(())),
            "logging/setLevel" => self.set_level(message, session),
            "resources/subscribe" => self.subscribe(message, session),
            "resources/unsubscribe" => self.unsubscribe(message, session),
            _ => None,
        };
        match answered {
            Some(Ok(())) => json_response(StatusCode::OK, success(id, "{}").into_bytes()),
            Some(Err(error)) => json_response(StatusCode::OK, error.response(id).into_bytes()),
            None => match self.send_call(message, id, method, session) {
                Ok(call) => self.wait(call, client),
                Err(error) => json_response(StatusCode::OK, error.response(id).into_bytes()),
            },
        }
    }

    /// Puts the call on the list and its line on the way. If the child has died or closed its stdin meanwhile, the
    /// next one gets it.
    fn send_call(
        &self,
        message: &Message<'_>,
        id: &str,
        method: &str,
        session: &Arc<Session>,
    ) -> Result<Arc<Call>, RpcError> {
        let started = Instant::now();
        loop {
            let running = self.running()?;
            let tokens = message.progress_tokens();
            let origin = Origin {
                session: Arc::clone(session),
                id: id.to_string(),
                token: tokens.last().map(|token| token.to_string()),
                effect: effect(method, message),
                may_ask: matches!(method, "tools/call" | "prompts/get" | "resources/read"),
                deadline: started + self.options.call_timeout,
                queue_bytes: self.limits.stream_queue_bytes,
            };
            let call = self.calls.open(Owner::Client(origin), running.generation);
            let call = call.ok_or_else(|| self.given_up("too-many-calls", self.too_many_calls()))?;
            let mut cuts: Vec<_> = tokens.into_iter().chain([id]).map(|part| message.span(part)).collect();
            let line = json::splice_line(message.text, &mut cuts, &call.number.to_string());
            let Err(error) = self.send(&running, line) else { return Ok(call) };
            self.calls.close(call.number);
            let left = self.restart_wait.saturating_sub(started.elapsed());
            if error == InputError::Full || left.is_zero() {
                return Err(self.given_up("not-reading", self.not_reading()));
            }
            self.server.replace(running.generation);
            self.server.wait_end(running.generation, left);
        }
    }

    /// Sends a line to a child.
    pub(super) fn send(&self, running: &Running, line: Vec<u8>) -> Result<(), InputError> {
        running.input.as_ref().map_or(Err(InputError::Closed), |input| input.send(line))
    }

    fn too_many_calls(&self) -> String {
        let (name, max) = (self.server.name(), self.limits.max_calls);
        format!("server {name} has {max} calls in flight, as many as max_calls allows; try again later")
    }

    fn not_reading(&self) -> String {
        let name = self.server.name();
        format!("server {name} does not read its input; try again later, or: mcp-proxy restart {name}")
    }

    /// The child's level is the most verbose one that any session asked for; if it has that already, we answer.
    fn set_level(&self, message: &Message<'_>, session: &Session) -> Option<Result<(), RpcError>> {
        let Some(level) = Level::of(message.params()) else {
            let text = "level must be one of debug, info, notice, warning, error, critical, alert, emergency";
            return Some(Err(RpcError::new(INVALID_PARAMS, text)));
        };
        session.state().level = Some(level);
        let mut child_level = self.child_level.lock().unwrap_or_else(PoisonError::into_inner);
        let verbose_enough = child_level.is_some_and(|current| current <= level);
        if !verbose_enough {
            *child_level = Some(level);
        }
        verbose_enough.then_some(Ok(()))
    }

    /// The child is subscribed to what any session is. Remembered before the child knows, so that no update is lost.
    fn subscribe(&self, message: &Message<'_>, session: &Session) -> Option<Result<(), RpcError>> {
        let uri = json::string(json::member(message.params()?, "uri")?)?;
        let others = !self.sessions.subscribed(&uri).is_empty();
        let mut state = session.state();
        if state.subscriptions.len() >= self.limits.max_subscriptions {
            let text = format!("a session may subscribe to {} resources", self.limits.max_subscriptions);
            return Some(Err(RpcError::new(INVALID_PARAMS, text)));
        }
        state.subscriptions.insert(uri);
        others.then_some(Ok(()))
    }

    fn unsubscribe(&self, message: &Message<'_>, session: &Session) -> Option<Result<(), RpcError>> {
        let uri = json::string(json::member(message.params()?, "uri")?)?;
        session.state().subscriptions.remove(&uri);
        (!self.sessions.subscribed(&uri).is_empty()).then_some(Ok(()))
    }

    /// The child is told of those that no other session has.
    pub(super) fn give_up_subscriptions(&self, session: &Session) {
        let mut uris = std::mem::take(&mut session.state().subscriptions);
        uris.retain(|uri| self.sessions.subscribed(uri).is_empty());
        let Some(running) = self.server.running() else { return };
        for uri in uris {
            self.send_own(&running, "resources/unsubscribe", &json!({ "uri": uri }));
        }
    }

    /// A request of our own whose answer changes nothing.
    pub(super) fn send_own(&self, running: &Running, method: &str, params: &Value) {
        let id = self.calls.number();
        let line =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}\n");
        let _ = self.send(running, line.into_bytes());
    }

    /// A notification: what concerns our handshake or roots stays here, the rest goes on.
    pub(super) fn notification(
        &self,
        message: &Message<'_>,
        method: &str,
        params: Option<&str>,
        session: &Session,
    ) {
        match method {
            "notifications/initialized" | "notifications/roots/list_changed" => {}
            "notifications/cancelled" => self.client_cancelled(params, session),
            _ => {
                let line = json::splice_line(message.text, &mut [], "");
                if let Some(Err(error)) = self.server.running().map(|running| self.send(&running, line)) {
                    log::debug!(server = self.server.name(), event = "dropped"; "a notification was dropped: {error:?}");
                }
            }
        }
    }

    /// A client answers what the child asked it.
    pub(super) fn client_answered(&self, message: &Message<'_>, id: &str, session: &Session) {
        let ask = id.parse().ok().and_then(|number| self.asks.close(number, session));
        let Some((ask, running)) = ask.zip(self.server.running()) else {
            return log::debug!(server = self.server.name(), event = "dropped"; "an answer to nothing that was asked");
        };
        if ask.generation == running.generation {
            let line = json::splice_line(message.text, &mut [message.span(id)], &ask.child_id);
            let _ = self.send(&running, line);
        }
    }
}

/// What [`Bridge::set_level`] and [`Bridge::subscribe`] have remembered for a request that goes to the child.
fn effect(method: &str, message: &Message<'_>) -> Effect {
    let uri = || json::string(json::member(message.params()?, "uri")?);
    match method {
        "logging/setLevel" => Effect::Level,
        "resources/subscribe" => uri().map_or(Effect::None, Effect::Subscription),
        _ => Effect::None,
    }
}
