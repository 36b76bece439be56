//! What a client is told when a server does not answer.

use super::Forward;
use super::link::refusal::Trouble;
use crate::http::{Response, json_response};
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::server::{End, Server};
use ::http::{HeaderValue, StatusCode, header};
use std::time::Duration;

/// What a dying child may take to end once its connections are gone.
const EXIT_PATIENCE: Duration = Duration::from_millis(90);
/// What the report of an end may take on a machine that has much else to do.
const REPORT: Duration = Duration::from_secs(5);

impl Forward {
    /// The server was there and did not answer: its exit, if that is why, or what the connection says.
    pub(super) fn broken(&self, generation: u64, error: &str) -> RpcError {
        let name = self.server.name();
        broken(&self.server, generation, format!("server {name} did not answer: {error}"))
    }

    /// A session that the server no longer knew could not be begun anew there.
    pub(super) fn not_greeted(&self, generation: u64, trouble: &Trouble) -> RpcError {
        let name = self.server.name();
        broken(
            &self.server,
            generation,
            format!("server {name} does not know this session any more, and to a new greeting it {trouble}"),
        )
    }

    /// Whether the child of that generation is gone: what it was doing, nobody goes on with.
    pub(super) fn has_ended(&self, generation: u64) -> bool {
        !self.is_elsewhere() && end_of(&self.server, generation).is_some()
    }
}

/// The server was there and did not answer: its exit, if that is why, else `text`.
pub(super) fn broken(server: &Server, generation: u64, text: String) -> RpcError {
    match end_of(server, generation) {
        Some(end) => server.died(&end),
        None => server.given_up("no-answer", text),
    }
}

/// How the child of that generation ended, if that is why its connections are gone. The report of it is waited for.
pub(super) fn end_of(server: &Server, generation: u64) -> Option<End> {
    let late = || server.is_ending(generation).then(|| server.wait_end(generation, REPORT)).flatten();
    server.wait_end(generation, EXIT_PATIENCE).or_else(late)
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
