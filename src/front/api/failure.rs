//! What is answered where there is no result: a status for each kind of failure.

use super::super::answer;
use crate::bridge::{Failure, Fault};
use crate::http::{RETRY_AFTER_SECONDS, Response};
use crate::protocol::error::{INVALID_PARAMS, METHOD_NOT_FOUND};
use ::http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

/// The body of an error.
#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// The answer for a server of that name; `invalid` is the status of parameters that it does not like.
pub(super) fn response(failure: &Failure, server: &str, invalid: StatusCode) -> Response {
    match failure {
        Failure::Hidden => error(StatusCode::NOT_FOUND, "there is nothing of that name", None),
        Failure::NotSent(fault) => {
            let mut response = of_fault(StatusCode::SERVICE_UNAVAILABLE, fault);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            response
        }
        Failure::Failed(fault) => of_fault(status(fault, invalid), fault),
        Failure::Asked => {
            let text = format!(
                "server {server} has a question for its user first, which plain HTTP cannot answer; use an MCP client at /{server}"
            );
            error(StatusCode::NOT_IMPLEMENTED, &text, None)
        }
        Failure::GivenUp => error(StatusCode::GATEWAY_TIMEOUT, "nobody waits for the answer any more", None),
    }
}

/// A JSON body; `data` passes as it is.
pub(super) fn error(status: StatusCode, text: &str, data: Option<&RawValue>) -> Response {
    let body = serde_json::to_vec(&Body { error: text, data }).unwrap_or_default();
    answer::with(status, "application/json", [&body[..], b"\n"].concat())
}

fn of_fault(status: StatusCode, fault: &Fault) -> Response {
    let text = if fault.message.is_empty() { "the server gave no reason" } else { &fault.message };
    error(status, text, fault.data.as_deref())
}

fn status(fault: &Fault, invalid: StatusCode) -> StatusCode {
    match (fault.code, fault.reason().as_deref()) {
        (INVALID_PARAMS, _) => invalid,
        (METHOD_NOT_FOUND, _) => StatusCode::NOT_FOUND,
        (_, Some("timeout")) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}
