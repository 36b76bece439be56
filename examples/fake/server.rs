//! What all clients of this process share.

use super::journal::Journal;
use super::peer::Peer;
use super::settings::Settings;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) journal: Journal,
    added: Mutex<Vec<String>>,
    peers: Mutex<Vec<Weak<Peer>>>,
}

impl Server {
    /// Lives as long as the process, so that threads may borrow it.
    pub(crate) fn start(settings: Settings) -> &'static Server {
        Box::leak(Box::new(Server {
            settings,
            journal: Journal::default(),
            added: Mutex::default(),
            peers: Mutex::default(),
        }))
    }

    pub(crate) fn capabilities(&self) -> Value {
        let mut all = json!({
            "tools": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "prompts": {"listChanged": true},
            "completions": {},
        });
        if self.settings.logging {
            all["logging"] = json!({});
        }
        if self.settings.tasks {
            all["tasks"] = json!({"requests": {"tools": {"call": {}}}});
        }
        all
    }

    pub(crate) fn join(&self, peer: &Arc<Peer>) {
        let mut peers = lock(&self.peers);
        peers.retain(|peer| peer.strong_count() > 0);
        peers.push(Arc::downgrade(peer));
    }

    pub(crate) fn peers(&self) -> Vec<Arc<Peer>> {
        lock(&self.peers).iter().filter_map(Weak::upgrade).collect()
    }

    /// Tells every client that wants it; returns how many that were.
    pub(crate) fn publish(&self, method: &str, params: &Value) -> usize {
        self.peers().iter().map(|peer| peer.publish(method, params)).sum()
    }

    /// The tools that were added since the start.
    pub(crate) fn added(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.added)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
