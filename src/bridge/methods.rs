//! What becomes of each request and notification of a client.

use super::Bridge;
use super::calls::{Call, Origin, Owner};
use super::session::Session;
use super::wishes::{Decision, Wish};
use crate::http::{Client, Response, json_response};
use crate::protocol::error::{METHOD_NOT_FOUND, RpcError, success};
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::server::{InputError, Running};
use ::http::StatusCode;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// A client's request on its way to the child.
struct Request<'r> {
    message: &'r Message<'r>,
    id: &'r str,
    method: &'r str,
    session: &'r Arc<Session>,
    wish: Wish,
    started: Instant,
}

/// What became of it.
enum Sent {
    /// The child has it.
    Call(Arc<Call>),
    /// The child need not hear of it: the answer is an empty result.
    Answered,
}

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
        let answer = match method {
            "ping" => Ok(Sent::Answered),
            // Tasks belong to the one client the child thinks it has; `initialize` does not offer them.
            _ if method.starts_with("tasks/") => {
                Err(RpcError::new(METHOD_NOT_FOUND, "tasks are not offered here"))
            }
            _ => Wish::of(method, message.params()).and_then(|wish| {
                self.send_call(&Request { message, id, method, session, wish, started: Instant::now() })
            }),
        };
        match answer {
            Ok(Sent::Call(call)) => self.wait(call, client),
            Ok(Sent::Answered) => json_response(StatusCode::OK, success(id, "{}").into_bytes()),
            Err(error) => json_response(StatusCode::OK, error.response(id).into_bytes()),
        }
    }

    /// Puts the call on the list and its line on the way. If the child has died or closed its stdin meanwhile, the
    /// next one gets it.
    fn send_call(&self, request: &Request<'_>) -> Result<Sent, RpcError> {
        loop {
            let running = self.running()?;
            let error = match self.try_send(request, &running)? {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let left = self.restart_wait.saturating_sub(request.started.elapsed());
            if error == InputError::Full || left.is_zero() {
                self.conclude(&request.wish, request.session, true);
                return Err(self.server.given_up("not-reading", self.not_reading()));
            }
            self.server.replace(running.generation);
            self.server.wait_end(running.generation, left);
        }
    }

    fn try_send(
        &self,
        request: &Request<'_>,
        running: &Running,
    ) -> Result<Result<Sent, InputError>, RpcError> {
        // Held until the line is sent, so that the child hears of wishes in the order of the decisions.
        let mut agreed = (request.wish != Wish::None).then(|| self.wishes.lock());
        let decision =
            agreed.as_mut().map(|agreed| self.decide(&request.wish, request.session, agreed, running));
        if let Some(Decision::Answer(answer)) = decision {
            return answer.map(|()| Ok(Sent::Answered));
        }
        let message = request.message;
        let tokens = message.progress_tokens();
        let origin = Owner::Client(self.origin(request, tokens.last().copied()));
        let call = self.calls.open(origin, running.generation);
        let call = call.ok_or_else(|| self.server.given_up("too-many-calls", self.too_many_calls()))?;
        let mut cuts: Vec<_> =
            tokens.into_iter().chain([request.id]).map(|part| message.span(part)).collect();
        let line = json::splice_line(message.text, &mut cuts, &call.number.to_string());
        Ok(self.send(running, line).map(|()| Sent::Call(Arc::clone(&call))).inspect_err(|_| {
            self.calls.close(call.number);
        }))
    }

    fn origin(&self, request: &Request<'_>, token: Option<&str>) -> Origin {
        Origin {
            session: Arc::clone(request.session),
            id: request.id.to_string(),
            token: token.map(str::to_string),
            wish: request.wish.clone(),
            may_ask: matches!(request.method, "tools/call" | "prompts/get" | "resources/read"),
            deadline: request.started + self.options.call_timeout,
            queue_bytes: self.limits.stream_queue_bytes,
        }
    }

    /// Sends a line to a child.
    pub(super) fn send(&self, running: &Running, line: Vec<u8>) -> Result<(), InputError> {
        running.outlet.as_ref().map_or(Err(InputError::Closed), |outlet| outlet.send(line))
    }

    fn too_many_calls(&self) -> String {
        let (name, max) = (self.server.name(), self.limits.max_calls);
        format!("server {name} has {max} calls in flight, as many as max_calls allows; try again later")
    }

    fn not_reading(&self) -> String {
        let name = self.server.name();
        format!("server {name} does not read its input; try again later, or: mcp-proxy restart {name}")
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
