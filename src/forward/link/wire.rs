//! What the threads of one link share: the server, the ear, the way to an end.

use super::Ear;
use super::flights::{Flight, Flights};
use super::letter::Letter;
use super::peer::{Answer, Peer};
use super::refusal::Trouble;
use crate::forward::courier::Wait;
use crate::forward::leash::{Holder, Leash, leash};
use crate::forward::{failure, fields};
use crate::limits::Limits;
use crate::log::request;
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::server::{InputError, Oversize, Server};
use crate::thread;
use ::http::{HeaderMap, Uri};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The child at the other end: of this server, of that generation. It knows how it ended.
pub(super) type Fate = (Arc<Server>, u64);

/// One link, as its own threads see it.
pub(super) struct Wire {
    name: String,
    pub(super) peer: Peer,
    pub(super) max_message_bytes: usize,
    ear: Box<dyn Ear>,
    /// The server, and which of its children it is, where that is known.
    fate: Option<Fate>,
    pub(super) flights: Arc<Flights>,
    /// Cut when the link is closed.
    pub(super) leash: Leash,
    max_queued: usize,
    /// Bytes in the queue.
    queued: Arc<AtomicUsize>,
    /// None once closed.
    way: Mutex<Option<Way>>,
}

/// What is let go when the link is closed.
struct Way {
    /// Goes first: what still stands in the queue is dropped then.
    _holder: Holder,
    queue: Sender<Letter>,
}

/// The messages to send, in their order, until the link is closed.
pub(super) struct Letters {
    queue: Receiver<Letter>,
    queued: Arc<AtomicUsize>,
    leash: Leash,
}

impl Letters {
    pub(super) fn next(&self) -> Option<Letter> {
        let letter = self.queue.recv().ok()?;
        self.queued.fetch_sub(letter.body.len(), Ordering::Relaxed);
        // What still waits when a link is closed is dropped.
        (!self.leash.is_cut()).then_some(letter)
    }
}

impl Wire {
    /// # Errors
    /// This process has no file descriptor left.
    pub(super) fn open(
        name: &str,
        peer: Peer,
        limits: &Limits,
        ear: Box<dyn Ear>,
        fate: Option<Fate>,
    ) -> io::Result<(Wire, Letters)> {
        let (holder, leash) = leash()?;
        let (sender, receiver) = unbounded();
        let queued = Arc::<AtomicUsize>::default();
        let letters = Letters { queue: receiver, queued: Arc::clone(&queued), leash: leash.clone() };
        let wire = Wire {
            name: name.to_string(),
            peer,
            max_message_bytes: limits.max_message_bytes,
            ear,
            fate,
            flights: Arc::new(Flights::new(limits.max_calls)),
            leash,
            max_queued: limits.stdin_queue_bytes,
            queued,
            way: Mutex::new(Some(Way { _holder: holder, queue: sender })),
        };
        Ok((wire, letters))
    }

    /// Puts a message into the queue.
    ///
    /// # Errors
    /// The server takes nothing and the queue is full, or the link is closed.
    pub(super) fn post(&self, letter: Letter) -> Result<(), InputError> {
        let way = self.way();
        let way = way.as_ref().ok_or(InputError::Closed)?;
        let size = letter.body.len();
        let before = self.queued.fetch_add(size, Ordering::Relaxed);
        if before > 0 && before + size > self.max_queued {
            self.queued.fetch_sub(size, Ordering::Relaxed);
            return Err(InputError::Full);
        }
        way.queue.send(letter).map_err(|_| InputError::Closed)
    }

    /// POSTs a request, which until then can be returned to who sent it. A server that has been started anew gets
    /// none on this link, which is about to end.
    pub(super) fn send(
        &self,
        flight: &Flight,
        url: Option<&Uri>,
        body: &[u8],
        mut headers: HeaderMap,
        wait: Wait,
    ) -> Result<Answer, Trouble> {
        let _scope = request::within(flight.request.clone());
        fields::put_request_id(&mut headers);
        if self.has_ended() || !flight.depart() {
            return Err(Trouble::Unsent("was not asked: it has ended".into()));
        }
        let sent = self.peer.post(url, body, headers, wait);
        if matches!(sent, Err(Trouble::Unsent(_))) {
            flight.stay();
        }
        sent
    }

    /// Closes the link: every thread that waits on it wakes up and ends. What the server cannot have got is returned to
    /// who sent it. True if it was open.
    pub(super) fn close(&self) -> bool {
        // Together: whoever finds the link closed must find its request let go.
        let (way, unsent) = {
            let mut way = self.way();
            (way.take(), self.flights.close())
        };
        let was_open = way.is_some();
        drop(way);
        for request in unsent {
            // If nobody takes it back, its sender hears of the end.
            self.ear.undelivered(&request);
        }
        was_open
    }

    /// Whether the child at the other end is known to be no more.
    fn has_ended(&self) -> bool {
        let fate = self.fate.as_ref();
        fate.is_some_and(|(server, generation)| server.wait_end(*generation, Duration::ZERO).is_some())
    }

    /// The server has ended it. Nobody is told what they did themselves, and nobody twice.
    pub(super) fn end(&self, why: &str) {
        if self.close() {
            self.ear.ended(why);
        }
    }

    /// The generation of the child at the other end, where that is known.
    pub(super) fn leads_to(&self) -> Option<u64> {
        self.fate.as_ref().map(|(_, generation)| *generation)
    }

    /// Passes on one message of the server's, on one line.
    pub(super) fn line(&self, line: Vec<u8>) {
        self.ear.line(line);
    }

    pub(super) fn oversize(&self, line: &Oversize) {
        self.ear.oversize(line);
    }

    /// Answers a request in the server's place, if somebody still waits for it; or returns it, if it cannot have been
    /// delivered and a server to come may take it.
    pub(super) fn fail(&self, flight: &Flight, why: &Trouble) {
        if flight.leash.is_cut() {
            return;
        }
        let error = self.error(flight, why);
        let unsent = self.flights.land(&flight.id).and_then(|landed| landed.unsent);
        let unsent = unsent.filter(|_| why.is_broken() && self.has_ended());
        if !unsent.is_some_and(|request| self.ear.undelivered(&request)) {
            self.line(error.into_bytes());
        }
    }

    /// What the sender of a request is told. A connection that broke may have had a server that died.
    fn error(&self, flight: &Flight, why: &Trouble) -> String {
        match &self.fate {
            Some((server, generation)) if why.is_broken() => {
                let text = format!("server {} {why}", self.name);
                failure::broken(server, *generation, text).response(&flight.id)
            }
            _ => why.response(&self.name, &flight.id),
        }
    }

    /// Runs `work` for a request in a thread of its own, unless it has been cancelled before.
    pub(super) fn fly(self: &Arc<Self>, flight: Flight, work: impl FnOnce(&Flight) + Send + 'static) {
        let id = flight.id.clone();
        let work = move || {
            let _scope = request::within(flight.request.clone());
            if !flight.leash.is_cut() {
                work(&flight)
            }
        };
        if let Err(error) = thread::spawn(&self.thread("post"), work) {
            let error = RpcError::new(INTERNAL_ERROR, format!("no thread for this call: {error}"));
            self.line(error.response(&id).into_bytes());
        }
    }

    /// What wanted no answer did not arrive; there is nobody to tell.
    pub(super) fn note(&self, trouble: &Trouble) {
        if !self.leash.is_cut() {
            log::warn!(server = self.name.as_str(), event = "not-taken"; "server {} {trouble} when it was sent a message that wants no answer", self.name);
        }
    }

    /// The name of a thread with this role.
    pub(super) fn thread(&self, role: &str) -> String {
        format!("{role}:{}", self.name)
    }

    fn way(&self) -> MutexGuard<'_, Option<Way>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
