//! The sessions of one server, bounded: at the cap the one idle longest is forgotten.

use super::session::{Level, Session};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All sessions, by id.
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
    max: usize,
}

impl Sessions {
    pub(super) fn new(max: usize) -> Sessions {
        Sessions { open: Mutex::default(), max }
    }

    /// Adds a session; what it returns was forgotten for it.
    pub(super) fn add(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let mut open = self.list();
        let oldest = || open.values().min_by_key(|session| session.state().last_used).map(|s| s.id.clone());
        let full = if open.len() >= self.max { oldest() } else { None };
        let forgotten = full.and_then(|id| open.remove(&id));
        open.insert(session.id.clone(), session);
        forgotten
    }

    /// The session of that id, marked as used now.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let session = self.list().get(id).cloned()?;
        session.touch();
        Some(session)
    }

    pub(super) fn remove(&self, id: &str) -> Option<Arc<Session>> {
        self.list().remove(id)
    }

    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.list().values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.list().len()
    }

    /// Sessions that subscribed to a resource or to one that holds it: an update may name a part of what was
    /// subscribed to (2025-11-25, server, Resources, Subscriptions).
    pub(super) fn subscribed(&self, uri: &str) -> Vec<Arc<Session>> {
        let covers = |subscribed: &String| {
            let rest = uri.strip_prefix(subscribed.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || subscribed.ends_with('/') || rest.starts_with(['/', '#', '?'])
            })
        };
        self.all().into_iter().filter(|session| session.state().subscriptions.iter().any(covers)).collect()
    }

    /// Whether any session subscribed to just this.
    pub(super) fn any_subscribed(&self, uri: &str) -> bool {
        self.list().values().any(|session| session.state().subscriptions.contains(uri))
    }

    /// What all sessions subscribed to.
    pub(super) fn all_subscriptions(&self) -> BTreeSet<String> {
        self.list().values().flat_map(|session| session.state().subscriptions.clone()).collect()
    }

    /// The most verbose level that any session set.
    pub(super) fn most_verbose(&self) -> Option<Level> {
        self.list().values().filter_map(|session| session.state().level).min()
    }

    fn list(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
