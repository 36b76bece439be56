//! Streamable HTTP with a session (2025-03-26 to 2025-11-25, basic, transports).

use super::delivery::Delivery;
use super::flights::Flight;
use super::letter::{Letter, Matter};
use super::pauses::Pauses;
use super::peer::Content;
use super::refusal::Trouble;
use super::wire::{Letters, Wire};
use crate::forward::courier::{AnswerBody, Wait};
use crate::forward::errand::Errand;
use crate::forward::leash::Leash;
use crate::forward::session::matter::{About, Matter as Said};
use crate::forward::session::replay::replay;
use crate::forward::session::seat::Seat;
use crate::forward::{LAST_EVENT_ID, PROTOCOL_VERSION, SESSION_ID};
use crate::ledger::Record;
use crate::protocol::{json, sse};
use crate::thread;
use ::http::{HeaderMap, HeaderValue};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A server has nothing to do for a message that wants no answer.
pub(super) const NOTICE_TIMEOUT: Duration = Duration::from_secs(30);
/// Saying goodbye may hold nobody up.
const DELETE_TIMEOUT: Duration = Duration::from_secs(2);
/// So many subscriptions are said again.
const MAX_SUBSCRIPTIONS: usize = 1000;
/// A stream that broke off cannot be gone on with if the server does not answer this many times.
const MAX_RETURNS: u32 = 3;

/// One session.
pub(super) struct Streamable {
    pub(super) wire: Arc<Wire>,
    /// What the server calls it: in the one life of it that a link knows.
    seat: Seat,
    session: Mutex<Session>,
}

/// The server's life, as long as the link's.
const LIFE: u64 = 0;

/// What every message after `initialize` says, and what has to be said again to a server that has forgotten it.
#[derive(Default)]
struct Session {
    revision: Option<HeaderValue>,
    record: Record,
    /// Whether the server no longer knows it, and would not begin it anew.
    is_forgotten: bool,
    /// Whether the GET stream has been asked for.
    listens: bool,
}

impl Streamable {
    pub(super) fn new(wire: Arc<Wire>) -> Arc<Streamable> {
        Arc::new(Streamable { wire, seat: Seat::new(None), session: Mutex::default() })
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
        if let About::Hello(params) = Said::read(body, usize::MAX).about {
            self.session().record.initialize = params;
        }
        self.call(flight, body, &mut |answer| {
            let result = json::member(answer, "result").unwrap_or_default();
            let revision = json::member(result, "protocolVersion").and_then(json::string);
            self.session().revision = revision.and_then(|revision| HeaderValue::from_str(&revision).ok());
        });
    }

    /// Carries a request and its answer. `witness` sees the answer first.
    fn call(&self, flight: &Flight, body: &[u8], witness: &mut dyn FnMut(&str)) {
        let mut delivery = Delivery::of_call(&self.wire, flight, witness);
        let errand = Errand::on(&flight.leash);
        match self.with_session(|headers| errand.run(|| self.exchange(flight, body, headers, &mut delivery)))
        {
            Ok(()) => self.note(Said::read(body, usize::MAX).about),
            Err(trouble) => self.wire.fail(flight, &trouble),
        }
    }

    fn exchange(
        &self,
        flight: &Flight,
        body: &[u8],
        headers: HeaderMap,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), Trouble> {
        let answer = self.wire.send(flight, None, body, headers, Wait::Call)?;
        if let Some(id) = answer.headers.get(SESSION_ID) {
            self.seat.settle(LIFE, id);
        }
        match answer.content {
            Content::Body { reader, length } => delivery.body(reader, length),
            Content::Events(stream) => self.stream(flight, stream, delivery),
            Content::Nothing => Err(Trouble::Broken("took the request and gave no answer".into())),
        }
    }

    /// Sends something with the headers of the session. If the server refuses it because it does not know the session
    /// any more, that is begun anew, once for all, and it is sent again. A link whose session cannot be begun anew ends.
    pub(super) fn with_session<T>(
        &self,
        mut send: impl FnMut(HeaderMap) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let headers = self.headers();
        let stale = headers.get(SESSION_ID).cloned();
        match (send(headers), stale) {
            (Err(Trouble::Refused(refusal)), Some(stale)) if refusal.forgets_session() => {
                self.begin_anew(&stale)?;
                send(self.headers())
            }
            (sent, _) => sent,
        }
    }

    fn begin_anew(&self, stale: &HeaderValue) -> Result<(), Trouble> {
        let begun = self.seat.id(LIFE, Some(stale), || {
            let record = self.session().record.clone();
            let params = record.initialize.as_deref().unwrap_or("{}");
            let greeted = Errand::on(&self.wire.leash)
                .run(|| replay(&self.wire.peer, HeaderMap::new(), &record, params))?;
            self.session().revision = greeted.revision;
            Ok(greeted.id)
        });
        begun.map(drop).map_err(|trouble| {
            self.session().is_forgotten = true;
            self.wire.end(&format!("the session was forgotten, and to a new greeting the server {trouble}"));
            Trouble::Broken("has forgotten the session".into())
        })
    }

    fn note(&self, about: About) {
        if about != About::Other {
            about.note(&mut self.session().record, MAX_SUBSCRIPTIONS);
        }
    }

    /// Reads the stream that answers a request. A server may close it early; it is gone on with by GET then
    /// (2025-11-25, basic, transports, Resumability and Redelivery).
    fn stream(
        &self,
        flight: &Flight,
        mut stream: AnswerBody,
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
    fn come_back(&self, leash: &Leash, reader: &mut sse::Reader) -> Result<AnswerBody, Trouble> {
        let mut pauses = Pauses::default();
        loop {
            if leash.pause(pauses.next(reader.retry())) {
                return Err(Trouble::Broken("was not asked again: nobody waits any more".into()));
            }
            reader.reconnected();
            match self.get(reader.last_id()) {
                Ok(Some(stream)) => return Ok(stream),
                Ok(None) => return Err(Trouble::Broken("broke off its answer and has no more of it".into())),
                Err(trouble) if trouble.is_broken() && pauses.times() < MAX_RETURNS => {}
                // Also if it has forgotten the session: it has begun with the request, so that is not repeated.
                Err(Trouble::Refused(refusal)) => {
                    return Err(Trouble::Broken(format!(
                        "broke off its answer; asked for the rest, it {refusal}"
                    )));
                }
                Err(trouble) => return Err(Trouble::Broken(trouble.to_string())),
            }
        }
    }

    /// Opens an event stream; `None` if the server answers with something else.
    pub(super) fn get(&self, last_id: Option<&str>) -> Result<Option<AnswerBody>, Trouble> {
        self.get_with(self.headers(), last_id)
    }

    pub(super) fn get_with(
        &self,
        mut headers: HeaderMap,
        last_id: Option<&str>,
    ) -> Result<Option<AnswerBody>, Trouble> {
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
        let errand = Errand::on(&self.wire.leash);
        let told = self.with_session(|headers| errand.run(|| self.wire.peer.post(None, body, headers, wait)));
        if let Err(trouble) = told {
            self.wire.note(&trouble);
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

    fn say_goodbye(&self) {
        let headers = self.headers();
        if headers.contains_key(SESSION_ID) && !self.session().is_forgotten {
            // Whatever the server says: the session is over for us.
            let _ = self.wire.peer.delete(headers, Wait::Whole(DELETE_TIMEOUT));
        }
    }

    fn headers(&self) -> HeaderMap {
        let session = self.session();
        let id = self.seat.known(LIFE).flatten().map(|id| (SESSION_ID, id));
        let revision = session.revision.clone().map(|revision| (PROTOCOL_VERSION, revision));
        id.into_iter().chain(revision).collect()
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
