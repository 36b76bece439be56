//! What a handler answers with.

use super::stream::StreamWriter;
use super::upgraded::Upgraded;
use ::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ::http::{HeaderValue, StatusCode};
use std::{fmt, io};

/// A handler's answer. The listener adds `Date`, `Connection` and the framing fields.
pub type Response = ::http::Response<Payload>;

/// A response with a JSON body.
pub fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Payload::Bytes(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response that is an event stream, with the fields that keep middlemen from holding it back.
pub fn event_stream<F>(body: F) -> Response
where
    F: FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send + 'static,
{
    let mut response = Response::new(Payload::stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Writes a streamed body. It runs on the connection's thread once the head has been sent.
pub type StreamBody = Box<dyn FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send>;

/// Speaks another protocol. It runs on the connection's thread once the head has been sent, and the connection ends
/// with it.
pub type Talk = Box<dyn FnOnce(Upgraded<'_>) -> io::Result<()> + Send>;

/// The body of an answer.
pub enum Payload {
    /// No body; `Content-Length: 0` where the status allows a body.
    Empty,
    /// The whole body, sent with the head in one write.
    Bytes(Vec<u8>),
    /// A body that is written piece by piece: chunked, or raw if the response carries a
    /// `Content-Length`, or raw until the connection closes for an HTTP/1.0 client.
    Stream(StreamBody),
    /// No body, but another protocol from here on: for 101 in answer to a GET of HTTP/1.1 that asked for it, with the
    /// `Upgrade` field (RFC 9110, section 7.8).
    Upgrade(Talk),
}

impl Payload {
    /// A streamed body. One that may last should hold a [`super::StreamPermit`]; move it into `body`.
    pub fn stream<F>(body: F) -> Payload
    where
        F: FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send + 'static,
    {
        Payload::Stream(Box::new(body))
    }

    /// Whether it is written for as long as whoever writes it likes.
    pub(crate) fn may_last(&self) -> bool {
        matches!(self, Payload::Stream(_))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Empty => f.write_str("Empty"),
            Payload::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Payload::Stream(_) => f.write_str("Stream"),
            Payload::Upgrade(_) => f.write_str("Upgrade"),
        }
    }
}
