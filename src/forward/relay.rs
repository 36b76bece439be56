//! One request there and its answer back.

use super::courier::{Cargo, ServerAnswer, Wait};
use super::errand::Errand;
use super::link::peer::Peer;
use super::link::refusal::{Trouble, was_not_sent};
use super::passage::{Calls, Passage};
use super::session::Session;
use super::session::forgotten::{Verdict, judge};
use super::session::matter::{About, Matter};
use super::stream::{Listening, Stream};
use super::{Forward, LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID, Target, Ticket, failure, fields, filter};
use crate::auth::Caller;
use crate::http::{Body, BodyError, Exchange, Payload, Response};
use crate::meter::{Direction, StatusClass};
use crate::protocol::error::RpcError;
use crate::protocol::message::Message;
use crate::server::Running;
use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// An answer of up to this size is sent in one piece.
const MAX_WHOLE_BYTES: u64 = 64 * 1024;
/// So much of a body is waited for at most before the server is asked.
const START_BYTES: usize = 1024;
/// A request that no server has seen is tried so often.
const TRIES: u32 = 4;
/// A question whether a session is known takes no longer.
const PING_PATIENCE: Duration = Duration::from_secs(10);
const PING: &[u8] = br#"{"jsonrpc":"2.0","id":"mcp-proxy-session","method":"ping"}"#;

/// A request and where it goes.
pub(super) struct Relay<'r, 'c> {
    pub(super) forward: &'r Arc<Forward>,
    pub(super) exchange: Exchange<'c>,
    pub(super) caller: &'r Caller,
    /// What is left of the path behind the server's name; none for the endpoint.
    pub(super) path: Option<&'r PathAndQuery>,
    pub(super) session: Option<Arc<Session>>,
}

/// A client that waits, and what it must hear if the server fails.
pub(super) struct Waiting {
    /// Raw id of its call.
    pub(super) id: Option<String>,
    pub(super) generation: u64,
    pub(super) errand: Errand,
}

/// Whose fault it is that there is no answer.
enum Failure {
    Server(RpcError),
    /// What was wrong with its body.
    Client(BodyError),
}

/// What came of one try.
enum Outcome {
    Answered(ServerAnswer, Waiting),
    /// No server has acted on it: it may be tried again, with a session that is not called `stale`.
    Again {
        stale: Option<HeaderValue>,
    },
}

impl Relay<'_, '_> {
    /// `body` is its body, if that was read already.
    pub(super) fn run(mut self, body: Option<Vec<u8>>, ticket: Ticket) -> Response {
        let message = match body.map_or_else(|| self.read_message(), |body| Ok(Some(body))) {
            Ok(message) => message,
            Err(error) => return error.into_response(),
        };
        let (max_depth, meter) = (self.forward.limits.max_json_depth, self.forward.server.meter());
        let mut calls = Calls::default();
        let note = |message: &Message<'_>, id: &str| calls.add(message, id, meter, self.caller);
        let matter = message.as_deref().map(|body| Matter::noting(body, max_depth, note));
        let Matter { id, about, lists } = matter.unwrap_or_default();
        let is_end = *self.exchange.request.method() == Method::DELETE;
        if let Some(session) = self.session.clone().filter(|_| is_end) {
            return self.end_session(&session, ticket);
        }
        if matches!(about, About::Hello(_)) {
            self.session = None;
        }
        match self.ask(message, id.as_deref(), ticket.is_stream()) {
            Ok((answer, _)) if *self.exchange.request.method() == Method::HEAD => without_body(answer),
            Ok((answer, waiting)) => {
                let screen = self.screen(lists, id.as_deref());
                self.answered(answer, waiting, about, ticket, Passage::new(calls, screen))
            }
            Err(Failure::Server(error)) => {
                calls.fail(&error);
                failure::response(&error, id.as_deref())
            }
            Err(Failure::Client(error)) => error.into_response(),
        }
    }

    /// A message to the endpoint is read whole before it is sent on, so that the id of a call is known if the server
    /// fails, and that it can be repeated. Other bodies are not held.
    fn read_message(&mut self) -> Result<Option<Vec<u8>>, BodyError> {
        let request = &self.exchange.request;
        let is_json = fields::is_media(request.headers(), &header::CONTENT_TYPE, "application/json");
        if self.path.is_some() || request.method() != Method::POST || !is_json {
            return Ok(None);
        }
        self.exchange.body.read_all(self.forward.limits.max_message_bytes).map(Some)
    }

    fn ask(
        &mut self,
        message: Option<Vec<u8>>,
        id: Option<&str>,
        is_stream: bool,
    ) -> Result<(ServerAnswer, Waiting), Failure> {
        let may_repeat = message.is_some() || !has_body(&self.exchange.body);
        let (mut stale, mut tries) = (None, if may_repeat { TRIES } else { 1 });
        loop {
            tries -= 1;
            match self.attempt(message.as_deref(), id, is_stream, stale.as_ref(), tries > 0)? {
                Outcome::Answered(answer, waiting) => return Ok((answer, waiting)),
                Outcome::Again { stale: Some(id) } => {
                    // Nor does it know the events of that session.
                    self.exchange.request.headers_mut().remove(LAST_EVENT_ID);
                    stale = Some(id);
                }
                Outcome::Again { stale: None } => {}
            }
        }
    }

    fn attempt(
        &mut self,
        message: Option<&[u8]>,
        id: Option<&str>,
        is_stream: bool,
        stale: Option<&HeaderValue>,
        may_repeat: bool,
    ) -> Result<Outcome, Failure> {
        let forward = Arc::clone(self.forward);
        let running = forward.running().map_err(Failure::Server)?;
        let target = self.target(&running)?;
        let generation = running.generation;
        let at_server = match self.at_server(&target, generation, stale) {
            Ok(at_server) => at_server,
            Err(trouble) if may_repeat && trouble.is_broken() && forward.has_ended(generation) => {
                return Ok(Outcome::Again { stale: None });
            }
            Err(trouble) => {
                return Err(Failure::Server(forward.not_greeted(generation, &trouble)));
            }
        };
        let serving = is_stream.then(|| (Arc::clone(&forward.server), generation));
        let errand = Errand::of_client(self.exchange.client.clone(), serving);
        let waiting = Waiting { id: id.map(str::to_string), generation, errand };
        let meter = forward.server.meter();
        meter.bytes.of(Direction::ToServer).add(message.map_or(0, <[u8]>::len) as u64);
        let sent = waiting.errand.run(|| {
            let answer = self.send(&target, at_server.as_ref(), message)?;
            match at_server {
                Some(at_server) if may_repeat && stale.is_none() => self.sort(answer, &target, at_server),
                _ => Ok(Ok(answer)),
            }
        });
        match sent {
            Ok(Ok(answer)) => Ok(Outcome::Answered(answer, waiting)),
            Ok(Err(stale)) => Ok(Outcome::Again { stale: Some(stale) }),
            Err(error) if may_repeat && was_not_sent(&error) && forward.has_ended(generation) => {
                Ok(Outcome::Again { stale: None })
            }
            Err(error) => Err(body_error(&error).map_or_else(
                || Failure::Server(forward.broken(generation, &error.to_string())),
                Failure::Client,
            )),
        }
    }

    fn target(&self, running: &Running) -> Result<Arc<Target>, Failure> {
        let server = &self.forward.server;
        self.forward.target(running).map_err(|why| {
            Failure::Server(
                server.given_up("no-http", format!("server {} cannot be asked: {why}", server.name())),
            )
        })
    }

    /// What the server calls the session of the request, if there is one.
    fn at_server(
        &self,
        target: &Arc<Target>,
        generation: u64,
        stale: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Arc<Trouble>> {
        let Some(session) = &self.session else { return Ok(None) };
        let life = self.forward.life(generation);
        session.at_server(self.forward, target, life, stale, self.exchange.request.headers())
    }

    pub(super) fn send(
        &mut self,
        target: &Target,
        at_server: Option<&HeaderValue>,
        message: Option<&[u8]>,
    ) -> Result<ServerAnswer, ureq::Error> {
        let mut request = Request::new(());
        *request.method_mut() = self.exchange.request.method().clone();
        *request.uri_mut() = target.url(self.path, self.exchange.request.uri().query());
        let headers = request.headers_mut();
        *headers = fields::request(self.exchange.request.headers());
        if self.path.is_none() {
            fields::put(headers, SESSION_ID, at_server);
        }
        target.put_headers(headers);
        let courier = &self.forward.courier;
        match message {
            Some(body) => courier.run(request, Cargo::Whole(body), Wait::Call),
            None if has_body(&self.exchange.body) => {
                let length = self.exchange.body.length();
                // Who announces a body and sends none of it does not cost us a connection to the server.
                let mut start = [0; START_BYTES];
                let count = self.exchange.body.read(&mut start)?;
                let mut body = start[..count].chain(&mut self.exchange.body);
                courier.run(request, Cargo::Stream { body: &mut body, length }, Wait::Call)
            }
            None => {
                headers.remove(header::CONTENT_LENGTH);
                courier.run(request, Cargo::Nothing, Wait::Call)
            }
        }
    }

    /// The answer, unless it only says that the session is not known under this name: then the name.
    fn sort(
        &self,
        answer: ServerAnswer,
        target: &Target,
        at_server: HeaderValue,
    ) -> Result<Result<ServerAnswer, HeaderValue>, ureq::Error> {
        let answer = match judge(answer)? {
            Verdict::Answer(answer) => return Ok(Ok(answer)),
            Verdict::Forgotten(answer) => answer,
        };
        // Some answer so where they have no stream.
        let is_sure = *self.exchange.request.method() == Method::POST;
        Ok(if is_sure || self.is_unknown(target, &at_server) { Err(at_server) } else { Ok(answer) })
    }

    fn is_unknown(&self, target: &Target, at_server: &HeaderValue) -> bool {
        let peer = Peer { courier: self.forward.courier.clone(), target: target.clone() };
        let from = self.exchange.request.headers();
        let mut headers = super::session::replay::companions(from);
        headers.insert(SESSION_ID, at_server.clone());
        fields::put(&mut headers, PROTOCOL_VERSION, from.get(PROTOCOL_VERSION));
        match peer.post(None, PING, headers, Wait::Whole(PING_PATIENCE)) {
            Err(Trouble::Refused(refusal)) => refusal.forgets_session(),
            _ => false,
        }
    }

    pub(super) fn answered(
        self,
        answer: ServerAnswer,
        waiting: Waiting,
        about: About,
        ticket: Ticket,
        mut passage: Passage,
    ) -> Response {
        let (head, reader) = answer.into_parts();
        self.forward.server.meter().answers.of(StatusClass::of(head.status.as_u16())).count();
        if head.status.is_informational() {
            let error = "it changes to a protocol that nobody asked for";
            return self.broken_off(&waiting, error, &mut passage);
        }
        let length = head.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let mut response = with_head(&head, Payload::Empty);
        if self.path.is_none() {
            self.settle(&head, &waiting, about, response.headers_mut());
        }
        let is_screened = passage.screen.is_some();
        if is_screened {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        let most = match length {
            _ if is_screened && filter::has_events(&head.headers) => None,
            _ if is_screened => Some(self.forward.limits.max_message_bytes),
            Some(length) if length <= MAX_WHOLE_BYTES => Some(length as usize),
            _ => None,
        };
        let Some(most) = most else {
            let stream = self.stream(&head, waiting, ticket, passage);
            *response.body_mut() = Payload::stream(move |writer| stream.write(reader, writer));
            return response;
        };
        match waiting.errand.run(|| filter::read_whole(reader, most)) {
            Ok(whole) => {
                self.forward.count_received(whole.len());
                let whole = passage.whole(whole, &mut response);
                *response.body_mut() = Payload::Bytes(whole);
                response
            }
            Err(error) => self.broken_off(&waiting, &error.to_string(), &mut passage),
        }
    }

    /// What the client is told instead of an answer.
    fn broken_off(&self, waiting: &Waiting, error: &str, passage: &mut Passage) -> Response {
        let error = self.forward.broken(waiting.generation, error);
        passage.calls.fail(&error);
        failure::response(&error, waiting.id.as_deref())
    }

    /// Puts our id of the session in the place of the server's, whether that has just begun or not; takes note of what
    /// the server took.
    fn settle(
        &self,
        head: &::http::response::Parts,
        waiting: &Waiting,
        about: About,
        headers: &mut HeaderMap,
    ) {
        let theirs = headers.remove(SESSION_ID);
        let is_taken = head.status.is_success();
        let session = match (&self.session, about, &theirs) {
            (Some(session), about, _) => {
                if is_taken {
                    session.note(&self.forward.sessions, about);
                }
                Some(Arc::clone(session))
            }
            (None, About::Hello(params), Some(theirs)) if is_taken => {
                let life = self.forward.life(waiting.generation);
                self.forward.sessions.begin(self.caller.principal(), params, life, theirs)
            }
            _ => None,
        };
        if let Some(session) = session.filter(|_| theirs.is_some()) {
            headers.insert(SESSION_ID, session.token.clone());
        }
    }

    fn stream(
        &self,
        head: &::http::response::Parts,
        waiting: Waiting,
        ticket: Ticket,
        mut passage: Passage,
    ) -> Stream {
        let is_events = fields::is_media(&head.headers, &header::CONTENT_TYPE, "text/event-stream");
        passage.begin(is_events, head.status);
        let has = |name| head.headers.contains_key(name);
        let takes_comments = is_events && !has(header::CONTENT_ENCODING) && !has(header::CONTENT_LENGTH);
        let comment_every = takes_comments.then_some(self.forward.options.stream_comment);
        let listens = is_events && ticket.is_stream() && head.status == StatusCode::OK;
        let listening = self.session.as_ref().filter(|_| listens).map(|session| Listening {
            forward: Arc::clone(self.forward),
            session: Arc::clone(session),
            request: self.exchange.request.clone(),
            client: self.exchange.client.clone(),
        });
        Stream {
            forward: Arc::clone(self.forward),
            waiting,
            is_events,
            comment_every,
            listening,
            passage,
            _ticket: ticket,
        }
    }
}

/// What was wrong with the client's own body, if that is why a request could not be sent.
fn body_error(error: &ureq::Error) -> Option<BodyError> {
    match error {
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<BodyError>().cloned(),
        _ => None,
    }
}

fn has_body(body: &Body<'_>) -> bool {
    body.length() != Some(0)
}

/// The answer to HEAD: what it says of the body that GET would have, a length or none.
fn without_body(answer: ServerAnswer) -> Response {
    let (head, _) = answer.into_parts();
    // A stream that is not sent takes the framing its head declares; an empty body would have the length 0.
    let mut response = with_head(&head, Payload::stream(|_| Ok(())));
    response.headers_mut().remove(SESSION_ID);
    response
}

fn with_head(head: &::http::response::Parts, payload: Payload) -> Response {
    let mut response = Response::new(payload);
    *response.status_mut() = head.status;
    *response.headers_mut() = fields::response(&head.headers);
    response
}
