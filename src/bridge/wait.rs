//! The client's side of a call: waits for the child and answers as JSON, or as an event stream once something
//! precedes the answer or it takes long.

use super::Bridge;
use super::calls::Call;
use super::mailbox::Delivery;
use crate::http::{Client, Payload, Response, StreamWriter, json_response};
use crate::protocol::sse;
use ::http::{HeaderValue, StatusCode, header};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a waiting thread looks whether its client is still there.
const LOOK: Duration = Duration::from_secs(1);
/// A silent stream carries a comment this often, so that nothing on the way closes it.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

impl Bridge {
    /// Waits for the answer to a call that was sent.
    pub(super) fn wait(self: &Arc<Self>, call: Arc<Call>, client: &Client) -> Response {
        let mut clock = Clock::new(self, &call);
        let patience = clock.left().min(self.options.stream_after);
        match call.mailbox.next(patience) {
            Some(Delivery::Answer(text)) => json_response(StatusCode::OK, text),
            Some(Delivery::Failed(error)) => json_response(StatusCode::OK, self.error_text(&call, &error)),
            Some(Delivery::Message(text)) => {
                clock.restart();
                self.stream(call, clock, Some(text))
            }
            None if client.is_gone() => {
                call.mailbox.close();
                Response::new(Payload::Empty)
            }
            None => self.stream(call, clock, None),
        }
    }

    fn stream(self: &Arc<Self>, call: Arc<Call>, clock: Clock, first: Option<Vec<u8>>) -> Response {
        let bridge = Arc::clone(self);
        event_stream(move |writer| {
            let outcome = bridge.follow(&call, clock, first, writer);
            call.mailbox.close();
            outcome
        })
    }

    /// Writes what comes until the answer has gone out. A client that left does not end the call (2025-11-25,
    /// basic, transports: disconnection is not cancellation); it only ends the waiting.
    fn follow(
        &self,
        call: &Call,
        mut clock: Clock,
        first: Option<Vec<u8>>,
        writer: &mut StreamWriter<'_>,
    ) -> io::Result<()> {
        if let Some(mut text) = first {
            writer.write_chunk(&sse::event(&mut text))?;
        }
        let mut written = Instant::now();
        loop {
            if let Some(origin) = call.origin() {
                origin.session.touch();
            }
            let delivery = call.mailbox.next(clock.left().min(LOOK));
            let (mut text, last) = match delivery {
                Some(Delivery::Message(text)) => (text, false),
                Some(Delivery::Answer(text)) => (text, true),
                Some(Delivery::Failed(error)) => (self.error_text(call, &error), true),
                None if clock.left().is_zero() => (self.timed_out(call, &clock), true),
                None if writer.client().is_gone() => return Ok(()),
                None => {
                    if written.elapsed() >= KEEP_ALIVE {
                        writer.write_chunk(&[sse::KEEP_ALIVE])?;
                        written = Instant::now();
                    }
                    continue;
                }
            };
            clock.restart();
            written = Instant::now();
            writer.write_chunk(&sse::event(&mut text))?;
            if last {
                return Ok(());
            }
        }
    }

    fn error_text(&self, call: &Call, error: &crate::protocol::error::RpcError) -> Vec<u8> {
        error.response(call.origin().map_or("null", |origin| &origin.id)).into_bytes()
    }

    /// The deadline has passed: the child is told, and the client too, unless the answer came that very moment.
    fn timed_out(&self, call: &Call, clock: &Clock) -> Vec<u8> {
        let answered = !self.abandon(call, "timed out");
        if let (true, Some(Delivery::Answer(text))) = (answered, call.mailbox.next(Duration::ZERO)) {
            return text;
        }
        let name = self.server.name();
        let text = format!("server {name} did not answer within {}; the call was cancelled", clock.which());
        self.error_text(call, &self.server.given_up("timeout", text))
    }
}

/// The deadlines of one call.
struct Clock {
    end: Instant,
    idle: Duration,
    idle_end: Instant,
    total: Duration,
}

impl Clock {
    fn new(bridge: &Bridge, call: &Call) -> Clock {
        let now = Instant::now();
        let (idle, total) = (bridge.options.call_idle, bridge.options.call_timeout);
        let end = call.origin().map_or(now + total, |origin| origin.deadline);
        Clock { end, idle, idle_end: now + idle, total }
    }

    /// Time until the nearer deadline.
    fn left(&self) -> Duration {
        self.end.min(self.idle_end).saturating_duration_since(Instant::now())
    }

    /// The child gave a sign of life for this call.
    fn restart(&mut self) {
        self.idle_end = Instant::now() + self.idle;
    }

    fn which(&self) -> String {
        match self.idle_end < self.end {
            true => format!("call_idle_seconds = {}", self.idle.as_secs()),
            false => format!("call_timeout_seconds = {}", self.total.as_secs()),
        }
    }
}

/// A response that is an event stream, with the fields that keep middlemen from holding it back.
pub(super) fn event_stream<F>(body: F) -> Response
where
    F: FnOnce(&mut StreamWriter<'_>) -> io::Result<()> + Send + 'static,
{
    let mut response = Response::new(Payload::stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
