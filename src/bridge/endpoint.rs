//! The MCP endpoint: POST, GET and DELETE of Streamable HTTP, and which era each request belongs to.

use super::Bridge;
use super::headers::{self, SESSION_ID};
use super::refusal::Refusal;
use super::session::Session;
use super::stream::events::event_stream;
use super::stream::replay::EventId;
use crate::http::{BodyError, Client, Exchange, Payload, Response};
use crate::protocol::error::{BAD_REQUEST, INVALID_REQUEST, PARSE_ERROR, SESSION_NOT_FOUND};
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::{self, Class};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;

/// `initialize` with capabilities and whatever a client says of itself.
const MAX_HELLO_BYTES: usize = 256 * 1024;
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
    /// Answers one request to the endpoint.
    pub fn handle(self: &Arc<Self>, exchange: Exchange<'_>) -> Response {
        self.settle();
        match self.children.links() {
            Some(links) => self.nearest(links, exchange),
            None => self.bridge(exchange),
        }
    }

    /// Answers a request without leaving it to the server's own HTTP.
    pub(crate) fn bridge(self: &Arc<Self>, mut exchange: Exchange<'_>) -> Response {
        let method = exchange.request.method().clone();
        let answer = match method {
            Method::GET | Method::HEAD | Method::DELETE if headers::is_modern(exchange.request.headers()) => {
                Ok(method_not_allowed("POST, OPTIONS", "revision 2026-07-28 has neither GET nor DELETE"))
            }
            Method::POST => self.post(&mut exchange),
            Method::GET => self.get(&exchange),
            Method::HEAD => self.head(exchange.request.headers()),
            Method::DELETE => self.delete(exchange.request.headers()),
            _ => Ok(method_not_allowed(
                "GET, POST, DELETE, OPTIONS",
                "the MCP endpoint takes POST, GET and DELETE",
            )),
        };
        answer.unwrap_or_else(|refusal| refusal.response())
    }

    /// Answers one request to the old transport's own paths.
    pub fn handle_line(self: &Arc<Self>, mut exchange: Exchange<'_>, place: LinePlace) -> Response {
        self.settle();
        let headers = exchange.request.headers();
        let answer = match (place, exchange.request.method()) {
            (LinePlace::Stream, &Method::GET) => {
                headers::check_get(headers).and_then(|()| self.open_line(&exchange))
            }
            (LinePlace::Messages, &Method::POST) => self.post_line(&mut exchange),
            (LinePlace::Stream, _) => Ok(method_not_allowed("GET, OPTIONS", "the stream is opened by GET")),
            (LinePlace::Messages, _) => Ok(method_not_allowed("POST, OPTIONS", "messages are sent by POST")),
        };
        answer.unwrap_or_else(|refusal| refusal.response())
    }

    fn post(self: &Arc<Self>, exchange: &mut Exchange<'_>) -> Result<Response, Refusal> {
        let headers = exchange.request.headers();
        headers::check_post(headers)?;
        let most = self.most_bytes(headers)?;
        let text = self.read(exchange, most)?;
        self.message(&text, exchange.request.headers(), &exchange.client)
    }

    /// What was POSTed.
    pub(crate) fn message(
        self: &Arc<Self>,
        text: &str,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<Response, Refusal> {
        if let Some(batch) = self.batch_of(text, headers)? {
            return self.batch(batch, headers);
        }
        let message = self.parse(text)?;
        let version = headers::text(headers, &headers::PROTOCOL_VERSION);
        let class = modern::classify(version, &message);
        match class.map_err(|error| Refusal::with(StatusCode::BAD_REQUEST, error).of(id_of(&message)))? {
            Class::Modern => self.stateless(&message, headers, client),
            Class::Legacy => {
                headers::check_version(headers)?;
                self.take(&message, headers, client)
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
    fn most_bytes(&self, headers: &HeaderMap) -> Result<usize, Refusal> {
        let max = self.terms.limits.max_message_bytes;
        if headers::is_modern(headers) {
            return Ok(max);
        }
        if headers.contains_key(SESSION_ID) {
            return self.session(headers).map(|_| max);
        }
        Ok(self.most_hello_bytes())
    }

    pub(crate) fn most_hello_bytes(&self) -> usize {
        self.terms.limits.max_message_bytes.min(MAX_HELLO_BYTES)
    }

    fn take(
        self: &Arc<Self>,
        message: &Message<'_>,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<Response, Refusal> {
        match &message.kind {
            Kind::Request { id, method, params } if method == "initialize" => {
                Ok(self.initialize(id, *params))
            }
            Kind::Request { id, method, .. } => {
                let session = self.session(headers)?;
                Ok(self.request(message, id, method, &session, client))
            }
            Kind::Notification { .. } | Kind::Response { .. } => {
                let session = self.session(headers)?;
                self.tell(message, &session);
                Ok(accepted())
            }
        }
    }

    fn get(self: &Arc<Self>, exchange: &Exchange<'_>) -> Result<Response, Refusal> {
        let headers = exchange.request.headers();
        if headers::is_old_client(headers) {
            return self.open_line(exchange);
        }
        headers::check_get(headers)?;
        let session = self.session(headers)?;
        let last = headers::text(headers, &headers::LAST_EVENT_ID);
        Ok(self.listen(session, last.and_then(EventId::parse), &exchange.client))
    }

    /// What GET would answer, without opening the stream: that would end the one that is open.
    fn head(&self, headers: &HeaderMap) -> Result<Response, Refusal> {
        headers::check_get(headers)?;
        self.session(headers).map(|_| event_stream(|_| Ok(())))
    }

    fn delete(&self, headers: &HeaderMap) -> Result<Response, Refusal> {
        let session = self.session(headers)?;
        self.sessions.remove(&session.id);
        self.forget(&session);
        Ok(Response::new(Payload::Empty))
    }

    /// The session a request belongs to: 400 without an id, 404 for one we do not know (2025-11-25, basic,
    /// transports, Session Management).
    pub(crate) fn session(&self, headers: &HeaderMap) -> Result<Arc<Session>, Refusal> {
        let Some(id) = headers.get(SESSION_ID) else {
            return Err(Refusal::bad(
                "Mcp-Session-Id is missing: send initialize first, then the id it answers with",
            ));
        };
        let session = id.to_str().ok().and_then(|id| self.sessions.find(id));
        session.ok_or_else(|| {
            let message = "this session is not known here (any more): send initialize to begin a new one";
            Refusal::new(StatusCode::NOT_FOUND, SESSION_NOT_FOUND, message)
        })
    }
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
