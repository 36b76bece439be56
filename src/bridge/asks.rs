//! What the child asked a client and waits for: the other direction of ids.

use super::session::Session;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests of the child at clients at one moment.
const MAX_ASKS: usize = 1000;

/// One request of the child's.
pub(super) struct Ask {
    /// Raw text of the child's id.
    pub(super) child_id: String,
    pub(super) generation: u64,
    pub(super) session: Arc<Session>,
    /// The call during which it was asked, whose stream carried it.
    pub(super) call: u64,
}

/// All of them, by the number the client sees as id.
#[derive(Default)]
pub(super) struct Asks {
    open: Mutex<HashMap<u64, Ask>>,
}

impl Asks {
    /// Remembers a request; false if there are too many.
    pub(super) fn open(&self, number: u64, ask: Ask) -> bool {
        let mut open = self.list();
        let fits = open.len() < MAX_ASKS;
        if fits {
            open.insert(number, ask);
        }
        fits
    }

    /// Takes the request that a client answers, if it was asked of its session.
    pub(super) fn close(&self, number: u64, session: &Session) -> Option<Ask> {
        let mut open = self.list();
        let own = open.get(&number).is_some_and(|ask| std::ptr::eq(&*ask.session, session));
        own.then(|| open.remove(&number)).flatten()
    }

    /// Takes the request that the child itself cancels: our number and where it went.
    pub(super) fn cancel(&self, generation: u64, child_id: &str) -> Option<(u64, Ask)> {
        let mut open = self.list();
        let same = |ask: &Ask| ask.generation == generation && ask.child_id == child_id;
        let number = open.iter().find(|(_, ask)| same(ask)).map(|(number, _)| *number)?;
        open.remove(&number).map(|ask| (number, ask))
    }

    /// Takes all that belong to a call that is over.
    pub(super) fn close_call(&self, call: u64) -> Vec<Ask> {
        self.list().extract_if(|_, ask| ask.call == call).map(|(_, ask)| ask).collect()
    }

    /// Forgets what a dead child asked.
    pub(super) fn close_generation(&self, generation: u64) {
        self.list().retain(|_, ask| ask.generation != generation);
    }

    fn list(&self) -> MutexGuard<'_, HashMap<u64, Ask>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
