//! What clients are told of a server that does not do its work, whichever way they reach it.

use super::handle::Server;
use super::status::{End, Unavailable};
use crate::protocol::error::{Fault, INTERNAL_ERROR, RpcError};
use crate::secrets;
use serde_json::json;

/// Lines of stderr that go with an error.
const LINES: usize = 10;

impl Server {
    /// The child is gone with the call.
    pub fn died(&self, end: &End) -> RpcError {
        let name = self.name();
        let text =
            format!("server {name} {} before it answered; it is being restarted, so try again", end.words());
        error(&text).with(end.data(name)).blame(Fault::Lost)
    }

    /// There is no child to take the call.
    pub fn unavailable(&self, why: &Unavailable) -> RpcError {
        let name = self.name();
        let mut data = match &why.0.last_end {
            Some(end) => end.data(name),
            None => json!({ "server": name, "stderr": self.stderr(LINES) }),
        };
        let reason = match &why.0.reason {
            // It was asleep; now it does not get up in time.
            Some(reason) if !why.0.rests() => reason.to_string(),
            _ => why.0.state.to_string(),
        };
        data["reason"] = reason.into();
        error(&why.message(name)).with(data).blame(Fault::Unavailable)
    }

    /// The call is over for a reason that is not the child's end.
    pub fn given_up(&self, reason: &str, message: impl Into<String>) -> RpcError {
        let data = json!({ "server": self.name(), "reason": reason, "stderr": self.stderr(LINES) });
        error(&message.into()).with(data).blame(fault(reason))
    }
}

/// What a reason that is told to clients means.
fn fault(reason: &str) -> Fault {
    match reason {
        "cancelled" => Fault::Cancelled,
        "timeout" => Fault::TimedOut,
        "lost" | "no-answer" => Fault::Lost,
        "no-http" | "other-transport" | "unknown-protocol" => Fault::Unavailable,
        "not-reading" | "too-many-calls" | "too-many-children" => Fault::Overload,
        _ => Fault::Request,
    }
}

/// What went wrong may have been told by the server, in words of its own.
fn error(text: &str) -> RpcError {
    RpcError::new(INTERNAL_ERROR, secrets::mask(text))
}
