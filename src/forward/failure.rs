//! What a client is told when a server does not answer.

use super::Forward;
use crate::http::{Payload, Response};
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::protocol::message::{Kind, Message};
use crate::server::Unavailable;
use ::http::{HeaderValue, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// What a dying child's exit may take to be known.
const EXIT_PATIENCE: Duration = Duration::from_millis(90);

/// The id of the request in a body that was read before it was sent on; raw JSON.
pub(super) fn request_id(body: &[u8], max_depth: usize) -> Option<String> {
    let message = Message::parse(std::str::from_utf8(body).ok()?, max_depth).ok()?;
    match message.kind {
        Kind::Request { id, .. } => Some(id.to_string()),
        _ => None,
    }
}

impl Forward {
    /// There is no child to take the request.
    pub(super) fn unavailable(&self, why: &Unavailable) -> RpcError {
        let name = self.server.name();
        let data = why.0.last_end.as_ref().map_or(json!({ "server": name }), |end| end.data(name));
        RpcError::new(INTERNAL_ERROR, why.message(name)).with(data)
    }

    /// The server was there and did not answer: its exit, if that is why, or what the connection says.
    pub(super) fn broken(&self, generation: u64, error: &str) -> RpcError {
        let name = self.server.name();
        match self.server.wait_end(generation, EXIT_PATIENCE) {
            Some(end) => {
                let text = format!(
                    "server {name} {} before it answered; it is being restarted, so try again",
                    end.words()
                );
                RpcError::new(INTERNAL_ERROR, text).with(end.data(name))
            }
            None => {
                let text = format!("server {name} did not answer: {error}");
                let data = json!({ "server": name, "reason": "no-answer", "stderr": self.server.stderr(10) });
                RpcError::new(INTERNAL_ERROR, text).with(data)
            }
        }
    }
}

/// There is no place for another long-lived stream.
pub(super) fn too_many_streams() -> Response {
    let error = RpcError::new(INTERNAL_ERROR, "too many streams are open here; try again later");
    let mut response = response(&error, None);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

/// A call gets its JSON-RPC error with status 200; whatever else was asked, 502.
pub(super) fn response(error: &RpcError, id: Option<&str>) -> Response {
    let status = if id.is_some() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    let mut response = Response::new(Payload::Bytes(error.response(id.unwrap_or("null")).into_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
