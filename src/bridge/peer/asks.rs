//! What clients were asked and have not answered yet: the other direction of ids.

use super::super::session::Session;
use super::super::stream::mailbox::Mailbox;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests of the child at clients at one moment.
const MAX_ASKS: usize = 1000;

/// One question.
pub(crate) struct Ask {
    pub(crate) asker: Asker,
    pub(crate) session: Arc<Session>,
    /// The call during which it was asked, whose stream carried it; none if there was none.
    pub(crate) call: Option<u64>,
}

/// Who waits for the answer.
pub(crate) enum Asker {
    /// A child of the legacy era, which asked by a request with this id (raw text).
    Child { child_id: String, generation: u64 },
    /// Whoever serves the call: the child asked by way of a result, and is asked again with the answers.
    Call(Arc<Mailbox>),
}

impl Ask {
    /// The id under which that child asked.
    pub(crate) fn child_id(&self, generation: u64) -> Option<&str> {
        match &self.asker {
            Asker::Child { child_id, generation: of } if *of == generation => Some(child_id),
            _ => None,
        }
    }
}

/// All of them, by the number the client sees as id.
#[derive(Default)]
pub(crate) struct Asks {
    open: Mutex<HashMap<u64, Ask>>,
}

impl Asks {
    /// Remembers a request; false if there are too many.
    pub(crate) fn open(&self, number: u64, ask: Ask) -> bool {
        let mut open = self.list();
        let fits = open.len() < MAX_ASKS;
        if fits {
            open.insert(number, ask);
        }
        fits
    }

    /// Takes the question of that number: a modern client answers it by calling again.
    pub(crate) fn take(&self, number: u64) -> Option<Ask> {
        self.list().remove(&number)
    }

    /// Takes all that were asked of a session that is over.
    pub(crate) fn close_session(&self, session: &Session) -> Vec<Ask> {
        self.list().extract_if(|_, ask| std::ptr::eq(&*ask.session, session)).map(|(_, ask)| ask).collect()
    }

    /// What belonged to one call belongs to another from now on.
    pub(crate) fn pass_on(&self, call: u64, heir: u64) {
        let mut open = self.list();
        open.values_mut().filter(|ask| ask.call == Some(call)).for_each(|ask| ask.call = Some(heir));
    }

    /// Takes the request that a client answers, if it was asked of its session.
    pub(crate) fn close(&self, number: u64, session: &Session) -> Option<Ask> {
        let mut open = self.list();
        let own = open.get(&number).is_some_and(|ask| std::ptr::eq(&*ask.session, session));
        own.then(|| open.remove(&number)).flatten()
    }

    /// Takes the request that the child itself cancels: our number and where it went.
    pub(crate) fn cancel(&self, generation: u64, child_id: &str) -> Option<(u64, Ask)> {
        let mut open = self.list();
        let same = |ask: &Ask| ask.child_id(generation) == Some(child_id);
        let number = open.iter().find(|(_, ask)| same(ask)).map(|(number, _)| *number)?;
        open.remove(&number).map(|ask| (number, ask))
    }

    /// Takes all that belong to a call that is over.
    pub(crate) fn close_call(&self, call: u64) -> Vec<Ask> {
        self.list().extract_if(|_, ask| ask.call == Some(call)).map(|(_, ask)| ask).collect()
    }

    /// Forgets what a dead child asked.
    pub(crate) fn close_generation(&self, generation: u64) {
        self.list().retain(|_, ask| ask.child_id(generation).is_none());
    }

    fn list(&self) -> MutexGuard<'_, HashMap<u64, Ask>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_questions_are_open_and_no_more() {
        let (asks, session) = (Asks::default(), Arc::new(Session::for_tests()));
        let ask = |number: u64| {
            let asker = Asker::Child { child_id: number.to_string(), generation: 1 };
            asks.open(number, Ask { asker, session: Arc::clone(&session), call: None })
        };
        assert_eq!((0..2 * MAX_ASKS as u64).filter(|number| ask(*number)).count(), MAX_ASKS);
        asks.take(0).unwrap();
        assert!(ask(0), "there is room again");
    }
}
