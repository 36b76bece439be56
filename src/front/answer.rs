//! Small answers of our own.

use crate::http::{Payload, Response};
use ::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    let mut text = body.to_string().into_bytes();
    text.push(b'\n');
    with(status, "application/json", text)
}

/// A plain text body.
pub(super) fn text(body: String) -> Response {
    with(StatusCode::OK, "text/plain; charset=utf-8", body.into_bytes())
}

/// A page in the text format of Prometheus.
pub(super) fn metrics(body: String) -> Response {
    with(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body.into_bytes())
}

/// What went wrong and what to do next.
pub(super) fn error(status: StatusCode, message: impl Into<String>) -> Response {
    json(status, &json!({ "error": message.into() }))
}

/// Any body.
pub(super) fn with(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Payload::Bytes(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
