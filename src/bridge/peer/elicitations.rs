//! Which session was sent to which URL: `notifications/elicitation/complete` names nothing but the elicitation
//! (2025-11-25, client, Elicitation, URL mode).

use super::super::session::Session;
use crate::protocol::json;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The most that are remembered; the oldest is forgotten.
const MAX_ELICITATIONS: usize = 1000;

/// Elicitations by id, oldest first.
#[derive(Default)]
pub(crate) struct Elicitations(Mutex<VecDeque<(String, Weak<Session>)>>);

impl Elicitations {
    /// The child asks a session (`elicitation/create` with an `elicitationId`).
    pub(crate) fn asked(&self, params: Option<&str>, session: &Arc<Session>) {
        if let Some(id) = id(params) {
            self.remember(id, session);
        }
    }

    /// The child answers that a URL has to be visited first (error -32042, `data.elicitations`).
    pub(crate) fn required(&self, error: &str, session: &Arc<Session>) {
        if !error.contains("elicitationId") {
            return;
        }
        let error: Value = serde_json::from_str(error).unwrap_or_default();
        let all = error["data"]["elicitations"].as_array().into_iter().flatten();
        for id in all.filter_map(|one| one["elicitationId"].as_str()) {
            self.remember(id.to_string(), session);
        }
    }

    /// The session that the completed one belongs to.
    pub(crate) fn complete(&self, params: Option<&str>) -> Option<Arc<Session>> {
        let id = id(params)?;
        let mut known = self.known();
        let at = known.iter().position(|(known, _)| *known == id)?;
        known.remove(at)?.1.upgrade()
    }

    fn remember(&self, id: String, session: &Arc<Session>) {
        let mut known = self.known();
        if known.len() >= MAX_ELICITATIONS {
            known.pop_front();
        }
        known.push_back((id, Arc::downgrade(session)));
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<(String, Weak<Session>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(params: Option<&str>) -> Option<String> {
    json::string(json::member(params?, "elicitationId")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_elicitations_the_newest_are_remembered() {
        let (known, session) = (Elicitations::default(), Arc::new(Session::for_tests()));
        (0..=MAX_ELICITATIONS).for_each(|number| known.remember(number.to_string(), &session));
        let complete = |number: usize| known.complete(Some(&format!(r#"{{"elicitationId":"{number}"}}"#)));
        assert!(complete(0).is_none() && complete(1).is_some() && complete(MAX_ELICITATIONS).is_some());
    }
}
