//! Hidden tools of a server that is forwarded to.

use super::passage::Screen;
use super::relay::Relay;
use super::{Forward, failure, fields};
use crate::auth::{Caller, Filter, unreadable};
use crate::http::{Payload, Response, json_response};
use crate::protocol::error::{BAD_REQUEST, RpcError};
use crate::protocol::sieve::Sieve;
use ::http::{HeaderMap, Method, StatusCode, header};
use std::io::{self, Read};
use std::sync::Arc;

impl Forward {
    /// The tools of this server as that caller sees them.
    pub(super) fn filter<'f>(&'f self, caller: &'f Caller) -> Filter<'f> {
        Filter::new(&self.options.tools, caller)
    }
}

impl Relay<'_, '_> {
    /// What an answer passes where some tools are hidden, whatever was asked: of two requests with the same id a server
    /// may answer one on the stream of the other, and nothing says what a stream carries that is taken up again.
    pub(super) fn screen(&self, lists: bool, id: Option<&str>) -> Option<Screen> {
        if self.path.is_some() || self.forward.filter(self.caller).hides_nothing() {
            return None;
        }
        Some(Screen {
            forward: Arc::clone(self.forward),
            caller: self.caller.clone(),
            id: id.map(str::to_string),
            is_strict: lists || *self.exchange.request.method() == Method::GET,
            sieve: Sieve::new(self.forward.limits.max_message_bytes),
        })
    }
}

/// Whether an answer comes as events that can be read.
pub(super) fn has_events(headers: &HeaderMap) -> bool {
    fields::is_media(headers, &header::CONTENT_TYPE, "text/event-stream")
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Room for an answer before any of it has come.
const FIRST_BYTES: usize = 1024;

/// Reads an answer to its end, which is at most `max` bytes away.
///
/// # Errors
/// It is longer, or breaks off.
pub(super) fn read_whole(reader: impl Read, max: usize) -> io::Result<Vec<u8>> {
    let mut whole = Vec::with_capacity(max.min(FIRST_BYTES));
    reader.take(max as u64 + 1).read_to_end(&mut whole)?;
    match whole.len() > max {
        true => Err(io::Error::other(format!("its answer is longer than max_message_bytes = {max}"))),
        false => Ok(whole),
    }
}

/// Says instead of the answer that it cannot be read, and so is not shown.
pub(super) fn unread(response: &mut Response, id: Option<&str>) -> Vec<u8> {
    let (head, body) = failure::response(&unreadable(), id).into_parts();
    *response.status_mut() = head.status;
    response.headers_mut().remove(header::CONTENT_ENCODING);
    response.headers_mut().extend(head.headers);
    match body {
        Payload::Bytes(body) => body,
        Payload::Empty | Payload::Stream(_) | Payload::Upgrade(_) => Vec::new(),
    }
}

/// Other paths than the endpoint could lead to it by another way.
pub(super) fn closed_path(server: &str) -> Response {
    let text = format!(
        "some tools of server {server} are hidden here, so it is reached at its endpoint only; it has no other paths"
    );
    json_response(StatusCode::FORBIDDEN, RpcError::new(BAD_REQUEST, text).response("null").into_bytes())
}
