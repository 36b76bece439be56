//! Modern clients: each request stands for itself (2026-07-28).

pub(crate) mod annotations;
mod listen;
pub(crate) mod plain;

use super::Bridge;
use super::asking::Asking;
use super::endpoint::MAX_NAME_BYTES;
use super::peer::send::{Request, Sent};
use super::peer::wishes::Wish;
use super::peer::{Peer, era_of};
use super::refusal::Refusal;
use super::session::{About, Capabilities, Level, Session};
use super::stream::parked::Resumed;
use super::stream::waiter::Waiter;
use super::tools::close;
use crate::auth::Caller;
use crate::auth::calls::{Outcome, Record};
use crate::http::{Client, Response, json_response};
use crate::protocol::error::{METHOD_NOT_FOUND, RpcError, success};
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::Envelope;
use crate::protocol::revision::Era;
use crate::protocol::{mirror, modernize};
use crate::server::Running;
use ::http::StatusCode;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// What the modern era did away with (2026-07-28, changelog).
const GONE: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// One request of a modern client.
pub(crate) struct Ask<'r> {
    message: &'r Message<'r>,
    pub(crate) id: &'r str,
    pub(crate) method: &'r str,
    pub(crate) params: Option<&'r str>,
    envelope: &'r Envelope<'r>,
    client: &'r Client,
    pub(crate) caller: &'r Caller,
    /// Its record, until somebody waits for the answer.
    record: Cell<Option<Record>>,
}

impl Ask<'_> {
    /// What its child is asked, from now on.
    fn request<'a>(&'a self, session: &'a Arc<Session>) -> Request<'a> {
        let Ask { message, id, method, caller, .. } = *self;
        Request { message, id, method, session, caller, wish: Wish::None, started: Instant::now() }
    }
}

impl Bridge {
    /// A message that claims the modern era.
    pub(crate) fn stateless(
        self: &Arc<Self>,
        message: &Message<'_>,
        envelope: &Envelope<'_>,
        asking: Asking<'_>,
    ) -> Result<Response, Refusal> {
        let Kind::Request { id, method, params } = &message.kind else {
            // Nothing that a modern client tells needs to reach the child: it cancels by closing its connection.
            return Ok(super::endpoint::accepted());
        };
        let refuse = |status, error| Refusal::with(status, error).of(id);
        mirror::check(asking.headers, message, envelope, &self.annotations.of(*params))
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, error))?;
        if GONE.contains(&&**method) {
            return Err(refuse(StatusCode::NOT_FOUND, no_such_method(method)));
        }
        let Asking { client, caller, .. } = asking;
        let failed = |error: RpcError| json_response(StatusCode::OK, error.response(id).into_bytes());
        let record = match self.let_pass(message, caller) {
            Ok(record) => Cell::new(record),
            Err(error) => return Ok(failed(error)),
        };
        let ask = Ask { message, id, method, params: *params, envelope, client, caller, record };
        let served = self.serve(&ask);
        // Unless somebody waits for the child's answer, this is the end.
        close(ask.record.take(), served.as_ref().map_or_else(Outcome::of_failure, |_| Outcome::Ok));
        Ok(served.unwrap_or_else(failed))
    }

    fn serve(self: &Arc<Self>, ask: &Ask<'_>) -> Result<Response, RpcError> {
        let peer = self.children.of_modern_request()?;
        let session = self.session_of(ask, &peer);
        if let Some(response) = self.serve_asleep(ask, &session) {
            return Ok(response);
        }
        let awake = self.children.running(&peer)?;
        let running = &awake.running;
        match (era_of(running), ask.method) {
            (Era::Modern, "subscriptions/listen") => self.listen_native(ask, &session),
            (Era::Modern, _) => self.send(ask, &session),
            (Era::Legacy, "server/discover") => Ok(discovery(ask, running)),
            (Era::Legacy, "subscriptions/listen") => Ok(self.listen_translated(ask, session, running)),
            // Tasks belong to the one client that a legacy child thinks it has.
            (Era::Legacy, method) if method.starts_with("tasks/") => Ok(not_found(ask)),
            (Era::Legacy, _) => match modernize::request_state(ask.params) {
                Some(state) => self.go_on(ask, &session, &state),
                None => self.send(ask, &session),
            },
        }
    }

    /// What a child that sleeps need not be woken for.
    fn serve_asleep(self: &Arc<Self>, ask: &Ask<'_>, session: &Arc<Session>) -> Option<Response> {
        let peer = &session.peer;
        if ask.method == "server/discover"
            && let Some(known) = peer.asleep().filter(|known| known.greeting.era == Era::Legacy)
        {
            return Some(discovery(ask, &known.running()));
        }
        match peer.answer_asleep(&ask.request(session))? {
            Sent::Call(call) => {
                Some(Waiter::new(self, peer, call).recorded(ask.record.take()).answer(ask.client))
            }
            Sent::Answered => None,
        }
    }

    fn send(self: &Arc<Self>, ask: &Ask<'_>, session: &Arc<Session>) -> Result<Response, RpcError> {
        match session.peer.send_call(&ask.request(session))? {
            Sent::Call(call) => {
                Ok(Waiter::new(self, &session.peer, call).recorded(ask.record.take()).answer(ask.client))
            }
            Sent::Answered => Ok(json_response(StatusCode::OK, success(ask.id, "{}").into_bytes())),
        }
    }

    /// The client answers what the child asked during an earlier request of the same call.
    fn go_on(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        session: &Arc<Session>,
        state: &str,
    ) -> Result<Response, RpcError> {
        let tokens = ask.message.progress_tokens();
        let token = tokens.last().copied().filter(|token| token.len() <= MAX_NAME_BYTES);
        match self.resume(ask, token, state)? {
            Resumed::Call(waiter) => Ok(waiter.recorded(ask.record.take()).answer(ask.client)),
            Resumed::Afresh => self.send(ask, session),
        }
    }

    fn session_of(&self, ask: &Ask<'_>, peer: &Arc<Peer>) -> Arc<Session> {
        let envelope = ask.envelope;
        // All it says of itself goes with the request; what is remembered is what it can be asked.
        let capabilities = Capabilities::read(envelope.capabilities.unwrap_or("{}"));
        let about = About { capabilities, ..About::default() };
        let level = envelope.log_level.as_deref().and_then(Level::parse);
        Arc::new(Session::of_request(about, level, Arc::clone(peer)).of(ask.caller))
    }
}

/// What a legacy child said in its handshake, as the answer to `server/discover`.
fn discovery(ask: &Ask<'_>, running: &Running) -> Response {
    let own = running.greeting.as_ref().map_or("{}", |greeting| &greeting.result);
    json_response(StatusCode::OK, success(ask.id, &modernize::discovery(own)).into_bytes())
}

fn not_found(ask: &Ask<'_>) -> Response {
    close(ask.record.take(), Outcome::Error(METHOD_NOT_FOUND));
    Refusal::with(StatusCode::NOT_FOUND, no_such_method(ask.method)).of(ask.id).response()
}

fn no_such_method(method: &str) -> RpcError {
    RpcError::new(
        METHOD_NOT_FOUND,
        format!("Method not found: {method} is not offered in revision 2026-07-28"),
    )
}
