//! Streamable HTTP with a session (2025-03-26 to 2025-11-25, basic, transports).

use super::delivery::Delivery;
use super::flights::Flight;
use super::letter::{Letter, Matter};
use super::pauses::Pauses;
use super::peer::{Content, Wait};
use super::refusal::Trouble;
use super::wire::{Letters, Wire};
use crate::forward::connector::Errand;
use crate::forward::leash::Leash;
use crate::protocol::{json, sse};
use crate::thread;
use ::http::{HeaderMap, HeaderName, HeaderValue};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ureq::BodyReader;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A server has nothing to do for a message that wants no answer.
pub(super) const NOTICE_TIMEOUT: Duration = Duration::from_secs(30);
/// Saying goodbye may hold nobody up.
const DELETE_TIMEOUT: Duration = Duration::from_secs(2);
/// A stream that broke off cannot be gone on with if the server does not answer this many times.
const MAX_RETURNS: u32 = 3;

/// One session.
pub(super) struct Streamable {
    pub(super) wire: Arc<Wire>,
    session: Mutex<Session>,
}

/// What every message after `initialize` says.
#[derive(Default)]
struct Session {
    id: Option<HeaderValue>,
    revision: Option<HeaderValue>,
    /// Whether the server no longer knows it. The id stays: other requests hear the same of it.
    is_forgotten: bool,
    /// Whether the GET stream has been asked for.
    listens: bool,
}

impl Streamable {
    pub(super) fn new(wire: Arc<Wire>) -> Arc<Streamable> {
        Arc::new(Streamable { wire, session: Mutex::default() })
    }

    /// The thread that takes the messages in their order. A request flies alone, but what comes before it has arrived
    /// when it starts: `notifications/initialized`, most of all.
    pub(super) fn run(self: Arc<Self>, letters: &Letters) {
        while let Some(Letter { body, matter }) = letters.next() {
            match matter {
                Matter::Request { method, flight } if method == "initialize" => {
                    self.initialize(&flight, &body);
                }
                Matter::Request { flight, .. } => {
                    let own = Arc::clone(&self);
                    self.wire.fly(flight, move |flight| own.call(flight, &body, &mut |_| ()));
                }
                // Not even a cancelled request must be answered, and closing its stream alone cancels nothing.
                Matter::Cancel { id } => {
                    self.tell(&body);
                    self.wire.flights.cut(&id);
                }
                Matter::Notice { method } => {
                    self.tell(&body);
                    if method == "notifications/initialized" {
                        self.listen();
                    }
                }
                Matter::Response => self.tell(&body),
            }
        }
        self.say_goodbye();
    }

    /// Everything else waits until this is answered.
    fn initialize(&self, flight: &Flight, body: &[u8]) {
        self.call(flight, body, &mut |answer| {
            let result = json::member(answer, "result").unwrap_or_default();
            let revision = json::member(result, "protocolVersion").and_then(json::string);
            self.session().revision = revision.and_then(|revision| HeaderValue::from_str(&revision).ok());
        });
    }

    /// Carries a request and its answer. `witness` sees the answer first.
    fn call(&self, flight: &Flight, body: &[u8], witness: &mut dyn FnMut(&str)) {
        let mut delivery = Delivery::of_call(&self.wire, flight, witness);
        let done = Errand::on(&flight.leash).run(|| self.exchange(flight, body, &mut delivery));
        match done {
            Err(Trouble::Refused(refusal)) if self.has_session() && refusal.forgets_session() => {
                self.forgotten();
            }
            Err(trouble) => self.wire.fail(flight, &trouble),
            Ok(()) => {}
        }
    }

    fn exchange(&self, flight: &Flight, body: &[u8], delivery: &mut Delivery<'_>) -> Result<(), Trouble> {
        let answer = self.wire.peer.post(None, body, self.headers(), Wait::Call)?;
        if let Some(id) = answer.headers.get(SESSION_ID) {
            self.session().id.get_or_insert_with(|| id.clone());
        }
        match answer.content {
            Content::Body { reader, length } => delivery.body(reader, length),
            Content::Events(stream) => self.stream(flight, stream, delivery),
            Content::Nothing => Err(Trouble::Broken("took the request and gave no answer".into())),
        }
    }

    /// Reads the stream that answers a request. A server may close it early; it is gone on with by GET then
    /// (2025-11-25, basic, transports, Resumability and Redelivery).
    fn stream(
        &self,
        flight: &Flight,
        mut stream: BodyReader<'static>,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), Trouble> {
        let mut reader = sse::Reader::new(self.wire.max_message_bytes);
        loop {
            let end = delivery.events(stream.by_ref(), &mut reader);
            if delivery.answered {
                return Ok(());
            }
            if reader.last_id().is_none() {
                let how = end.err().map(|error| format!(": {error}")).unwrap_or_default();
                return Err(Trouble::Broken(format!("broke off its answer{how}")));
            }
            stream = self.come_back(&flight.leash, &mut reader)?;
        }
    }

    /// Asks for the rest of a stream, after the pause the server wants.
    fn come_back(&self, leash: &Leash, reader: &mut sse::Reader) -> Result<BodyReader<'static>, Trouble> {
        let mut pauses = Pauses::default();
        loop {
            if leash.pause(pauses.next(reader.retry())) {
                return Err(Trouble::Broken("was not asked again: nobody waits any more".into()));
            }
            reader.reconnected();
            match self.get(reader.last_id()) {
                Ok(Some(stream)) => return Ok(stream),
                Ok(None) => return Err(Trouble::Broken("broke off its answer and has no more of it".into())),
                Err(Trouble::Broken(_)) if pauses.times() < MAX_RETURNS => {}
                Err(Trouble::Refused(refusal)) if !refusal.forgets_session() => {
                    return Err(Trouble::Broken(format!(
                        "broke off its answer; asked for the rest, it {refusal}"
                    )));
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Opens an event stream; `None` if the server answers with something else.
    pub(super) fn get(&self, last_id: Option<&str>) -> Result<Option<BodyReader<'static>>, Trouble> {
        let mut headers = self.headers();
        if let Some(id) = last_id.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        Ok(match self.wire.peer.get(None, headers, Wait::Stream)?.content {
            Content::Events(stream) => Some(stream),
            _ => None,
        })
    }

    /// Sends what wants no answer.
    fn tell(&self, body: &[u8]) {
        let wait = Wait::Whole(NOTICE_TIMEOUT);
        let told = Errand::on(&self.wire.leash).run(|| self.wire.peer.post(None, body, self.headers(), wait));
        match told {
            Err(Trouble::Refused(refusal)) if self.has_session() && refusal.forgets_session() => {
                self.forgotten();
            }
            Err(trouble) => self.wire.note(&trouble),
            Ok(_) => {}
        }
    }

    /// Starts the thread that reads the GET stream, once.
    fn listen(self: &Arc<Self>) {
        if std::mem::replace(&mut self.session().listens, true) {
            return;
        }
        let own = Arc::clone(self);
        if let Err(error) = thread::spawn(&self.wire.thread("get"), move || own.keep_listening()) {
            self.wire.note(&Trouble::Broken(format!("is not listened to: no thread ({error})")));
        }
    }

    /// The server knows this session no longer; there is nothing to end any more.
    pub(super) fn forgotten(&self) {
        self.session().is_forgotten = true;
        self.wire.end("the session was forgotten");
    }

    fn say_goodbye(&self) {
        let headers = self.headers();
        if headers.contains_key(SESSION_ID) && !self.session().is_forgotten {
            // Whatever the server says: the session is over for us.
            let _ = self.wire.peer.delete(headers, Wait::Whole(DELETE_TIMEOUT));
        }
    }

    pub(super) fn has_session(&self) -> bool {
        self.session().id.is_some()
    }

    fn headers(&self) -> HeaderMap {
        let session = self.session();
        let id = session.id.clone().map(|id| (SESSION_ID, id));
        let revision = session.revision.clone().map(|revision| (PROTOCOL_VERSION, revision));
        id.into_iter().chain(revision).collect()
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
