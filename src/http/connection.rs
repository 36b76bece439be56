//! One connection's life on its thread: read a head, let the handler work, answer, again.

use super::access::Entry;
use super::encode::{Asked, REQUEST_ID};
use super::head::{self, Head};
use super::input::{Input, SCRAP_BYTES, Unread};
use super::link::{Client, Link};
use super::payload::{Response, Talk};
use super::refusal::Refusal;
use super::reply::{Reply, Then};
use super::roster::Place;
use super::scan::HeadScanner;
use super::scheme::{self, Scheme};
use super::shared::{Shared, count};
use super::tls::Identities;
use super::upgraded::Upgraded;
use super::{Body, Exchange, after};
use crate::log::request::{self, RequestId};
use crate::meter::StatusClass;
use ::http::{HeaderValue, Method, StatusCode, Version};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A body left unread is read and dropped up to this size, so that the connection can be used again.
const DRAIN_BYTES: u64 = 64 * 1024;
/// And for this long.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// From the accept to the end of the head on a reserve connection.
const RESERVE_TIME: Duration = Duration::from_secs(2);
/// How long a closed connection is listened to, so that a reset does not overtake the answer.
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 * 1024;

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Request,
    Close,
    /// Close, but the client may still be sending.
    Linger,
}

/// What a client began with where HTTPS is spoken.
enum Opening {
    Secured,
    Plain,
    Nothing,
}

/// A connection that was admitted.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    client: Client,
    link: Arc<Link>,
    input: Input,
    reply: Reply,
    reserve: Option<Instant>,
    /// What is to be said of the present request in the access log.
    entry: Option<Entry>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, link: Arc<Link>, place: Place) -> Connection {
        let client = Client::new(link.clone(), shared.streams.clone());
        let reserve = (place == Place::Reserve).then(|| after(RESERVE_TIME));
        let (input, reply) = (Input::new(link.clone()), Reply::default());
        Connection { shared, client, link, input, reply, reserve, entry: None }
    }

    /// Serves the connection to its end.
    pub(crate) fn serve(mut self) {
        let link = self.link.clone();
        match &link.scheme {
            Scheme::Http => self.serve_requests(),
            Scheme::Redirect(port) => self.send_on(Some(*port)),
            Scheme::Https(identities) => match self.secure(&**identities) {
                Ok(Opening::Secured) => self.serve_requests(),
                Ok(Opening::Plain) => self.send_on(None),
                Ok(Opening::Nothing) => {}
                Err(error) => self.mourn(&error),
            },
        }
    }

    /// The handshake, unless the client speaks plain HTTP. It may be told to go meanwhile, like who waits with its head.
    #[inline(never)] // see crate::thread::STACK_BYTES
    fn secure(&self, identities: &dyn Identities) -> io::Result<Opening> {
        let deadline = self.reserve.unwrap_or_else(|| after(self.shared.limits.head_timeout()));
        match self.link.peek(deadline)? {
            None => Ok(Opening::Nothing),
            // A handshake begins with 22, every method with a letter.
            Some(byte) if byte.is_ascii_alphabetic() => Ok(Opening::Plain),
            Some(_) => self.link.secure(&identities.current(), deadline).map(|()| Opening::Secured),
        }
    }

    /// A handshake has failed. The client gets to read why.
    fn mourn(&mut self, error: &io::Error) {
        count(&self.shared.counts.malformed);
        count(&self.shared.counts.handshakes);
        log::debug!(event = "handshake-failed", door = &**self.link.door.label(); "a TLS handshake failed: {error}");
        self.linger();
    }

    /// Answers one plain request where HTTPS is spoken.
    fn send_on(&mut self, port: Option<u16>) {
        let response = match self.next_head() {
            Ok(Some(head)) => scheme::to_https(&head.request, port),
            Ok(None) => return,
            Err(refusal) => refusal.into_response(),
        };
        count(&self.shared.counts.malformed);
        self.answer(response, refused(), true);
        self.linger();
    }

    fn serve_requests(&mut self) {
        loop {
            let next = match self.next_head() {
                Ok(Some(head)) => self.logged_exchange(head),
                Ok(None) => Next::Close,
                Err(refusal) => self.refuse(refusal),
            };
            self.input.buffer.release();
            match next {
                Next::Request => {}
                Next::Close => return,
                Next::Linger => return self.linger(),
            }
        }
    }

    /// Waits for a request. `None`: the connection is over.
    fn next_head(&mut self) -> Result<Option<Head>, Refusal> {
        if !self.link.turn.wait(self.shared.now()) || self.shared.must_close(&self.link) {
            return Ok(None);
        }
        let (most, headers) = (self.shared.limits.max_head_bytes, self.shared.limits.max_headers);
        let mut scanner = HeadScanner::new(most, headers);
        let mut deadline = self.reserve;
        loop {
            if let Some(extent) = scanner.scan(self.input.buffer.bytes())? {
                if !self.link.turn.work() {
                    return Ok(None);
                }
                let head = head::parse(self.input.buffer.bytes(), extent)?;
                self.input.buffer.consume(extent.end);
                return Ok(Some(head));
            }
            let begun = !self.input.buffer.is_empty();
            if begun && deadline.is_none() {
                deadline = Some(after(self.shared.limits.head_timeout()));
            }
            match self.input.fill(most.saturating_add(64), deadline) {
                Ok(count) if count > 0 => {}
                Err(error) if begun && error.kind() == ErrorKind::TimedOut => return Err(slow_head()),
                Ok(_) | Err(_) => return Ok(None),
            }
        }
    }

    /// One request. Whatever is logged on this thread until it is answered is about it.
    fn logged_exchange(&mut self, head: Head) -> Next {
        let id = head.request.headers().get(REQUEST_ID).map(HeaderValue::as_bytes);
        let _scope = request::within(Some(RequestId::of(id)));
        self.entry = Entry::of(head.request.method(), &self.link);
        let next = self.exchange(head);
        if let Some(entry) = self.entry.take() {
            entry.end(&self.link);
        }
        next
    }

    fn exchange(&mut self, head: Head) -> Next {
        count(&self.shared.counts.requests);
        let exempt = self.reserve.is_none() || self.shared.handler.answers_at_cap(head.request.uri().path());
        if !exempt {
            count(&self.shared.counts.refused);
            return self.answer(Refusal::busy().into_response(), refused(), true);
        }
        let mut asked = Asked {
            version: head.request.version(),
            head_only: head.request.method() == Method::HEAD,
            keep_alive: head.keep_alive && self.reserve.is_none(),
        };
        let body_deadline = after(self.shared.limits.body_timeout());
        self.input.begin(head.framing, head.expects_continue, body_deadline, self.shared.now());
        let response = self.handle(head).unwrap_or_else(|| {
            asked.keep_alive = false;
            crashed().into_response()
        });
        let unread = self.input.unread(DRAIN_BYTES);
        asked.keep_alive &= unread != Unread::TooMuch && !self.shared.answers_last(&self.link);
        let next = self.answer(response, asked, unread != Unread::Nothing);
        if next == Next::Request && unread == Unread::Some && !self.drain() {
            return Next::Linger;
        }
        next
    }

    /// Runs the handler; `None` if it panicked.
    fn handle(&mut self, head: Head) -> Option<Response> {
        let exchange = Exchange {
            request: head.request,
            body: Body::new(&mut self.input, &self.shared.bodies),
            client: self.client.clone(),
            door: self.link.door.label().clone(),
        };
        let result = catch_unwind(AssertUnwindSafe(|| self.shared.handler.handle(exchange)));
        if result.is_err() {
            count(&self.shared.counts.panics);
            log::error!(event = "handler-panic", door = &**self.link.door.label(); "a request made its handler panic; it was answered 500");
        }
        result.ok()
    }

    fn answer(&mut self, mut response: Response, asked: Asked, unread: bool) -> Next {
        self.shared.counts.answers.of(StatusClass::of(response.status().as_u16())).count();
        if let Some(entry) = &mut self.entry {
            entry.answered(&mut response);
        }
        if response.body().may_last() {
            self.input.buffer.free();
        }
        let sent = self.reply.send(response, asked, &self.client, &self.shared.date);
        match sent {
            Ok(Then::Request) => Next::Request,
            Ok(Then::Talk(talk)) => self.hand_over(talk),
            Ok(Then::Close) if unread || !self.input.buffer.is_empty() => Next::Linger,
            Ok(Then::Close) => Next::Close,
            Err(error) => {
                log::debug!(event = "answer-cut", door = &**self.link.door.label(); "an answer was not sent whole: {}", error.kind());
                Next::Close
            }
        }
    }

    /// Another protocol takes the connection to its end.
    fn hand_over(&mut self, talk: Talk) -> Next {
        let upgraded = Upgraded::new(&self.client, &mut self.input.buffer);
        match catch_unwind(AssertUnwindSafe(|| talk(upgraded))) {
            Ok(Ok(())) => Next::Linger,
            Ok(Err(error)) => {
                log::debug!(event = "talk-cut", door = &**self.link.door.label(); "a connection that was upgraded was cut: {}", error.kind());
                Next::Close
            }
            Err(_) => {
                log::error!(event = "talk-panic", door = &**self.link.door.label(); "who spoke on an upgraded connection panicked; it was closed");
                Next::Close
            }
        }
    }

    /// Answers what is no acceptable request.
    fn refuse(&mut self, refusal: Refusal) -> Next {
        let _scope = request::within(Some(RequestId::new()));
        count(&self.shared.counts.malformed);
        log::debug!(event = "request-refused", status = refusal.status.as_u16(), door = &**self.link.door.label(); "{}", refusal.message);
        self.answer(refusal.into_response(), refused(), true)
    }

    fn drain(&mut self) -> bool {
        self.input.drain(DRAIN_BYTES, after(DRAIN_TIME))
    }

    /// Reads what the client still sends, for a while, so that it gets to read the answer
    /// (RFC 9112 section 9.6). It may be told to go meanwhile.
    fn linger(&mut self) {
        if !self.link.turn.wait(self.shared.now()) {
            return;
        }
        self.link.shut_write();
        let deadline = after(LINGER_TIME);
        let mut scrap = vec![0; SCRAP_BYTES];
        let mut total = 0;
        while total < LINGER_BYTES {
            match self.link.receive(&mut scrap, Some(deadline)) {
                Ok(count) if count > 0 => total += count as u64,
                _ => return,
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.shut();
        self.shared.roster.remove(self.link.id);
    }
}

/// How to answer what was not understood: whole, and close.
fn refused() -> Asked {
    Asked { version: Version::HTTP_11, head_only: false, keep_alive: false }
}

fn slow_head() -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "the request's head did not arrive in time; send it faster or raise head_timeout_seconds in [limits]",
    )
}

fn crashed() -> Refusal {
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the proxy failed at this request because of a bug of its own; its log says where",
    )
}
