//! Why a request is not served: a status and one sentence that says what to do next.

use super::payload::{Response, json_response};
use ::http::StatusCode;
use ::http::header::{HeaderValue, RETRY_AFTER};
use std::borrow::Cow;

/// Seconds a client is told to wait after a 503.
pub const RETRY_AFTER_SECONDS: u64 = 2;

/// An answer that the listener gives by itself, without the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer, 4xx or 5xx.
    pub status: StatusCode,
    /// What is wrong and what to do about it; never quotes what the client sent.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with a fixed sentence.
    pub const fn new(status: StatusCode, message: &'static str) -> Refusal {
        Refusal { status, message: Cow::Borrowed(message) }
    }

    /// 400: the bytes are not an acceptable HTTP message.
    pub(crate) const fn malformed(message: &'static str) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// 503 with `Retry-After`: every connection is busy.
    pub(crate) const fn busy() -> Refusal {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "every connection of this proxy is busy; try again in a few seconds, or raise max_connections in [limits]",
        )
    }

    /// The answer: `{"error": "…"}`, with `Retry-After` if the status is 503.
    pub fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.message }).to_string().into_bytes();
        let mut response = json_response(self.status, body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }
}
