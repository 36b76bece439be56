//! The children that serve one session each: so many may run at once. One that was told to end still runs until it
//! has ended.

use super::super::peer::Peer;
use crate::server::Server;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one that is leaving is waited for before another is looked at, which may be gone sooner.
const MOMENT: Duration = Duration::from_millis(50);

/// The children of all sessions.
#[derive(Default)]
pub(super) struct Own {
    list: Mutex<List>,
    /// Told whenever one may have become free.
    freed: Condvar,
}

#[derive(Default)]
struct List {
    all: Vec<One>,
    /// Children of sessions that are over, which may take a moment to end.
    ending: Vec<Arc<Server>>,
    /// Threads that wait for a place.
    waiting: usize,
}

/// The child of one session.
struct One {
    peer: Arc<Peer>,
    /// Whether it may run.
    awake: bool,
    /// Threads that are about to call it.
    claims: usize,
}

/// As many run as may, and each has something to do.
pub(super) struct AllBusy;

/// Keeps a child from being sent away between the choice of it and the call.
pub(crate) struct Claim<'c> {
    own: &'c Own,
    peer: Arc<Peer>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(one) = self.own.list().one(&self.peer) {
            one.claims -= 1;
        }
        self.own.freed.notify_all();
    }
}

impl Own {
    pub(super) fn add(&self, peer: Arc<Peer>) {
        self.list().all.push(One { peer, awake: false, claims: 0 });
    }

    /// The session of this child is over.
    pub(super) fn end(&self, peer: &Arc<Peer>) {
        let mut list = self.list();
        list.all.retain(|one| !Arc::ptr_eq(&one.peer, peer));
        peer.server.close();
        list.ending.push(Arc::clone(&peer.server));
        self.freed.notify_all();
    }

    pub(super) fn peers(&self) -> Vec<Arc<Peer>> {
        self.list().all.iter().map(|one| Arc::clone(&one.peer)).collect()
    }

    /// Lets this child run among `most`: at the cap the one idle longest is sent away first; if all are busy, the
    /// newcomer waits. No claim is needed if its session is over.
    ///
    /// # Errors
    /// No place came free until `deadline`.
    pub(super) fn enter(
        &self,
        peer: &Arc<Peer>,
        most: usize,
        deadline: Instant,
    ) -> Result<Option<Claim<'_>>, AllBusy> {
        let mut list = self.list();
        list.waiting += 1;
        let entered = loop {
            if list.lets_in(peer, most) {
                break true;
            }
            if list.leaving().count() < list.waiting && list.send_away() {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            list = self.wait(list, left);
        };
        list.waiting -= 1;
        if !entered {
            return Err(AllBusy);
        }
        Ok(list.one(peer).map(|one| {
            one.claims += 1;
            Claim { own: self, peer: Arc::clone(peer) }
        }))
    }

    /// Lets this child run if there is a place for it now.
    pub(super) fn try_enter(&self, peer: &Arc<Peer>, most: usize) -> bool {
        self.list().lets_in(peer, most)
    }

    /// Until a child has ended, or may have become free.
    fn wait<'l>(&'l self, list: MutexGuard<'l, List>, left: Duration) -> MutexGuard<'l, List> {
        let Some(leaving) = list.leaving().next().map(Arc::clone) else {
            return self.freed.wait_timeout(list, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(list);
        leaving.wait_down(left.min(MOMENT));
        self.list()
    }

    /// A call has ended.
    pub(super) fn note_end(&self) {
        // Between a look at the list and the wait that follows nobody gets in.
        drop(self.list());
        self.freed.notify_all();
    }

    /// Stops those that nobody has used for that long, if any are to be stopped, and forgets those that have ended.
    pub(super) fn rest(&self, patience: Option<Duration>) {
        let mut list = self.list();
        list.ending.retain(|server| !server.is_down());
        let Some(patience) = patience else { return };
        for one in list.all.iter_mut().filter(|one| one.claims == 0 && one.peer.has_rested(patience)) {
            one.send_away();
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn one(&mut self, peer: &Arc<Peer>) -> Option<&mut One> {
        self.all.iter_mut().find(|one| Arc::ptr_eq(&one.peer, peer))
    }

    /// Whether this child has a place now. One that was told to end has to end before it begins anew.
    fn lets_in(&mut self, peer: &Arc<Peer>, most: usize) -> bool {
        if self.one(peer).is_none_or(|one| one.awake) {
            return true;
        }
        let enters = peer.server.is_down() && self.places_taken() < most;
        self.one(peer).into_iter().for_each(|one| one.awake = enters);
        enters
    }

    fn places_taken(&self) -> usize {
        let of_sessions = self.all.iter().filter(|one| one.awake || !one.peer.server.is_down()).count();
        of_sessions + self.ending.iter().filter(|server| !server.is_down()).count()
    }

    /// Children that run and are to end.
    fn leaving(&self) -> impl Iterator<Item = &Arc<Server>> {
        let slept = self.all.iter().filter(|one| !one.awake).map(|one| &one.peer.server);
        slept.chain(&self.ending).filter(|server| !server.is_down())
    }

    /// Stops the child of the session idle longest until its next call; false if all are busy.
    fn send_away(&mut self) -> bool {
        let idle = self.all.iter_mut().filter(|one| one.awake && one.is_free());
        let oldest = idle.min_by_key(|one| one.peer.last_used());
        oldest.is_some_and(|one| {
            log::info!(server = one.peer.server.name(), event = "asleep"; "max_instances reached: the child of the session idle longest is stopped until its next call");
            one.send_away();
            true
        })
    }
}

impl One {
    /// One that just starts or ends cannot be told to sleep.
    fn is_free(&self) -> bool {
        let server = &self.peer.server;
        self.claims == 0 && self.peer.is_idle() && (server.running().is_some() || server.is_down())
    }

    fn send_away(&mut self) {
        self.awake = false;
        self.peer.server.sleep();
    }
}
