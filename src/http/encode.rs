//! The head of an answer: which framing it gets, and its bytes. Pure, no I/O.

use super::framing::content_length;
use super::head;
use super::payload::Payload;
use crate::log::request::RequestId;
use ::http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, TRANSFER_ENCODING, UPGRADE};
use ::http::{StatusCode, Version, response};
use std::io::Write;

/// What the log calls a request: the client's word for it, or ours.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the answer has to know of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) version: Version,
    pub(crate) head_only: bool,
    pub(crate) keep_alive: bool,
}

/// How the body of an answer is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// The status has no body and no length.
    Bodyless,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
    /// What follows is no HTTP.
    Upgrade,
}

impl Delimiter {
    /// Whether another answer can follow.
    fn ends_in_the_stream(self) -> bool {
        !matches!(self, Delimiter::Close | Delimiter::Upgrade)
    }
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delimiter: Delimiter,
    /// False for HEAD and for statuses without a body.
    pub(crate) send_body: bool,
    pub(crate) keep_alive: bool,
}

/// Decides how an answer is sent.
pub(crate) fn plan(parts: &response::Parts, payload: &Payload, asked: Asked) -> Plan {
    let delimiter = delimiter(parts, payload, asked);
    let keep_alive =
        asked.keep_alive && delimiter.ends_in_the_stream() && !head::names(&parts.headers, "close");
    Plan { delimiter, send_body: !asked.head_only && delimiter != Delimiter::Bodyless, keep_alive }
}

fn delimiter(parts: &response::Parts, payload: &Payload, asked: Asked) -> Delimiter {
    let declared = content_length(&parts.headers).ok();
    match (payload, declared) {
        (Payload::Upgrade(_), _) => Delimiter::Upgrade,
        _ if is_bodyless(parts.status) => Delimiter::Bodyless,
        (Payload::Bytes(bytes), _) => Delimiter::Length(bytes.len() as u64),
        (Payload::Empty, Some(length)) if asked.head_only => Delimiter::Length(length),
        (Payload::Empty, _) => Delimiter::Length(0),
        (Payload::Stream(_), Some(length)) => Delimiter::Length(length),
        (Payload::Stream(_), None) if asked.version == Version::HTTP_11 => Delimiter::Chunked,
        (Payload::Stream(_), None) => Delimiter::Close,
    }
}

fn is_bodyless(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Appends the head of an answer to `out`. The handler's own framing and connection fields are
/// left out; `date` is used unless the handler set one, and the id is that of `request`.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    status: StatusCode,
    headers: &HeaderMap,
    plan: Plan,
    asked: Asked,
    date: &str,
    request: &RequestId,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| !is_ours(name)) {
        field(out, name.as_str(), value.as_bytes());
    }
    if !headers.contains_key(DATE) {
        field(out, "date", date.as_bytes());
    }
    let _ = write!(out, "x-request-id: {request}\r\n"); // memory takes everything
    match plan.delimiter {
        Delimiter::Length(length) => field(out, "content-length", length.to_string().as_bytes()),
        Delimiter::Chunked => field(out, "transfer-encoding", b"chunked"),
        Delimiter::Bodyless | Delimiter::Close | Delimiter::Upgrade => {}
    }
    // Goes with the field of that name, also where an answer only says what would be needed (RFC 9110, section 7.8).
    if headers.contains_key(UPGRADE) {
        field(out, "connection", b"upgrade");
    }
    match (plan.keep_alive, asked.version) {
        _ if plan.delimiter == Delimiter::Upgrade => {}
        (false, _) => field(out, "connection", b"close"),
        (true, Version::HTTP_11) => {}
        (true, _) => field(out, "connection", b"keep-alive"),
    }
    out.extend_from_slice(b"\r\n");
}

fn is_ours(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, REQUEST_ID].contains(name) || name == "keep-alive"
}

/// Appends one header line.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
