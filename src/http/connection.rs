//! One connection's life on its thread: read a head, let the handler work, answer, again.

use super::encode::Asked;
use super::head::{self, Head};
use super::input::{Input, Unread};
use super::link::{Client, Link};
use super::payload::Response;
use super::refusal::Refusal;
use super::reply::Reply;
use super::roster::Place;
use super::scan::HeadScanner;
use super::shared::{Shared, count};
use super::{Body, Exchange, after};
use ::http::{Method, StatusCode, Version};
use std::io::ErrorKind;
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

/// A connection that was admitted.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    client: Client,
    link: Arc<Link>,
    input: Input,
    reply: Reply,
    reserve: Option<Instant>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, link: Arc<Link>, place: Place) -> Connection {
        let client = Client::new(link.clone(), shared.streams.clone());
        let reserve = (place == Place::Reserve).then(|| after(RESERVE_TIME));
        let (input, reply) = (Input::new(link.clone()), Reply::default());
        Connection { shared, client, link, input, reply, reserve }
    }

    /// Serves the connection to its end.
    pub(crate) fn serve(mut self) {
        loop {
            let next = match self.next_head() {
                Ok(Some(head)) => self.exchange(head),
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
        self.input.begin(head.framing, head.expects_continue, body_deadline);
        let response = self.handle(head).unwrap_or_else(|| {
            asked.keep_alive = false;
            crashed().into_response()
        });
        let unread = self.input.unread(DRAIN_BYTES);
        asked.keep_alive &= unread != Unread::TooMuch && !self.shared.must_close(&self.link);
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

    fn answer(&mut self, response: Response, asked: Asked, unread: bool) -> Next {
        let sent = self.reply.send(response, asked, &self.client, &self.shared.date);
        match sent {
            Ok(true) => Next::Request,
            Ok(false) if unread || !self.input.buffer.is_empty() => Next::Linger,
            Ok(false) => Next::Close,
            Err(error) => {
                log::debug!(event = "answer-cut", door = &**self.link.door.label(); "an answer was not sent whole: {}", error.kind());
                Next::Close
            }
        }
    }

    /// Answers what is no acceptable request.
    fn refuse(&mut self, refusal: Refusal) -> Next {
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
        let mut scrap = [0_u8; 4096];
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
