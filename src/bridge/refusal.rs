//! What a client is told when its request is wrong.

use crate::http::{Response, json_response};
use crate::protocol::error::{BAD_REQUEST, RpcError};
use ::http::StatusCode;

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
