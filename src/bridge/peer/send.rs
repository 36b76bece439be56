//! A client's request on its way to the child.

use super::super::endpoint::MAX_NAME_BYTES;
use super::super::session::Session;
use super::super::stream::mailbox::Mailbox;
use super::calls::{Call, Origin, Refused};
use super::wishes::{Decision, Wish};
use super::{Peer, era_of};
use crate::auth::Caller;
use crate::log::request::current;
use crate::meter::Rejection;
use crate::protocol::error::RpcError;
use crate::protocol::handshake::{self, Client};
use crate::protocol::json;
use crate::protocol::message::{Composed, Message};
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
    pub(crate) caller: &'r Caller,
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
        let sent = self.until_taken(request.started, |running| self.try_send(request, running))?;
        sent.map_err(|()| {
            self.conclude(&request.wish, request.session, true);
            self.not_reading()
        })
    }

    /// Tries it with one child after the other; nothing comes of it if a child takes nothing.
    fn until_taken<T>(
        &self,
        started: Instant,
        attempt: impl Fn(&Running) -> Result<Result<T, InputError>, RpcError>,
    ) -> Result<Result<T, ()>, RpcError> {
        loop {
            let running = self.running()?;
            let error = match attempt(&running)? {
                Ok(sent) => return Ok(Ok(sent)),
                Err(error) => error,
            };
            let left = self.terms.restart_wait.saturating_sub(started.elapsed());
            if error == InputError::Full || left.is_zero() {
                return Ok(Err(()));
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
        let message = translated.as_ref().map(Composed::message);
        let message = message.as_ref().unwrap_or(request.message);
        let tokens = message.progress_tokens();
        // One that is longer than anybody's is not remembered, and there is no progress.
        let token = tokens.last().copied().filter(|token| token.len() <= MAX_NAME_BYTES);
        let origin = self.origin(request, token, era_of(running));
        self.note_wanted(request.method);
        let sent = self.send_as(Arc::new(origin), Arc::new(self.terms.mailbox()), message, running)?;
        Ok(sent.map(Sent::Call))
    }

    /// Puts a call on the list and its line on the way.
    fn send_as(
        &self,
        origin: Arc<Origin>,
        mailbox: Arc<Mailbox>,
        message: &Message<'_>,
        running: &Running,
    ) -> Result<Result<Arc<Call>, InputError>, RpcError> {
        let (number, generation, era) = (self.calls.number(), running.generation, era_of(running));
        let call = Call { number, generation, era, origin: Some(origin), mailbox };
        let deadline = Instant::now() + self.terms.options.call_timeout;
        let call = match self.calls.open(call, deadline) {
            Ok(call) => call,
            Err(Refused::Shut) => return Ok(Err(InputError::Closed)),
            Err(Refused::Full) => return Err(self.too_many_calls()),
        };
        Ok(self.send_line(&call, message, running).map(|()| call))
    }

    fn send_line(&self, call: &Call, message: &Message<'_>, running: &Running) -> Result<(), InputError> {
        let number = call.number.to_string();
        let id = match message.kind {
            crate::protocol::message::Kind::Request { id, .. } => id,
            _ => return Ok(()),
        };
        let cuts = message.progress_tokens().into_iter().chain([id]);
        let mut cuts: Vec<_> = cuts.map(|part| message.span(part)).collect();
        let line = json::splice_line(message.text, &mut cuts, &number);
        log::debug!(server = self.server.name(), event = "call", call = call.number, generation = call.generation; "a call goes to the child");
        self.send(running, line).inspect_err(|_| drop(self.calls.close(call.number)))
    }

    /// The request as a child of the other era takes it; `None` if the child speaks its client's.
    fn translate<'r>(&self, request: &Request<'r>, running: &Running) -> Option<Composed<'r>> {
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
        Some(Composed::new(request.id, request.method, params.as_deref()))
    }

    pub(super) fn origin(&self, request: &Request<'_>, token: Option<&str>, era: Era) -> Origin {
        let may_ask = matches!(request.method, "tools/call" | "prompts/get" | "resources/read");
        let again = may_ask && request.session.era == Era::Legacy && era == Era::Modern;
        let params = if again { request.message.params().map(str::to_string) } else { None };
        let parks = may_ask && request.session.era == Era::Modern && era == Era::Legacy;
        let digest = if parks { modernize::digest(request.method, request.message.params()) } else { 0 };
        Origin {
            session: Arc::clone(request.session),
            caller: request.caller.clone(),
            request: current(),
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
        let Some(origin) = &call.origin else { return Err(self.server.given_up("over", "the call is over")) };
        let params = as_modern(origin.params.as_deref(), &origin.session);
        let params = handshake::retry_params(Some(&params), answers, state);
        self.again(call, &Composed::new(&origin.id, &origin.method, Some(&params)).message())
    }

    /// Makes a call again, in these words; its answer comes into the same mailbox.
    ///
    /// # Errors
    /// As for [`Peer::call_again`].
    pub(crate) fn make_again(&self, call: &Call, text: &str) -> Result<Arc<Call>, RpcError> {
        let message = Message::parse(text, usize::MAX).map_err(|invalid| {
            RpcError::new(crate::protocol::error::INTERNAL_ERROR, format!("cannot call again: {invalid}"))
        })?;
        self.again(call, &message)
    }

    fn again(&self, call: &Call, message: &Message<'_>) -> Result<Arc<Call>, RpcError> {
        let Some(origin) = &call.origin else { return Err(self.server.given_up("over", "the call is over")) };
        let sent = self.until_taken(Instant::now(), |running| {
            self.send_as(Arc::clone(origin), Arc::clone(&call.mailbox), message, running)
        })?;
        sent.map_err(|()| {
            self.conclude(&origin.wish, &origin.session, true);
            self.not_reading()
        })
    }

    fn too_many_calls(&self) -> RpcError {
        self.terms.meter.rejections.of(Rejection::Calls).count();
        let (name, max) = (self.server.name(), self.terms.limits.max_calls);
        let text =
            format!("server {name} has {max} calls in flight, as many as max_calls allows; try again later");
        self.server.given_up("too-many-calls", text)
    }

    fn not_reading(&self) -> RpcError {
        let name = self.server.name();
        let text =
            format!("server {name} does not read its input; try again later, or: mcp-proxy restart {name}");
        self.server.given_up("not-reading", text)
    }
}

/// Parameters with what a modern child has to be told of a legacy session.
fn as_modern(params: Option<&str>, session: &Session) -> String {
    let level = session.state().level.map(super::super::session::Level::as_str);
    let about = &session.about;
    handshake::with_envelope(params, &Client { capabilities: &about.declared, info: &about.info, level })
}
