//! One HTTP exchange with the server of a link.

use super::refusal::{Refusal, Trouble};
use crate::forward::Target;
use crate::forward::courier::{AnswerBody, Cargo, Courier, ServerAnswer, Wait};
use crate::forward::fields::is_media;
use crate::protocol::sse;
use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use std::io::{self, Read};
use std::ops::ControlFlow;

/// What is read from a server at once.
const CHUNK_BYTES: usize = 16 * 1024;
/// What is read of an answer that carries no message.
const MAX_REFUSAL_BYTES: u64 = 64 * 1024;

/// The server at the other end.
#[derive(Clone)]
pub(in crate::forward) struct Peer {
    pub(in crate::forward) courier: Courier,
    pub(in crate::forward) target: Target,
}

/// An answer with a status that says that all is well.
pub(in crate::forward) struct Answer {
    pub(in crate::forward) headers: HeaderMap,
    pub(in crate::forward) content: Content,
}

/// What it holds.
pub(in crate::forward) enum Content {
    /// Messages, each as an event.
    Events(AnswerBody),
    /// Something else; most likely a message. `length` in bytes, if the server says.
    Body { reader: AnswerBody, length: Option<u64> },
    /// Nothing: the message was taken, and that is all.
    Nothing,
}

impl Peer {
    /// POSTs a message to the endpoint, or to `url`.
    ///
    /// # Errors
    /// The server cannot be reached, breaks off, or refuses it.
    pub(in crate::forward) fn post(
        &self,
        url: Option<&Uri>,
        body: &[u8],
        mut headers: HeaderMap,
        wait: Wait,
    ) -> Result<Answer, Trouble> {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        self.exchange(Method::POST, url, headers, Some(body), wait)
    }

    /// Opens an event stream at the endpoint, or at `url`.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses it.
    pub(in crate::forward) fn get(
        &self,
        url: Option<&Uri>,
        mut headers: HeaderMap,
        wait: Wait,
    ) -> Result<Answer, Trouble> {
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        self.exchange(Method::GET, url, headers, None, wait)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses it.
    pub(in crate::forward) fn delete(&self, headers: HeaderMap, wait: Wait) -> Result<Answer, Trouble> {
        self.exchange(Method::DELETE, None, headers, None, wait)
    }

    fn exchange(
        &self,
        method: Method,
        url: Option<&Uri>,
        headers: HeaderMap,
        body: Option<&[u8]>,
        wait: Wait,
    ) -> Result<Answer, Trouble> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = url.unwrap_or(&self.target.endpoint).clone();
        *request.headers_mut() = headers;
        self.target.put_headers(request.headers_mut());
        let cargo = body.map_or(Cargo::Nothing, Cargo::Whole);
        let answer = self.courier.run(request, cargo, wait);
        Answer::sort(answer.map_err(|error| Trouble::of_exchange(&error))?)
    }
}

impl Answer {
    fn sort(answer: ServerAnswer) -> Result<Answer, Trouble> {
        let (head, mut reader) = answer.into_parts();
        let length = head.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if !head.status.is_success() {
            let body = read_some(&mut reader);
            return Err(Trouble::Refused(Refusal::new(head.status, &head.headers, body)));
        }
        let is_empty = matches!(head.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
        let content = if is_media(&head.headers, &header::CONTENT_TYPE, "text/event-stream") {
            Content::Events(reader)
        } else if is_empty || length == Some(0) {
            // Read, so that the connection can be used again.
            read_some(&mut reader);
            Content::Nothing
        } else {
            Content::Body { reader, length }
        };
        Ok(Answer { headers: head.headers, content })
    }
}

/// The start of a body that matters little; what cannot be read of it matters nothing.
fn read_some(reader: &mut AnswerBody) -> Vec<u8> {
    let mut body = Vec::new();
    let _ = reader.take(MAX_REFUSAL_BYTES).read_to_end(&mut body);
    body
}

/// Reads events until the stream ends (nothing is returned) or `each` has what it wants.
///
/// # Errors
/// The stream breaks off.
pub(super) fn read_events<T>(
    mut body: impl Read,
    reader: &mut sse::Reader,
    mut each: impl FnMut(sse::Event) -> ControlFlow<T>,
) -> io::Result<Option<T>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match body.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for event in reader.feed(&chunk[..count]) {
            if let ControlFlow::Break(found) = each(event) {
                return Ok(Some(found));
            }
        }
    }
}
