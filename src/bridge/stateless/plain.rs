//! Requests by plain HTTP: one request, one result. The proxy is the server's client here, one of the modern era that
//! can be asked nothing; progress and log messages go to nobody.

use super::super::peer::Peer;
use super::super::peer::calls::Call;
use super::super::peer::send::Sent;
use super::super::peer::wishes::own_params;
use super::super::session::Session;
use super::super::stream::events::Sink;
use super::super::stream::waiter::{Outcome, Waiter};
use super::{Ask, Bridge};
use crate::auth::Caller;
use crate::http::Client;
use crate::protocol::error::{INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, RpcError};
use crate::protocol::handshake;
use crate::protocol::json;
use crate::protocol::lists::{self, List};
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::{Envelope, MISSING_CAPABILITY};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

/// A list has at most so many pages.
const MAX_PAGES: usize = 100;
/// The id of every request: each stands for itself.
const ID: &str = "1";

/// Who asks.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// For whom.
    pub caller: &'a Caller,
    /// Who waits for the answer: if they go, the call is cancelled.
    pub client: &'a Client,
    /// Nobody waits longer than until then, if that is said.
    pub until: Option<Instant>,
}

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// The tool is hidden from the caller; the server has not heard of it.
    Hidden,
    /// The server has not got the request, so it can be repeated.
    NotSent(Fault),
    /// The server has answered with an error, or none came.
    Failed(Fault),
    /// The server has a question for its client.
    Asked,
    /// Whoever asked waits no longer.
    GivenUp,
}

/// An error, the server's or one of ours.
#[derive(Debug, Deserialize)]
pub struct Fault {
    /// JSON-RPC error code.
    #[serde(default)]
    pub code: i64,
    /// What happened.
    #[serde(default)]
    pub message: String,
    /// More of it, as the server wrote it.
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
}

impl Fault {
    /// Why a call was given up, if that was our decision.
    pub fn reason(&self) -> Option<String> {
        json::member(self.data.as_ref()?.get(), "reason").and_then(json::string)
    }
}

impl From<RpcError> for Fault {
    fn from(error: RpcError) -> Fault {
        let data = error.data.and_then(|data| RawValue::from_string(data.to_string()).ok());
        Fault { code: error.code, message: error.message, data }
    }
}

impl Bridge {
    /// The longest body that a request may have, in bytes.
    pub fn max_message_bytes(&self) -> usize {
        self.terms.limits.max_message_bytes
    }

    /// Whether a list is known without waking or starting anything.
    pub fn is_at_hand(&self, list: List) -> bool {
        let first = self.children.first();
        first.server.running().is_some()
            || first.asleep().is_some_and(|known| known.lists.contains_key(list.method()))
    }

    /// Makes one request; `params` are names and values (raw JSON). The result (raw JSON) is as the server gave it, but
    /// for what only the modern era has in it.
    ///
    /// # Errors
    /// There is no result.
    pub fn ask(
        self: &Arc<Self>,
        asker: Asker<'_>,
        method: &str,
        params: &[(&str, &str)],
    ) -> Result<String, Failure> {
        self.settle();
        let text = compose(method, params);
        let message = Message::parse(&text, self.terms.limits.max_json_depth)
            .map_err(|invalid| Failure::Failed(RpcError::new(INVALID_PARAMS, invalid.to_string()).into()))?;
        let record = self.let_pass(&message, asker.caller).map_err(|_| Failure::Hidden)?;
        let Asker { caller, client, .. } = asker;
        let record = Cell::new(record);
        let params = message.params();
        let envelope = Envelope::read(params);
        let ask =
            Ask { message: &message, id: ID, method, params, envelope: &envelope, client, caller, record };
        let (waiter, session) = self.put(&ask).map_err(|error| {
            super::close(ask.record.take(), super::Outcome::of_failure(&error));
            Failure::NotSent(error.into())
        })?;
        let answer = hear(waiter.recorded(ask.record.take()), asker).ok_or(Failure::GivenUp)?;
        result(&answer, session.was_spared())
    }

    /// All items (raw JSON) of a list, as the caller sees it; none where the server has no such list.
    ///
    /// # Errors
    /// There is no answer, or it is too long.
    pub fn items(self: &Arc<Self>, asker: Asker<'_>, list: List) -> Result<Vec<String>, Failure> {
        let (mut items, mut bytes, mut cursor) = (Vec::new(), 0, None::<String>);
        for _ in 0..MAX_PAGES {
            let params = cursor.as_ref().map(|cursor| ("cursor", cursor.as_str()));
            let page = match self.ask(asker, list.method(), params.as_slice()) {
                Err(Failure::Failed(fault)) if fault.code == METHOD_NOT_FOUND => return Ok(items),
                page => page?,
            };
            bytes += page.len();
            if bytes > self.max_message_bytes() {
                break;
            }
            let found = json::member(&page, list.field()).and_then(json::items).unwrap_or_default();
            items.extend(found.into_iter().map(str::to_string));
            cursor = lists::next_cursor(&page).map(str::to_string);
            if cursor.is_none() {
                return Ok(items);
            }
        }
        let text = format!("server {}: {} is longer than max_message_bytes", self.name(), list.method());
        Err(Failure::Failed(RpcError::new(INTERNAL_ERROR, text).into()))
    }

    fn put(self: &Arc<Self>, ask: &Ask<'_>) -> Result<(Waiter, Arc<Session>), RpcError> {
        let peer = self.children.of_plain_request()?;
        let session = self.session_of(ask, &peer);
        let request = ask.request(&session);
        let call = match peer.answer_asleep(&request) {
            Some(known) => call(&peer, known),
            None => {
                let _awake = self.children.running(&peer)?;
                call(&peer, peer.send_call(&request)?)
            }
        }?;
        Ok((Waiter::new(self, &peer, call), session))
    }
}

fn call(peer: &Peer, sent: Sent) -> Result<Arc<Call>, RpcError> {
    match sent {
        Sent::Call(call) => Ok(call),
        // Only wishes are answered without a call, and there is none.
        Sent::Answered => Err(peer.server.given_up("no-answer", "nothing was asked")),
    }
}

fn compose(method: &str, params: &[(&str, &str)]) -> String {
    let meta = own_params()["_meta"].to_string();
    let names: Vec<String> = params.iter().map(|(name, _)| json::quoted(name)).collect();
    let named = names.iter().map(String::as_str).zip(params.iter().map(|(_, value)| *value));
    let params = json::object([("\"_meta\"", meta.as_str())].into_iter().chain(named));
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{ID},\"method\":{},\"params\":{params}}}", json::quoted(method))
}

/// The answer (the whole message); none if nobody waits for it any more.
fn hear(waiter: Waiter, asker: Asker<'_>) -> Option<String> {
    let mut ear = Ear { asker, last: None };
    match waiter.follow(None, &mut ear, None) {
        Outcome::Over => ear.last,
        Outcome::Left(waiter) => {
            waiter.give_up();
            None
        }
    }
}

/// Hears everything and keeps the last, which is the answer.
struct Ear<'a> {
    asker: Asker<'a>,
    last: Option<String>,
}

impl Sink for Ear<'_> {
    fn send(&mut self, message: String) -> io::Result<()> {
        self.last = Some(message);
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        let is_late = self.asker.until.is_some_and(|until| Instant::now() >= until);
        if is_late { Err(ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    fn is_gone(&self) -> bool {
        self.asker.client.is_gone()
    }
}

/// What an answer says. A tool that failed after a question of its was refused has failed for that.
fn result(answer: &str, was_spared: bool) -> Result<String, Failure> {
    let kind = Message::parse(answer, usize::MAX).map(|message| message.kind);
    match kind {
        Ok(Kind::Response { result: Some(result), .. }) => {
            let says = |name, value| json::member(result, name) == Some(value);
            match says("resultType", "\"input_required\"") || (was_spared && says("isError", "true")) {
                true => Err(Failure::Asked),
                false => Ok(handshake::plain_result(result)),
            }
        }
        Ok(Kind::Response { error: Some(error), .. }) => match serde_json::from_str::<Fault>(error) {
            Ok(fault) if was_spared || fault.code == MISSING_CAPABILITY => Err(Failure::Asked),
            Ok(fault) => Err(Failure::Failed(fault)),
            Err(_) => Err(unreadable()),
        },
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Failure {
    let error = RpcError::new(INTERNAL_ERROR, "the server's answer cannot be read");
    Failure::Failed(error.into())
}
