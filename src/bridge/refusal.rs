//! What a client is told when its request or its call goes wrong.

use super::Bridge;
use crate::http::{Payload, Response};
use crate::protocol::error::{BAD_REQUEST, INTERNAL_ERROR, RpcError};
use crate::server::{End, Unavailable};
use ::http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// A request that is not served: what is wrong with it or with its session, never with the child.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: RpcError,
}

impl Refusal {
    /// A status with a JSON-RPC error in the body.
    pub(super) fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Refusal {
        Refusal { status, error: RpcError::new(code, message) }
    }

    /// 400 with the code the SDKs' servers use for whatever is wrong with a request.
    pub(super) fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, BAD_REQUEST, message)
    }

    /// The response; the request's id is not known or does not matter (JSON-RPC 2.0, section 5).
    pub(super) fn response(&self) -> Response {
        json_response(self.status, self.error.response("null").into_bytes())
    }
}

/// A response with a JSON body.
pub(super) fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Payload::Bytes(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Bridge {
    /// The child is gone with the call.
    pub(super) fn died(&self, end: &End) -> RpcError {
        let name = self.server.name();
        let text =
            format!("server {name} {} before it answered; it is being restarted, so try again", end.words());
        RpcError::new(INTERNAL_ERROR, text).with(end.data(name))
    }

    /// There is no child to take the call.
    pub(super) fn unavailable(&self, why: &Unavailable) -> RpcError {
        let name = self.server.name();
        let mut data = match &why.0.last_end {
            Some(end) => end.data(name),
            None => json!({ "server": name, "stderr": self.server.stderr(10) }),
        };
        let reason = why.0.reason.as_ref().map_or_else(|| why.0.state.to_string(), ToString::to_string);
        data["reason"] = reason.into();
        RpcError::new(INTERNAL_ERROR, why.message(name)).with(data)
    }

    /// The call is over for a reason of ours.
    pub(super) fn given_up(&self, reason: &str, message: String) -> RpcError {
        let data =
            json!({ "server": self.server.name(), "reason": reason, "stderr": self.server.stderr(10) });
        RpcError::new(INTERNAL_ERROR, message).with(data)
    }
}
