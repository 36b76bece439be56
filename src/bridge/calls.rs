//! The calls in flight: which number at the child belongs to which request of which session.

use super::mailbox::{Delivery, Mailbox};
use super::session::Session;
use crate::protocol::error::RpcError;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who made a call.
pub(super) enum Owner {
    /// We did (health, replays).
    Proxy,
    /// A client did.
    Client(Origin),
}

/// What is known of a client's request.
pub(super) struct Origin {
    pub(super) session: Arc<Session>,
    /// Raw text of the client's id.
    pub(super) id: String,
    /// Raw text of the client's progress token.
    pub(super) token: Option<String>,
    /// Whether the child may ask its client something meanwhile (`tools/call`, `prompts/get`, `resources/read`).
    pub(super) may_ask: bool,
    /// What has to be taken back if the child refuses.
    pub(super) effect: Effect,
    /// When it counts as failed, whatever happens.
    pub(super) deadline: Instant,
    /// Bytes that may wait for its client.
    pub(super) queue_bytes: usize,
}

/// What was remembered in the hope that the child agrees.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// The child's log level.
    Level,
    /// The session's subscription to a resource.
    Subscription(String),
}

/// One call in flight.
pub(super) struct Call {
    /// Its id and progress token at the child.
    pub(super) number: u64,
    /// The child it was sent to.
    pub(super) generation: u64,
    pub(super) owner: Owner,
    pub(super) mailbox: Mailbox,
}

impl Call {
    /// What is known of its client, if it has one.
    pub(super) fn origin(&self) -> Option<&Origin> {
        match &self.owner {
            Owner::Proxy => None,
            Owner::Client(origin) => Some(origin),
        }
    }

    fn is_of(&self, session: &Session) -> bool {
        self.origin().is_some_and(|origin| std::ptr::eq(&*origin.session, session))
    }
}

/// All calls in flight of one server.
pub(super) struct Calls {
    open: Mutex<HashMap<u64, Arc<Call>>>,
    /// Told whenever the list has become empty.
    emptied: Condvar,
    last: AtomicU64,
    max: usize,
}

impl Calls {
    pub(super) fn new(max: usize) -> Calls {
        Calls { open: Mutex::default(), emptied: Condvar::new(), last: AtomicU64::new(0), max }
    }

    /// A number nobody has had.
    pub(super) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts a call on the list. It must be there before its line is sent. `None` if the list is full.
    pub(super) fn open(&self, owner: Owner, generation: u64) -> Option<Arc<Call>> {
        let queue_bytes = match &owner {
            Owner::Client(origin) => origin.queue_bytes,
            Owner::Proxy => 0,
        };
        let call =
            Arc::new(Call { number: self.number(), generation, owner, mailbox: Mailbox::new(queue_bytes) });
        let mut open = self.list();
        // A question of our own is bounded by the servers there are.
        if call.origin().is_some() && open.len() >= self.max {
            return None;
        }
        open.insert(call.number, Arc::clone(&call));
        Some(call)
    }

    /// Takes a call off the list: it is over. `None` if it was over already.
    pub(super) fn close(&self, number: u64) -> Option<Arc<Call>> {
        let mut open = self.list();
        let call = open.remove(&number);
        if open.is_empty() {
            self.emptied.notify_all();
        }
        call
    }

    /// Waits until no call is in flight, or `deadline`.
    pub(super) fn wait_empty(&self, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        let guard = self.emptied.wait_timeout_while(self.list(), patience, |open| !open.is_empty());
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    /// The call of that number, if it is in flight.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Call>> {
        self.list().get(&number).cloned()
    }

    /// The newest call of a session with that id (raw text), for `notifications/cancelled`.
    pub(super) fn find(&self, session: &Session, id: &str) -> Option<Arc<Call>> {
        let open = self.list();
        let matching = open.values().filter(|c| c.is_of(session) && c.origin().is_some_and(|o| o.id == id));
        matching.max_by_key(|call| call.number).cloned()
    }

    /// The calls of a session.
    pub(super) fn of_session(&self, session: &Session) -> Vec<Arc<Call>> {
        self.list().values().filter(|call| call.is_of(session)).cloned().collect()
    }

    /// The newest call during which the child may ask, if all such calls belong to one session. What their clients
    /// can be asked does not matter here: the child does not know it, so any of them can be meant.
    ///
    /// # Errors
    /// How many sessions could be meant: none or several.
    pub(super) fn only_askable(&self) -> Result<Arc<Call>, usize> {
        let open = self.list();
        let askable = || open.values().filter(|call| call.origin().is_some_and(|origin| origin.may_ask));
        let sessions = askable().filter_map(|call| call.origin()).map(|origin| origin.session.id.as_str());
        match sessions.collect::<BTreeSet<_>>().len() {
            1 => askable().max_by_key(|call| call.number).cloned().ok_or(0),
            several => Err(several),
        }
    }

    /// Takes all calls of one child off the list.
    pub(super) fn close_generation(&self, generation: u64) -> Vec<Arc<Call>> {
        let mut open = self.list();
        let closed = open.extract_if(|_, call| call.generation == generation).map(|(_, call)| call).collect();
        if open.is_empty() {
            self.emptied.notify_all();
        }
        closed
    }

    /// Calls of clients whose deadline passed more than a moment ago: nobody waits for them any more.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Arc<Call>> {
        let late =
            |call: &&Arc<Call>| call.origin().is_some_and(|o| o.deadline + Duration::from_secs(1) < now);
        self.list().values().filter(late).cloned().collect()
    }

    /// How many were made by clients.
    pub(super) fn of_clients(&self) -> usize {
        self.list().values().filter(|call| call.origin().is_some()).count()
    }

    fn list(&self) -> MutexGuard<'_, HashMap<u64, Arc<Call>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Ends the call with an error of ours.
    pub(super) fn fail(&self, error: RpcError) {
        self.mailbox.put(Delivery::Failed(error));
    }
}
