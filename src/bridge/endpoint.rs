//! The MCP endpoint: POST, GET and DELETE of Streamable HTTP, and which era each request belongs to.

use super::Bridge;
use super::asking::Asking;
use super::headers::{self, SESSION_ID};
use super::refusal::Refusal;
use super::session::Session;
use super::stream::events::event_stream;
use super::stream::replay::LastEvent;
use crate::auth::Caller;
use crate::http::{BodyError, Exchange, Payload, Response};
use crate::protocol::error::{BAD_REQUEST, INVALID_REQUEST, PARSE_ERROR, SESSION_NOT_FOUND};
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::{self, Class};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;

/// `initialize` with capabilities and whatever a client says of itself.
const MAX_HELLO_BYTES: usize = 64 * 1024;
/// Bytes of a request's id, its method, its progress token: each is remembered until the request is answered.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// The paths of the transport of 2024-11-05.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinePlace {
    /// `/NAME/sse`
    Stream,
    /// `/NAME/messages`
    Messages,
}

impl Bridge {
    /// Answers one request to the endpoint, once it is settled what the server speaks.
    pub fn handle(self: &Arc<Self>, exchange: Exchange<'_>, caller: &Caller) -> Response {
        match self.children.links() {
            Some(links) => self.nearest(links, exchange, caller),
            None => self.bridge(exchange, caller),
        }
    }

    /// Answers a request without leaving it to the server's own HTTP.
    pub(crate) fn bridge(self: &Arc<Self>, mut exchange: Exchange<'_>, caller: &Caller) -> Response {
        let method = exchange.request.method().clone();
        let answer = match method {
            Method::GET | Method::HEAD | Method::DELETE if headers::is_modern(exchange.request.headers()) => {
                Ok(method_not_allowed("POST, OPTIONS", "revision 2026-07-28 has neither GET nor DELETE"))
            }
            Method::POST => self.post(&mut exchange, caller),
            Method::GET => self.get(&exchange, caller),
            Method::HEAD => self.head(exchange.request.headers(), caller),
            Method::DELETE => self.delete(exchange.request.headers(), caller),
            _ => Ok(method_not_allowed(
                "GET, POST, DELETE, OPTIONS",
                "the MCP endpoint takes POST, GET and DELETE",
            )),
        };
        answer.unwrap_or_else(|refusal| refusal.response())
    }

    /// Answers one request to the old transport's own paths.
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub fn handle_line(
        self: &Arc<Self>,
        mut exchange: Exchange<'_>,
        place: LinePlace,
        caller: &Caller,
    ) -> Response {
        self.settle();
        let headers = exchange.request.headers();
        let answer = match (place, exchange.request.method()) {
            (LinePlace::Stream, &Method::GET) => {
                headers::check_get(headers).and_then(|()| self.open_line(&exchange, caller))
            }
            (LinePlace::Messages, &Method::POST) => self.post_line(&mut exchange, caller),
            (LinePlace::Stream, _) => Ok(method_not_allowed("GET, OPTIONS", "the stream is opened by GET")),
            (LinePlace::Messages, _) => Ok(method_not_allowed("POST, OPTIONS", "messages are sent by POST")),
        };
        answer.unwrap_or_else(|refusal| refusal.response())
    }

    fn post(self: &Arc<Self>, exchange: &mut Exchange<'_>, caller: &Caller) -> Result<Response, Refusal> {
        let headers = exchange.request.headers();
        headers::check_post(headers)?;
        let most = self.most_bytes(headers, caller)?;
        let text = self.read(exchange, most)?;
        self.message(&text, Asking::of(exchange, caller))
    }

    /// What was POSTed.
    pub(crate) fn message(self: &Arc<Self>, text: &str, asking: Asking<'_>) -> Result<Response, Refusal> {
        if let Some(batch) = self.batch_of(text, asking)? {
            return self.batch(batch, asking);
        }
        let message = self.parse(text)?;
        let version = headers::text(asking.headers, &headers::PROTOCOL_VERSION);
        let read = modern::read(version, &message);
        match read.map_err(|error| Refusal::with(StatusCode::BAD_REQUEST, error).of(id_of(&message)))? {
            (Class::Modern, envelope) => self.stateless(&message, &envelope, asking),
            (Class::Legacy, _) => {
                headers::check_version(asking.headers)?;
                self.take(&message, asking)
            }
        }
    }

    /// The body, at most so long.
    pub(crate) fn read(&self, exchange: &mut Exchange<'_>, most: usize) -> Result<String, Refusal> {
        let body = exchange.body.read_all(most).map_err(unreadable)?;
        String::from_utf8(body)
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, PARSE_ERROR, "the body is not UTF-8"))
    }

    pub(crate) fn parse<'t>(&self, text: &'t str) -> Result<Message<'t>, Refusal> {
        let refuse = |code, why: String| Refusal::new(StatusCode::BAD_REQUEST, code, why);
        let message = Message::parse(text, self.terms.limits.max_json_depth)
            .map_err(|invalid| refuse(invalid.code(), invalid.to_string()))?;
        match &message.kind {
            Kind::Request { id, method, .. } if id.len().max(method.len()) > MAX_NAME_BYTES => {
                let why = format!("an id or method may have {MAX_NAME_BYTES} bytes");
                Err(refuse(INVALID_REQUEST, why))
            }
            _ => Ok(message),
        }
    }

    /// Who has no session may say hello, which is short; who names one must have it before it fills our memory. A
    /// modern request names none.
    fn most_bytes(&self, headers: &HeaderMap, caller: &Caller) -> Result<usize, Refusal> {
        let max = self.terms.limits.max_message_bytes;
        if headers::is_modern(headers) {
            return Ok(max);
        }
        if headers.contains_key(SESSION_ID) {
            return self.session(headers, caller).map(|_| max);
        }
        Ok(self.most_hello_bytes())
    }

    pub(crate) fn most_hello_bytes(&self) -> usize {
        self.terms.limits.max_message_bytes.min(MAX_HELLO_BYTES)
    }

    fn take(self: &Arc<Self>, message: &Message<'_>, asking: Asking<'_>) -> Result<Response, Refusal> {
        match &message.kind {
            Kind::Request { id, method, params } if method == "initialize" => {
                Ok(self.initialize(id, *params, asking.caller))
            }
            Kind::Request { id, method, .. } => {
                let session = self.session(asking.headers, asking.caller)?;
                Ok(self.request(message, id, method, &session, asking))
            }
            Kind::Notification { .. } | Kind::Response { .. } => {
                let session = self.session(asking.headers, asking.caller)?;
                self.tell(message, &session, asking.caller)?;
                Ok(accepted())
            }
        }
    }

    fn get(self: &Arc<Self>, exchange: &Exchange<'_>, caller: &Caller) -> Result<Response, Refusal> {
        let headers = exchange.request.headers();
        if headers::is_old_client(headers) {
            return self.open_line(exchange, caller);
        }
        headers::check_get(headers)?;
        let session = self.session(headers, caller)?;
        let last = headers::text(headers, &headers::LAST_EVENT_ID);
        Ok(self.listen(session, last.and_then(LastEvent::parse), &exchange.client))
    }

    /// What GET would answer, without opening the stream: that would end the one that is open.
    fn head(&self, headers: &HeaderMap, caller: &Caller) -> Result<Response, Refusal> {
        headers::check_get(headers)?;
        self.session(headers, caller).map(|_| event_stream(|_| Ok(())))
    }

    fn delete(&self, headers: &HeaderMap, caller: &Caller) -> Result<Response, Refusal> {
        match self.end_session(session_id(headers)?, caller) {
            true => Ok(Response::new(Payload::Empty)),
            false => Err(unknown_session()),
        }
    }

    /// The session a request belongs to: 400 without an id, 404 for one that is none of this client's or over
    /// (2025-11-25, basic, transports, Session Management).
    pub(crate) fn session(&self, headers: &HeaderMap, caller: &Caller) -> Result<Arc<Session>, Refusal> {
        let id = session_id(headers)?;
        match self.sessions.find(id) {
            Some(session) if session.principal == *caller.principal() => Ok(session),
            Some(_) => Err(unknown_session()),
            None => self.revive(id, caller)?.ok_or_else(unknown_session),
        }
    }
}

fn session_id(headers: &HeaderMap) -> Result<&str, Refusal> {
    let id = headers.get(SESSION_ID).ok_or_else(|| {
        Refusal::bad("Mcp-Session-Id is missing: send initialize first, then the id it answers with")
    })?;
    str::from_utf8(id.as_bytes()).map_err(|_| unknown_session())
}

fn unknown_session() -> Refusal {
    let message = "this session is not known here (any more): send initialize to begin a new one";
    Refusal::new(StatusCode::NOT_FOUND, SESSION_NOT_FOUND, message)
}

/// Raw id of a message; `null` where it has none.
pub(crate) fn id_of<'m>(message: &'m Message<'_>) -> &'m str {
    match &message.kind {
        Kind::Request { id, .. } | Kind::Response { id, .. } => id,
        Kind::Notification { .. } => "null",
    }
}

/// 202 without a body: what notifications and answers get.
pub(crate) fn accepted() -> Response {
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn method_not_allowed(allow: &'static str, message: &str) -> Response {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, BAD_REQUEST, message);
    let mut response = refusal.response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

fn unreadable(error: BodyError) -> Refusal {
    let status = match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
        BodyError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    Refusal::new(status, BAD_REQUEST, error.to_string())
}
