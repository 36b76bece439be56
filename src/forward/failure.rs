//! What a client is told when a server does not answer.

use super::Forward;
use crate::http::{Response, json_response};
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::protocol::message::{Kind, Message};
use crate::server::Server;
use ::http::{HeaderValue, StatusCode, header};
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
    /// The server was there and did not answer: its exit, if that is why, or what the connection says.
    pub(super) fn broken(&self, generation: u64, error: &str) -> RpcError {
        let name = self.server.name();
        broken(&self.server, generation, format!("server {name} did not answer: {error}"))
    }
}

/// The server was there and did not answer: its exit, if that is why, else `text`.
pub(super) fn broken(server: &Server, generation: u64, text: String) -> RpcError {
    match server.wait_end(generation, EXIT_PATIENCE) {
        Some(end) => server.died(&end),
        None => server.given_up("no-answer", text),
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
    json_response(status, error.response(id.unwrap_or("null")).into_bytes())
}
