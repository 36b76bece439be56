//! The sessions of one server that are in memory, bounded: at the cap the one idle longest is forgotten.

use super::{Level, Session};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All sessions, by id.
pub(crate) struct Sessions {
    list: Mutex<List>,
    max: usize,
}

#[derive(Default)]
struct List {
    open: HashMap<Arc<str>, Arc<Session>>,
    /// No more are added: nobody would end them.
    closed: bool,
}

/// What became of a session that was to be added.
pub(crate) enum Added {
    /// It was. This one was forgotten for it.
    New(Option<Arc<Session>>),
    /// There is one of that id.
    Known(Arc<Session>),
    /// The server is not served here any more.
    Closed,
}

impl Sessions {
    pub(crate) fn new(max: usize) -> Sessions {
        Sessions { list: Mutex::default(), max }
    }

    /// Adds a session, unless there is one of its id.
    pub(crate) fn add(&self, session: Arc<Session>) -> Added {
        let mut list = self.list();
        if list.closed {
            return Added::Closed;
        }
        if let Some(known) = list.open.get(&session.id) {
            return Added::Known(Arc::clone(known));
        }
        let forgotten = if list.open.len() >= self.max { list.take_oldest() } else { None };
        list.open.insert(session.id.clone(), session);
        Added::New(forgotten)
    }

    /// The session of that id, marked as used now.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let session = self.list().open.get(id).cloned()?;
        session.touch();
        Some(session)
    }

    pub(crate) fn remove(&self, id: &str) -> Option<Arc<Session>> {
        self.list().open.remove(id)
    }

    /// Removes all, and takes no more.
    pub(crate) fn close(&self) -> Vec<Arc<Session>> {
        self.list().closed = true;
        self.clear()
    }

    /// Removes all.
    pub(crate) fn clear(&self) -> Vec<Arc<Session>> {
        self.list().open.drain().map(|(_, session)| session).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.list().open.values().cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.list().open.len()
    }

    /// The most verbose level that any session set.
    pub(crate) fn most_verbose(&self) -> Option<Level> {
        self.list().open.values().filter_map(|session| session.state().level).min()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn take_oldest(&mut self) -> Option<Arc<Session>> {
        let oldest = self.open.values().min_by_key(|session| session.state().last_used)?.id.clone();
        self.open.remove(&oldest)
    }
}
