//! The sessions of one server, bounded: at the cap the one idle longest is forgotten.

use super::{Level, Session};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All sessions, by id.
pub(crate) struct Sessions {
    open: Mutex<HashMap<Arc<str>, Arc<Session>>>,
    max: usize,
}

impl Sessions {
    pub(crate) fn new(max: usize) -> Sessions {
        Sessions { open: Mutex::default(), max }
    }

    /// Adds a session; what it returns was forgotten for it.
    pub(crate) fn add(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let mut open = self.list();
        let oldest = || open.values().min_by_key(|session| session.state().last_used).map(|s| s.id.clone());
        let full = if open.len() >= self.max { oldest() } else { None };
        let forgotten = full.and_then(|id| open.remove(&id));
        open.insert(session.id.clone(), session);
        forgotten
    }

    /// The session of that id, marked as used now.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let session = self.list().get(id).cloned()?;
        session.touch();
        Some(session)
    }

    pub(crate) fn remove(&self, id: &str) -> Option<Arc<Session>> {
        self.list().remove(id)
    }

    /// Removes all.
    pub(crate) fn clear(&self) -> Vec<Arc<Session>> {
        self.list().drain().map(|(_, session)| session).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.list().values().cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.list().len()
    }

    /// The most verbose level that any session set.
    pub(crate) fn most_verbose(&self) -> Option<Level> {
        self.list().values().filter_map(|session| session.state().level).min()
    }

    fn list(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
