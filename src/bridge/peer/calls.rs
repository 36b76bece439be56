//! The calls in flight: which number at the child belongs to which request of which session.

use super::super::session::Session;
use super::super::stream::mailbox::{Delivery, Mailbox};
use super::wishes::Wish;
use crate::auth::Caller;
use crate::log::request::RequestId;
use crate::protocol::error::RpcError;
use crate::protocol::revision::Era;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is known of a client's request.
pub(crate) struct Origin {
    pub(crate) session: Arc<Session>,
    /// Who sent it.
    pub(crate) caller: Caller,
    /// What the log calls it.
    pub(crate) request: Option<RequestId>,
    /// Raw text of the client's id.
    pub(crate) id: String,
    /// Raw text of the client's progress token.
    pub(crate) token: Option<String>,
    pub(crate) method: String,
    /// Raw text of the parameters, if they may be sent again: a modern child asks by way of a result.
    pub(crate) params: Option<String>,
    /// Of method and parameters, for a client that has to call again.
    pub(crate) digest: u64,
    /// Whether the child may ask its client something meanwhile (`tools/call`, `prompts/get`, `resources/read`).
    pub(crate) may_ask: bool,
    /// What the request wishes for, to be noted when the child agrees.
    pub(crate) wish: Wish,
}

/// One call in flight.
pub(crate) struct Call {
    /// Its id and progress token at the child.
    pub(crate) number: u64,
    /// The child it was sent to.
    pub(crate) generation: u64,
    /// The era that child speaks.
    pub(crate) era: Era,
    /// Its client's request; a call without one is our own (health).
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Call {
    /// What is known of its client, if it has one.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    /// Whether it is a `subscriptions/listen`, which lasts as long as its client stays.
    pub(crate) fn listens(&self) -> bool {
        self.origin().is_some_and(|origin| origin.method == "subscriptions/listen")
    }

    /// The client's request that it is for.
    fn request(&self) -> Option<&RequestId> {
        self.origin().and_then(|origin| origin.request.as_ref())
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

/// How long a call that is over still counts for what the child prints: it was read from another pipe.
const TRAIL: Duration = Duration::from_millis(250);

/// All calls in flight of one server.
///
/// A child that is put to sleep gets no more of them: the decision and the end of its calls are one step.
pub(crate) struct Calls {
    list: Mutex<List>,
    /// Told whenever the list has become empty.
    emptied: Condvar,
    last: AtomicU64,
    max: usize,
}

#[derive(Default)]
struct List {
    open: HashMap<u64, Entry>,
    /// Calls that were given up a moment ago: what the child asked because of them may still be on its way. No more
    /// than there may be calls.
    given_up: HashMap<u64, (Arc<Call>, Instant)>,
    /// The last child that takes no more calls.
    shut: u64,
    trail: Option<Trail>,
    /// Threads that wait until it is empty: mostly none, and then nobody need be told (a system call).
    waiting: usize,
}

/// What calls leave behind that are over: what the child printed meanwhile may still be on its way.
struct Trail {
    generation: u64,
    /// Of which request they were; none if they were of several, or one of our own.
    request: Option<RequestId>,
    until: Instant,
}

/// Why a call was not put on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are too many, all together or of its session.
    Full,
    /// Its child is about to sleep.
    Shut,
}

impl Refused {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Refused::Full => "too many calls in flight",
            Refused::Shut => "is about to sleep",
        }
    }
}

impl List {
    /// Whether nothing is to be done: a stream that only listens is no work.
    fn is_idle(&self) -> bool {
        self.open.values().all(|entry| entry.call.listens())
    }

    /// A call is over, and counts for what the child prints `until` then.
    fn leave_trail(&mut self, call: &Call, now: Instant, until: Instant) {
        let before =
            self.trail.take().filter(|trail| trail.until > now && trail.generation == call.generation);
        let same = before.as_ref().is_none_or(|before| before.request.as_ref() == call.request());
        let request = call.request().filter(|_| same).cloned();
        let until = before.map_or(until, |before| before.until.max(until));
        self.trail = Some(Trail { generation: call.generation, request, until });
    }
}

struct Entry {
    call: Arc<Call>,
    /// When it counts as failed, whatever happens; not while it waits for its client (parked).
    deadline: Option<Instant>,
}

impl Calls {
    pub(crate) fn new(max: usize) -> Calls {
        Calls { list: Mutex::default(), emptied: Condvar::new(), last: AtomicU64::new(0), max }
    }

    /// A number nobody has had.
    pub(crate) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts a call on the list, to be over at `deadline`. It must be there before its line is sent.
    ///
    /// # Errors
    /// There is no room for it, or its child takes no more.
    pub(crate) fn open(&self, call: Call, deadline: Instant) -> Result<Arc<Call>, Refused> {
        let call = Arc::new(call);
        let list = &mut *self.list();
        if call.generation <= list.shut {
            return Err(Refused::Shut);
        }
        if call.origin().is_some_and(|origin| !self.has_room(&list.open, &origin.session)) {
            return Err(Refused::Full);
        }
        list.open.insert(call.number, Entry { call: Arc::clone(&call), deadline: Some(deadline) });
        Ok(call)
    }

    /// Takes no more calls for this child; false if it has some of clients: then nothing changes.
    pub(crate) fn shut(&self, generation: u64) -> bool {
        let mut list = self.list();
        let is_idle = list.open.values().all(|entry| entry.call.origin.is_none());
        if is_idle {
            list.shut = generation;
        }
        is_idle
    }

    /// Puts a call that was answered on the list again: its client has to be asked something before it is made again.
    pub(crate) fn hold(&self, call: &Arc<Call>) {
        self.list().open.insert(call.number, Entry { call: Arc::clone(call), deadline: None });
    }

    /// The call waits for its client from now on, for as long as whoever parks it says.
    pub(crate) fn park(&self, number: u64) {
        if let Some(entry) = self.list().open.get_mut(&number) {
            entry.deadline = None;
        }
    }

    /// The client of a parked call is back.
    pub(crate) fn resume(&self, number: u64, deadline: Instant) {
        if let Some(entry) = self.list().open.get_mut(&number) {
            entry.deadline = Some(deadline);
        }
    }

    /// One session may not take the last half of the places from all others. (A question of our own always fits:
    /// they are bounded by the servers there are.)
    fn has_room(&self, open: &HashMap<u64, Entry>, session: &Session) -> bool {
        let own = || open.values().filter(|entry| entry.call.is_of(session)).count();
        open.len() < self.max && (open.len() < self.max / 2 || own() < self.max.div_ceil(2))
    }

    /// Takes a call off the list: it is answered. `None` if it was over already.
    pub(crate) fn close(&self, number: u64) -> Option<Arc<Call>> {
        let mut list = self.list();
        list.given_up.remove(&number);
        let entry = list.open.remove(&number);
        if let Some(entry) = &entry {
            let now = Instant::now();
            list.leave_trail(&entry.call, now, now + TRAIL);
        }
        self.tell_if_empty(&list);
        entry.map(|entry| entry.call)
    }

    /// Takes a call off the list that the child has not answered. For a moment it still counts as one during which
    /// the child may ask, unless the child answers it or ends.
    pub(crate) fn give_up(&self, number: u64, now: Instant) -> Option<Arc<Call>> {
        let mut list = self.list();
        list.given_up.retain(|_, (_, until)| *until > now);
        let call = list.open.remove(&number).map(|entry| entry.call);
        if let Some(call) = &call {
            list.leave_trail(call, now, now + LINGER);
        }
        self.tell_if_empty(&list);
        if let Some(call) = call.as_ref().filter(|call| call.may_ask()) {
            if list.given_up.len() >= self.max
                && let Some(oldest) = list.given_up.keys().min().copied()
            {
                list.given_up.remove(&oldest);
            }
            list.given_up.insert(number, (Arc::clone(call), now + LINGER));
        }
        call
    }

    fn tell_if_empty(&self, list: &List) {
        if list.waiting > 0 && list.is_idle() {
            self.emptied.notify_all();
        }
    }

    /// Waits until no call is in flight, or `deadline`.
    pub(crate) fn wait_empty(&self, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        let mut list = self.list();
        list.waiting += 1;
        let waited = self.emptied.wait_timeout_while(list, patience, |list| !list.is_idle());
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }

    /// The call of that number, if it is in flight.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<Call>> {
        self.list().open.get(&number).map(|entry| Arc::clone(&entry.call))
    }

    /// The newest call of a session with that id (raw text), for `notifications/cancelled`.
    pub(crate) fn find(&self, session: &Session, id: &str) -> Option<Arc<Call>> {
        let list = self.list();
        let same =
            |call: &&Arc<Call>| call.is_of(session) && call.origin().is_some_and(|origin| origin.id == id);
        list.open.values().map(|entry| &entry.call).filter(same).max_by_key(|call| call.number).cloned()
    }

    /// All calls.
    pub(crate) fn all(&self) -> Vec<Arc<Call>> {
        self.list().open.values().map(|entry| Arc::clone(&entry.call)).collect()
    }

    /// The calls of a session.
    pub(crate) fn of_session(&self, session: &Session) -> Vec<Arc<Call>> {
        self.all().into_iter().filter(|call| call.is_of(session)).collect()
    }

    /// The newest call during which the child may ask, if all such calls belong to one session. What their clients
    /// can be asked does not matter here: the child does not know it, so any of them can be meant. A call that waits
    /// for its client's answer can be meant only if there is no other.
    ///
    /// # Errors
    /// How many sessions could be meant: none or several.
    pub(crate) fn only_askable(&self, now: Instant) -> Result<Arc<Call>, usize> {
        let list = self.list();
        let may_ask = |entry: &&Entry| entry.call.may_ask();
        let (parked, askable): (Vec<&Entry>, Vec<&Entry>) =
            list.open.values().filter(may_ask).partition(|entry| entry.deadline.is_none());
        let meant = if askable.is_empty() { parked } else { askable };
        let late = list.given_up.values().filter(|(_, until)| *until > now).map(|(call, _)| call);
        let all = meant.iter().map(|entry| &entry.call).chain(late).filter_map(|call| call.origin());
        let sessions: BTreeSet<*const Session> = all.map(|origin| Arc::as_ptr(&origin.session)).collect();
        match (sessions.len(), meant.iter().max_by_key(|entry| entry.call.number)) {
            (1, Some(newest)) => Ok(Arc::clone(&newest.call)),
            (_, None) => Err(0),
            (several, _) => Err(several),
        }
    }

    /// The newest other call of the same client's, at the same child, during which that may ask.
    pub(crate) fn heir(&self, ended: &Call) -> Option<Arc<Call>> {
        let session = &ended.origin()?.session;
        let list = self.list();
        let others = list.open.values().map(|entry| &entry.call).filter(|call| {
            call.number != ended.number
                && call.generation == ended.generation
                && call.may_ask()
                && call.is_of(session)
        });
        others.max_by_key(|call| call.number).cloned()
    }

    /// The one request that this child is at, for what it prints; none if there are several, or if something of our
    /// own is in flight. A stream that only listens does not count.
    pub(crate) fn only_request(&self, generation: u64, now: Instant) -> Option<RequestId> {
        let list = self.list();
        let open = list.open.values().map(|entry| &entry.call);
        let open = open.filter(|call| call.generation == generation && !call.listens());
        let trail = list.trail.iter().filter(|trail| trail.generation == generation && trail.until > now);
        let mut all = open.map(|call| call.request()).chain(trail.map(|trail| trail.request.as_ref()));
        let first = all.next()??;
        all.all(|other| other == Some(first)).then(|| first.clone())
    }

    /// The newest call of all.
    pub(crate) fn newest(&self) -> Option<Arc<Call>> {
        let list = self.list();
        let newest = list.open.values().map(|entry| &entry.call).filter(|call| call.origin.is_some());
        newest.max_by_key(|call| call.number).cloned()
    }

    /// Takes all calls of one child off the list.
    pub(crate) fn close_generation(&self, generation: u64) -> Vec<Arc<Call>> {
        let mut list = self.list();
        list.given_up.retain(|_, (call, _)| call.generation != generation);
        let closed = list
            .open
            .extract_if(|_, entry| entry.call.generation == generation)
            .map(|(_, entry)| entry.call)
            .collect();
        self.tell_if_empty(&list);
        closed
    }

    /// Calls whose deadline passed more than a moment ago: nobody waits for them any more.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<Arc<Call>> {
        let late = |entry: &&Entry| {
            !entry.call.listens()
                && entry.deadline.is_some_and(|deadline| deadline + Duration::from_secs(1) < now)
        };
        self.list().open.values().filter(late).map(|entry| Arc::clone(&entry.call)).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.list().open.len()
    }

    /// How many were made by clients.
    pub(crate) fn of_clients(&self) -> usize {
        self.list().open.values().filter(|entry| entry.call.origin.is_some() && !entry.call.listens()).count()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Ends the call with an error of ours.
    pub(crate) fn fail(&self, error: RpcError) {
        self.mailbox.put(Delivery::Failed(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Arc<Session> {
        Arc::new(Session::for_tests())
    }

    fn open(calls: &Calls, session: &Arc<Session>) -> Result<Arc<Call>, Refused> {
        let origin = Origin {
            session: Arc::clone(session),
            caller: Caller::anyone(),
            request: Some(RequestId::new()),
            id: "1".into(),
            token: None,
            method: "tools/call".into(),
            params: None,
            digest: 0,
            may_ask: true,
            wish: Wish::None,
        };
        let mailbox = Arc::new(Mailbox::new(1));
        let call = Call {
            number: calls.number(),
            generation: 1,
            era: Era::Legacy,
            origin: Some(Arc::new(origin)),
            mailbox,
        };
        calls.open(call, Instant::now() + Duration::from_secs(60))
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
    fn what_a_child_prints_is_about_the_only_request_or_none() {
        let (calls, session, now) = (Calls::new(10), session(), Instant::now());
        let request = |call: &Call| call.request().cloned();
        assert_eq!(calls.only_request(1, now), None);
        let first = open(&calls, &session).unwrap();
        assert_eq!(calls.only_request(1, now), request(&first));
        assert_eq!(calls.only_request(2, now), None, "that is another child");
        let second = open(&calls, &session).unwrap();
        assert_eq!(calls.only_request(1, now), None);
        calls.close(first.number);
        assert_eq!(calls.only_request(1, Instant::now()), None, "what it printed may still be on its way");
        assert_eq!(calls.only_request(1, Instant::now() + TRAIL), request(&second));
        calls.give_up(second.number, now + TRAIL);
        assert_eq!(calls.only_request(1, now + TRAIL), None, "two are just over");
        let later = now + TRAIL + LINGER;
        assert_eq!(calls.only_request(1, later), None);
        let own = Call {
            number: 99,
            generation: 1,
            era: Era::Legacy,
            origin: None,
            mailbox: Arc::new(Mailbox::new(1)),
        };
        calls.open(own, later).unwrap();
        let third = open(&calls, &session).unwrap();
        assert_eq!(calls.only_request(1, later), None, "it may be about our own question");
        calls.close(99);
        assert_eq!(calls.only_request(1, later + TRAIL + LINGER), request(&third));
    }

    #[test]
    fn of_calls_that_were_given_up_the_newest_are_remembered() {
        let (calls, session, now) = (Calls::new(4), session(), Instant::now());
        let numbers: Vec<u64> = (0..10)
            .map(|_| open(&calls, &session).unwrap().number)
            .inspect(|number| drop(calls.give_up(*number, now)))
            .collect();
        let mut known: Vec<u64> = calls.list().given_up.keys().copied().collect();
        known.sort_unstable();
        assert_eq!(known, numbers[6..]);
    }

    #[test]
    fn one_session_leaves_room_for_others() {
        let (calls, greedy, modest) = (Calls::new(4), session(), session());
        assert_eq!((0..4).filter(|_| open(&calls, &greedy).is_ok()).count(), 2);
        assert_eq!((0..4).filter(|_| open(&calls, &modest).is_ok()).count(), 2);
        assert_eq!(open(&calls, &session()).err(), Some(Refused::Full));
    }

    #[test]
    fn a_child_falls_asleep_without_calls_and_gets_none_then() {
        let (calls, session) = (Calls::new(4), session());
        let call = open(&calls, &session).unwrap();
        assert!(!calls.shut(1));
        let next = open(&calls, &session).unwrap();
        calls.close(call.number);
        calls.give_up(next.number, Instant::now());
        assert!(calls.shut(1));
        assert_eq!(open(&calls, &session).err(), Some(Refused::Shut));
    }
}
