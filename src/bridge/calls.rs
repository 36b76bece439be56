//! The calls in flight: which number at the child belongs to which request of which session.

use super::mailbox::{Delivery, Mailbox};
use super::session::Session;
use super::wishes::Wish;
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
    /// What the request wishes for, to be noted when the child agrees.
    pub(super) wish: Wish,
    /// When it counts as failed, whatever happens.
    pub(super) deadline: Instant,
    /// Bytes that may wait for its client.
    pub(super) queue_bytes: usize,
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

    fn may_ask(&self) -> bool {
        self.origin().is_some_and(|origin| origin.may_ask)
    }

    fn is_of(&self, session: &Session) -> bool {
        self.origin().is_some_and(|origin| std::ptr::eq(&*origin.session, session))
    }
}

/// How long a call that was given up still counts for what the child asks. One that heeds a cancellation asks no
/// more; what it had asked before is there by then.
const LINGER: Duration = Duration::from_secs(2);

/// All calls in flight of one server.
pub(super) struct Calls {
    list: Mutex<List>,
    /// Told whenever the list has become empty.
    emptied: Condvar,
    last: AtomicU64,
    max: usize,
}

#[derive(Default)]
struct List {
    open: HashMap<u64, Arc<Call>>,
    /// Calls that were given up a moment ago: what the child asked because of them may still be on its way.
    given_up: HashMap<u64, (Arc<Call>, Instant)>,
}

impl Calls {
    pub(super) fn new(max: usize) -> Calls {
        Calls { list: Mutex::default(), emptied: Condvar::new(), last: AtomicU64::new(0), max }
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
        let open = &mut self.list().open;
        if call.origin().is_some_and(|origin| !self.has_room(open, &origin.session)) {
            return None;
        }
        open.insert(call.number, Arc::clone(&call));
        Some(call)
    }

    /// One session may not take the last half of the places from all others. (A question of our own always fits:
    /// they are bounded by the servers there are.)
    fn has_room(&self, open: &HashMap<u64, Arc<Call>>, session: &Session) -> bool {
        let own = || open.values().filter(|call| call.is_of(session)).count();
        open.len() < self.max && (open.len() < self.max / 2 || own() < self.max.div_ceil(2))
    }

    /// Takes a call off the list: it is answered. `None` if it was over already.
    pub(super) fn close(&self, number: u64) -> Option<Arc<Call>> {
        let mut list = self.list();
        list.given_up.remove(&number);
        let call = list.open.remove(&number);
        self.tell_if_empty(&list);
        call
    }

    /// Takes a call off the list that the child has not answered. For a moment it still counts as one during which
    /// the child may ask, unless the child answers it or ends.
    pub(super) fn give_up(&self, number: u64, now: Instant) -> Option<Arc<Call>> {
        let mut list = self.list();
        list.given_up.retain(|_, (_, until)| *until > now);
        let call = list.open.remove(&number);
        self.tell_if_empty(&list);
        if let Some(call) = call.as_ref().filter(|call| call.may_ask()) {
            list.given_up.insert(number, (Arc::clone(call), now + LINGER));
        }
        call
    }

    fn tell_if_empty(&self, list: &List) {
        if list.open.is_empty() {
            self.emptied.notify_all();
        }
    }

    /// Waits until no call is in flight, or `deadline`.
    pub(super) fn wait_empty(&self, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        let guard = self.emptied.wait_timeout_while(self.list(), patience, |list| !list.open.is_empty());
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    /// The call of that number, if it is in flight.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Call>> {
        self.list().open.get(&number).cloned()
    }

    /// The newest call of a session with that id (raw text), for `notifications/cancelled`.
    pub(super) fn find(&self, session: &Session, id: &str) -> Option<Arc<Call>> {
        let list = self.list();
        let same =
            |call: &&Arc<Call>| call.is_of(session) && call.origin().is_some_and(|origin| origin.id == id);
        list.open.values().filter(same).max_by_key(|call| call.number).cloned()
    }

    /// All calls.
    pub(super) fn all(&self) -> Vec<Arc<Call>> {
        self.list().open.values().cloned().collect()
    }

    /// The calls of a session.
    pub(super) fn of_session(&self, session: &Session) -> Vec<Arc<Call>> {
        self.list().open.values().filter(|call| call.is_of(session)).cloned().collect()
    }

    /// The newest call during which the child may ask, if all such calls belong to one session. What their clients
    /// can be asked does not matter here: the child does not know it, so any of them can be meant.
    ///
    /// # Errors
    /// How many sessions could be meant: none or several.
    pub(super) fn only_askable(&self, now: Instant) -> Result<Arc<Call>, usize> {
        let list = self.list();
        let askable = || list.open.values().filter(|call| call.may_ask());
        let late = list.given_up.values().filter(|(_, until)| *until > now).map(|(call, _)| call);
        let all = askable().chain(late).filter_map(|call| call.origin());
        let sessions: BTreeSet<&str> = all.map(|origin| origin.session.id.as_str()).collect();
        match (sessions.len(), askable().max_by_key(|call| call.number)) {
            (1, Some(newest)) => Ok(Arc::clone(newest)),
            (_, None) => Err(0),
            (several, _) => Err(several),
        }
    }

    /// Takes all calls of one child off the list.
    pub(super) fn close_generation(&self, generation: u64) -> Vec<Arc<Call>> {
        let mut list = self.list();
        list.given_up.retain(|_, (call, _)| call.generation != generation);
        let closed =
            list.open.extract_if(|_, call| call.generation == generation).map(|(_, call)| call).collect();
        self.tell_if_empty(&list);
        closed
    }

    /// Calls of clients whose deadline passed more than a moment ago: nobody waits for them any more.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Arc<Call>> {
        let late =
            |call: &Arc<Call>| call.origin().is_some_and(|o| o.deadline + Duration::from_secs(1) < now);
        let list = self.list();
        list.open.values().filter(|call| late(call)).cloned().collect()
    }

    /// How many were made by clients.
    pub(super) fn of_clients(&self) -> usize {
        self.list().open.values().filter(|call| call.origin().is_some()).count()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Ends the call with an error of ours.
    pub(super) fn fail(&self, error: RpcError) {
        self.mailbox.put(Delivery::Failed(error));
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::Capabilities;
    use super::*;
    use crate::protocol::revision::ASSUMED;

    fn session() -> Arc<Session> {
        Arc::new(Session::new(ASSUMED, Capabilities::default(), 1))
    }

    fn open(calls: &Calls, session: &Arc<Session>) -> Option<Arc<Call>> {
        let origin = Origin {
            session: Arc::clone(session),
            id: "1".into(),
            token: None,
            wish: Wish::None,
            may_ask: true,
            deadline: Instant::now() + Duration::from_secs(60),
            queue_bytes: 1,
        };
        calls.open(Owner::Client(origin), 1)
    }

    #[test]
    fn a_call_that_was_given_up_counts_for_a_moment() {
        let (calls, one, two, now) = (Calls::new(10), session(), session(), Instant::now());
        let given_up = open(&calls, &one).unwrap();
        let other = open(&calls, &two).unwrap();
        calls.give_up(given_up.number, now);
        assert_eq!(calls.only_askable(now).map(|call| call.number), Err(2));
        assert_eq!(calls.only_askable(now + LINGER).map(|call| call.number), Ok(other.number));
        calls.close(given_up.number);
        assert_eq!(calls.only_askable(now).map(|call| call.number), Ok(other.number), "it was answered late");
    }

    #[test]
    fn one_session_leaves_room_for_others() {
        let (calls, greedy, modest) = (Calls::new(4), session(), session());
        assert_eq!((0..4).filter(|_| open(&calls, &greedy).is_some()).count(), 2);
        assert_eq!((0..4).filter(|_| open(&calls, &modest).is_some()).count(), 2);
        assert!(open(&calls, &session()).is_none());
    }
}
