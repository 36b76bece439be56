//! A client's request on its way to the child.

use super::super::endpoint::MAX_NAME_BYTES;
use super::super::session::Session;
use super::super::stream::mailbox::Mailbox;
use super::calls::{Call, Origin};
use super::wishes::{Decision, Wish};
use super::{Peer, era_of};
use crate::protocol::error::RpcError;
use crate::protocol::handshake::{self, Client};
use crate::protocol::json;
use crate::protocol::message::Message;
use crate::protocol::modernize;
use crate::protocol::revision::Era;
use crate::server::{InputError, Running};
use std::sync::Arc;
use std::time::Instant;

/// A client's request.
pub(crate) struct Request<'r> {
    pub(crate) message: &'r Message<'r>,
    pub(crate) id: &'r str,
    pub(crate) method: &'r str,
    pub(crate) session: &'r Arc<Session>,
    pub(crate) wish: Wish,
    pub(crate) started: Instant,
}

/// What became of it.
pub(crate) enum Sent {
    /// The child has it.
    Call(Arc<Call>),
    /// The child need not hear of it: the answer is an empty result.
    Answered,
}

impl Peer {
    /// Puts the call on the list and its line on the way. If the child has died or closed its stdin meanwhile, the
    /// next one gets it.
    ///
    /// # Errors
    /// There is no child, or it takes nothing, or it has too much to do.
    pub(crate) fn send_call(&self, request: &Request<'_>) -> Result<Sent, RpcError> {
        loop {
            let running = self.running()?;
            let error = match self.try_send(request, &running)? {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let left = self.terms.restart_wait.saturating_sub(request.started.elapsed());
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
        let mut agreed = (request.wish != Wish::None).then(|| self.lock_wishes());
        let decision =
            agreed.as_mut().map(|agreed| self.decide(&request.wish, request.session, agreed, running));
        if let Some(Decision::Answer(answer)) = decision {
            drop(agreed);
            if matches!(request.wish, Wish::Subscribe(_)) && era_of(running) == Era::Modern {
                self.await_listening();
            }
            return answer.map(|()| Ok(Sent::Answered));
        }
        let translated = self.translate(request, running);
        let message = translated.as_deref().and_then(|text| Message::parse(text, usize::MAX).ok());
        let message = message.as_ref().unwrap_or(request.message);
        let tokens = message.progress_tokens();
        // One that is longer than anybody's is not remembered, and there is no progress.
        let token = tokens.last().copied().filter(|token| token.len() <= MAX_NAME_BYTES);
        let origin = self.origin(request, token, era_of(running));
        let queue_bytes = self.terms.limits.stream_queue_bytes;
        let mailbox = Arc::new(Mailbox::new(queue_bytes));
        let call = self.open(Arc::new(origin), mailbox, running)?;
        Ok(self.send_as(&call, message, running).map(|()| Sent::Call(call)))
    }

    /// Puts a call on the list.
    fn open(
        &self,
        origin: Arc<Origin>,
        mailbox: Arc<Mailbox>,
        running: &Running,
    ) -> Result<Arc<Call>, RpcError> {
        let (number, generation, era) = (self.calls.number(), running.generation, era_of(running));
        let call = Call { number, generation, era, origin: Some(origin), mailbox };
        let deadline = Instant::now() + self.terms.options.call_timeout;
        let call = self.calls.open(call, deadline);
        call.ok_or_else(|| self.server.given_up("too-many-calls", self.too_many_calls()))
    }

    fn send_as(&self, call: &Call, message: &Message<'_>, running: &Running) -> Result<(), InputError> {
        let number = call.number.to_string();
        let id = match message.kind {
            crate::protocol::message::Kind::Request { id, .. } => id,
            _ => return Ok(()),
        };
        let cuts = message.progress_tokens().into_iter().chain([id]);
        let mut cuts: Vec<_> = cuts.map(|part| message.span(part)).collect();
        let line = json::splice_line(message.text, &mut cuts, &number);
        self.send(running, line).inspect_err(|_| drop(self.calls.close(call.number)))
    }

    /// The request as a child of the other era takes it; `None` if the child speaks its client's.
    fn translate(&self, request: &Request<'_>, running: &Running) -> Option<String> {
        let session = request.session;
        let params = match (session.era, era_of(running)) {
            (Era::Legacy, Era::Modern) => Some(as_modern(request.message.params(), session)),
            (Era::Modern, Era::Legacy) => {
                if let Some(level) = session.state().level {
                    self.raise_level(level, running);
                }
                modernize::plain_params(request.message.params())
            }
            _ => return None,
        };
        Some(compose(request.id, request.method, params.as_deref()))
    }

    fn origin(&self, request: &Request<'_>, token: Option<&str>, era: Era) -> Origin {
        let may_ask = matches!(request.method, "tools/call" | "prompts/get" | "resources/read");
        let again = may_ask && request.session.era == Era::Legacy && era == Era::Modern;
        let params = if again { request.message.params().map(str::to_string) } else { None };
        let parks = may_ask && request.session.era == Era::Modern && era == Era::Legacy;
        let digest = if parks { modernize::digest(request.method, request.message.params()) } else { 0 };
        Origin {
            session: Arc::clone(request.session),
            id: request.id.to_string(),
            token: token.map(str::to_string),
            method: request.method.to_string(),
            params,
            digest,
            may_ask,
            wish: request.wish.clone(),
        }
    }

    /// Calls a modern child again with what it asked for; its answer comes into the same mailbox.
    ///
    /// # Errors
    /// There is no child, or it takes nothing, or it has too much to do.
    pub(crate) fn call_again(
        &self,
        call: &Call,
        answers: &[(String, String)],
        state: Option<&str>,
    ) -> Result<Arc<Call>, RpcError> {
        let running = self.running()?;
        let Some(origin) = &call.origin else { return Err(self.server.given_up("over", "the call is over")) };
        let params = as_modern(origin.params.as_deref(), &origin.session);
        let params = handshake::retry_params(Some(&params), answers, state);
        let text = compose(&origin.id, &origin.method, Some(&params));
        let message = Message::parse(&text, usize::MAX).map_err(|invalid| {
            RpcError::new(crate::protocol::error::INTERNAL_ERROR, format!("cannot call again: {invalid}"))
        })?;
        let next = self.open(Arc::clone(origin), Arc::clone(&call.mailbox), &running)?;
        self.send_as(&next, &message, &running)
            .map_err(|_| self.server.given_up("not-reading", self.not_reading()))?;
        Ok(next)
    }

    fn too_many_calls(&self) -> String {
        let (name, max) = (self.server.name(), self.terms.limits.max_calls);
        format!("server {name} has {max} calls in flight, as many as max_calls allows; try again later")
    }

    fn not_reading(&self) -> String {
        let name = self.server.name();
        format!("server {name} does not read its input; try again later, or: mcp-proxy restart {name}")
    }
}

/// Parameters with what a modern child has to be told of a legacy session.
fn as_modern(params: Option<&str>, session: &Session) -> String {
    let level = session.state().level.map(super::super::session::Level::as_str);
    let about = &session.about;
    handshake::with_envelope(params, &Client { capabilities: &about.declared, info: &about.info, level })
}

fn compose(id: &str, method: &str, params: Option<&str>) -> String {
    let method = serde_json::Value::from(method);
    let params = params.map(|params| format!(",\"params\":{params}")).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{method}{params}}}")
}
