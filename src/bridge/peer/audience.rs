//! Whom a child serves: who hears of what it says to everybody.

use super::super::session::Session;
use super::super::session::registry::Sessions;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The clients of one child.
pub(crate) struct Audience {
    /// Legacy sessions.
    pub(crate) sessions: Arc<Sessions>,
    /// Modern clients that listen to a child which does not know of that.
    listeners: Mutex<Vec<Arc<Session>>>,
    /// Whether it is the child of one session alone: then there is no doubt whom it means.
    pub(crate) is_one: bool,
}

impl Audience {
    /// Many clients.
    pub(crate) fn shared(sessions: Arc<Sessions>) -> Audience {
        Audience { sessions, listeners: Mutex::default(), is_one: false }
    }

    /// One session, which is added when it begins.
    pub(crate) fn one() -> Audience {
        Audience { sessions: Arc::new(Sessions::new(1)), listeners: Mutex::default(), is_one: true }
    }

    /// The one session, if it is the child of one.
    pub(crate) fn only(&self) -> Option<Arc<Session>> {
        if self.is_one { self.sessions.all().pop() } else { None }
    }

    pub(crate) fn enter(&self, listener: Arc<Session>) {
        self.listeners().push(listener);
    }

    pub(crate) fn leave(&self, listener: &Session) {
        self.listeners().retain(|other| !std::ptr::eq(&**other, listener));
    }

    /// Whether a stream is open for what the child says unasked.
    pub(crate) fn hears(&self) -> bool {
        self.all().iter().any(|session| session.outbox.is_read())
    }

    /// Whether a stream is open for what only a child that runs can tell: of resources, or anything at all to a modern
    /// client.
    pub(crate) fn awaits_updates(&self) -> bool {
        let listens = self.listeners().iter().any(|listener| listener.outbox.is_read());
        listens || self.sessions.all().iter().any(|session| session.awaits_updates())
    }

    /// Everybody.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let listeners = self.listeners().clone();
        self.sessions.all().into_iter().chain(listeners).collect()
    }

    /// Who subscribed to a resource or to one that holds it: an update may name a part of what was subscribed to
    /// (2025-11-25, server, Resources, Subscriptions).
    pub(crate) fn subscribed(&self, uri: &str) -> Vec<Arc<Session>> {
        let covers = |subscribed: &String| {
            let rest = uri.strip_prefix(subscribed.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || subscribed.ends_with('/') || rest.starts_with(['/', '#', '?'])
            })
        };
        self.all().into_iter().filter(|session| session.state().subscriptions.iter().any(covers)).collect()
    }

    /// Whether anybody subscribed to just this.
    pub(crate) fn any_subscribed(&self, uri: &str) -> bool {
        self.all().iter().any(|session| session.state().subscriptions.contains(uri))
    }

    /// What all subscribed to.
    pub(crate) fn all_subscriptions(&self) -> BTreeSet<String> {
        self.all().iter().flat_map(|session| session.state().subscriptions.clone()).collect()
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
