//! What a client is told when its request is wrong.

use crate::http::{Response, json_response};
use crate::protocol::error::{BAD_REQUEST, INTERNAL_ERROR, RpcError};
use ::http::{HeaderValue, StatusCode, header};

/// A request that is not served: what is wrong with it or with its session, never with the child.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: RpcError,
    /// Raw id of the request; `null` where it is not known or does not matter (JSON-RPC 2.0, section 5).
    id: String,
    /// Seconds.
    retry_after: Option<&'static str>,
}

impl Refusal {
    /// A status with a JSON-RPC error in the body.
    pub(crate) fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Refusal {
        Refusal::with(status, RpcError::new(code, message))
    }

    /// A status with this error.
    pub(crate) fn with(status: StatusCode, error: RpcError) -> Refusal {
        Refusal { status, error, id: "null".into(), retry_after: None }
    }

    /// 400 with the code the SDKs' servers use for whatever is wrong with a request.
    pub(crate) fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, BAD_REQUEST, message)
    }

    /// There is no place for another long-lived stream.
    pub(crate) fn too_many_streams() -> Refusal {
        let message = "too many streams are open here; try again later";
        Refusal {
            retry_after: Some("10"),
            ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, INTERNAL_ERROR, message)
        }
    }

    /// The same refusal for the request with this id (raw JSON).
    #[must_use]
    pub(crate) fn of(mut self, id: &str) -> Refusal {
        self.id = id.to_string();
        self
    }

    /// The response.
    pub(crate) fn response(&self) -> Response {
        let mut response = json_response(self.status, self.error.response(&self.id).into_bytes());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}
