//! Requests to servers, from the beginning to the end: each is counted, and each call of a tool has a line in the audit
//! log. Who called what, how it ended and how long it took; never an argument, never a result.

use super::Caller;
use crate::log::request::{self, RequestId};
use crate::log::{AUDIT, Printable};
use crate::meter::{self, Meter, Method, Timer};
use crate::protocol::error::{Fault, RpcError};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::tools;
use std::fmt::{self, Display};
use std::sync::Arc;

/// More of a tool's name is not written: it comes from outside.
const MAX_NAME_CHARS: usize = 128;

/// A request under way. It is counted, and its line written, when it is dropped.
#[derive(Debug)]
pub struct Record {
    timer: Timer,
    /// For the audit log.
    call: Option<Call>,
    outcome: Outcome,
    request: Option<RequestId>,
    /// Its id at the child.
    sent_as: Option<u64>,
}

/// The call of a tool.
#[derive(Debug)]
struct Call {
    caller: Caller,
    tool: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a result.
    Ok,
    /// With a result that says that the tool has failed (`isError`).
    ToolError,
    /// With a JSON-RPC error of this code, or where there is none, with this HTTP status.
    Error(i64),
    /// The server was lost, there was none, or it had too much to do; with an error of ours of this code.
    Failed(Fault, i64),
    /// With a question: its client calls once more (2026-07-28).
    InputRequired,
    /// The tool is hidden from this caller; the server has not heard of it.
    Refused,
    /// It was taken back.
    Cancelled,
    /// Its time was over.
    TimedOut,
    /// Nobody waited for the answer, or none was seen.
    NoAnswer,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Ok => f.write_str("ok"),
            Outcome::ToolError => f.write_str("tool-error"),
            Outcome::Error(code) | Outcome::Failed(_, code) => write!(f, "error({code})"),
            Outcome::InputRequired => f.write_str("input-required"),
            Outcome::Refused => f.write_str("refused"),
            Outcome::Cancelled => f.write_str("cancelled"),
            Outcome::TimedOut => f.write_str("timeout"),
            Outcome::NoAnswer => f.write_str("no-answer"),
        }
    }
}

impl Outcome {
    /// That of a result (raw).
    pub fn of_result(result: &str) -> Outcome {
        // Large results are not parsed without need.
        let has =
            |name: &str, value: &str| result.contains(name) && json::member(result, name) == Some(value);
        match (has("isError", "true"), has("resultType", "\"input_required\"")) {
            (true, _) => Outcome::ToolError,
            (_, true) => Outcome::InputRequired,
            _ => Outcome::Ok,
        }
    }

    /// That of an error (raw).
    pub fn of_error(error: &str) -> Outcome {
        let code = json::member(error, "code").and_then(|code| code.parse().ok());
        code.map_or(Outcome::NoAnswer, Outcome::Error)
    }

    /// That of an error of ours.
    pub fn of_failure(error: &RpcError) -> Outcome {
        match error.fault {
            Fault::Cancelled => Outcome::Cancelled,
            Fault::TimedOut => Outcome::TimedOut,
            Fault::Request => Outcome::Error(error.code),
            fault => Outcome::Failed(fault, error.code),
        }
    }

    /// As it is counted.
    fn counted(self) -> meter::Outcome {
        match self {
            Outcome::Ok => meter::Outcome::Ok,
            Outcome::ToolError => meter::Outcome::ToolError,
            Outcome::Error(_) => meter::Outcome::Error,
            Outcome::InputRequired => meter::Outcome::InputRequired,
            Outcome::Refused => meter::Outcome::Refused,
            Outcome::Cancelled | Outcome::Failed(Fault::Cancelled, _) => meter::Outcome::Cancelled,
            Outcome::TimedOut | Outcome::Failed(Fault::TimedOut, _) => meter::Outcome::TimedOut,
            Outcome::Failed(Fault::Lost, _) => meter::Outcome::Lost,
            Outcome::Failed(Fault::Unavailable, _) => meter::Outcome::Unavailable,
            Outcome::Failed(Fault::Overload, _) => meter::Outcome::Overloaded,
            Outcome::Failed(Fault::Request, _) => meter::Outcome::Error,
            Outcome::NoAnswer => meter::Outcome::NoAnswer,
        }
    }

    /// The id (raw) of an answer, and how the call ended that it answers; `None` if it is none.
    pub fn of_answer(text: &str) -> Option<(&str, Outcome)> {
        match Message::parse(text, usize::MAX).ok()?.kind {
            Kind::Response { id, result: Some(result), .. } => Some((id, Outcome::of_result(result))),
            Kind::Response { id, error: Some(error), .. } => Some((id, Outcome::of_error(error))),
            _ => None,
        }
    }
}

impl Record {
    /// The record of a message to a server, if it is a request, or calls a tool. A `subscriptions/listen` is none: it
    /// lasts as long as its client stays.
    pub fn of(message: &Message<'_>, meter: &Arc<Meter>, caller: &Caller) -> Option<Record> {
        let method = message.method()?;
        let is_counted = matches!(message.kind, Kind::Request { .. }) && method != "subscriptions/listen";
        let is_call = method == "tools/call";
        if !is_counted && !is_call {
            return None;
        }
        let is_read = is_call && log::log_enabled!(target: AUDIT, log::Level::Info);
        let call = is_read.then(|| Call::of(message, caller));
        Some(Record::begun(meter, Method::of(method), call))
    }

    /// The record of an `initialize`.
    pub fn of_hello(meter: &Arc<Meter>) -> Record {
        Record::begun(meter, Method::Initialize, None)
    }

    fn begun(meter: &Arc<Meter>, method: Method, call: Option<Call>) -> Record {
        let (timer, outcome) = (Timer::start(meter, method), Outcome::NoAnswer);
        Record { timer, call, outcome, request: request::current(), sent_as: None }
    }

    /// The child knows the call by this id.
    pub fn sent_as(&mut self, id: u64) {
        self.sent_as = Some(id);
    }

    /// The request is over.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Call {
    fn of(message: &Message<'_>, caller: &Caller) -> Call {
        let names = tools::called(message.params()).unwrap_or_default();
        let mut names = names.join(" ");
        if let Some((cut, _)) = names.char_indices().nth(MAX_NAME_CHARS) {
            names.truncate(cut);
        }
        Call { caller: caller.clone(), tool: names }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.timer.stop(self.outcome.counted());
        let Some(Call { caller, tool }) = &self.call else { return };
        let who = match &**caller.principal() {
            "" => "anyone",
            principal => principal,
        };
        let address = caller.address();
        let address = address.as_ref().map_or(&"" as &dyn Display, |address| address);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // Whoever ends it may be at another request by now.
        let _scope = request::within(self.request.take());
        log::info!(
            target: AUDIT, event = "tool-call", server = self.timer.server(), who:% = Printable(who),
            address:% = address, tool:% = Printable(tool), outcome:% = self.outcome, duration_ms,
            call = self.sent_as;
            "tool call"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_call_ended() {
        let of = |member: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":"a",{member}}}"#);
            Outcome::of_answer(&text).map(|(id, outcome)| {
                assert_eq!(id, "\"a\"");
                outcome.to_string()
            })
        };
        for (member, outcome) in [
            (r#""result":{"content":[]}"#, "ok"),
            (r#""result":{"content":[{"text":"isError"}],"isError":false}"#, "ok"),
            (r#""result":{"isError":true}"#, "tool-error"),
            (r#""result":{"resultType":"input_required"}"#, "input-required"),
            (r#""error":{"code":-32602,"message":"x"}"#, "error(-32602)"),
            (r#""error":{}"#, "no-answer"),
        ] {
            assert_eq!(of(member).as_deref(), Some(outcome), "{member}");
        }
        assert_eq!(of(r#""method":"ping""#), None);
    }
}
