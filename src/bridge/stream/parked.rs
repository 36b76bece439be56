//! Calls that wait for a modern client to answer what a legacy child asked: the client calls again, and its
//! `requestState` names the call.

use super::super::Bridge;
use super::super::names;
use super::super::peer::asks::Asker;
use super::super::stateless::Ask;
use super::render::{key, wrong_input};
use super::waiter::Waiter;
use crate::meter::Rejection;
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::protocol::json;
use crate::protocol::modernize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All of one server, by state.
pub(crate) struct Parked {
    calls: Mutex<HashMap<String, Ticket>>,
    max: usize,
    patience: Duration,
}

/// One call that waits.
struct Ticket {
    /// None: the child has answered, and is to be called afresh.
    waiter: Option<Waiter>,
    /// What the client has to answer.
    questions: Vec<u64>,
    /// Of the method and the parameters: the state is for the same call only.
    digest: u64,
    /// Whose call it is.
    principal: Arc<str>,
    until: Instant,
}

/// What a client's next request is for.
pub(crate) enum Resumed {
    /// The call that waited.
    Call(Box<Waiter>),
    /// A call like any other.
    Afresh,
}

impl Parked {
    pub(crate) fn new(max: usize, patience: Duration) -> Parked {
        Parked { calls: Mutex::default(), max, patience }
    }

    fn put(&self, ticket: Ticket) -> Option<String> {
        let mut calls = self.calls();
        if calls.len() >= self.max {
            return None;
        }
        let state = names::new_state();
        calls.insert(state.clone(), ticket);
        Some(state)
    }

    /// Takes the call, once, if it is the one the state was given for.
    fn take(&self, state: &str, digest: u64, principal: &str) -> Option<Ticket> {
        let mut calls = self.calls();
        let now = Instant::now();
        let is_theirs = |ticket: &Ticket| ticket.digest == digest && *ticket.principal == *principal;
        let fits = calls.get(state).is_some_and(|ticket| is_theirs(ticket) && ticket.until > now);
        fits.then(|| calls.remove(state)).flatten()
    }

    /// Gives up what has waited too long.
    pub(crate) fn expire(&self, now: Instant) {
        let late: Vec<Ticket> =
            self.calls().extract_if(|_, ticket| ticket.until <= now).map(|(_, t)| t).collect();
        late.into_iter().filter_map(|ticket| ticket.waiter).for_each(Waiter::give_up);
    }

    /// Gives up everything: the server is no longer served.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.calls());
        all.into_values().filter_map(|ticket| ticket.waiter).for_each(Waiter::give_up);
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<String, Ticket>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Lets the call wait for its client; the state that names it.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) fn park(&mut self, questions: Vec<u64>) -> Result<String, RpcError> {
        let bridge = Arc::clone(&self.bridge);
        let waiter = (!questions.is_empty()).then(|| self.split());
        if waiter.is_some() {
            self.peer.calls.park(self.call().number);
            self.call().mailbox.leave(&bridge.kept);
        }
        let until = Instant::now() + bridge.parked.patience;
        let origin = self.call().origin();
        let digest = origin.map_or(0, |origin| origin.digest);
        let principal = origin.map(|origin| Arc::clone(&origin.session.principal)).unwrap_or_default();
        let ticket = Ticket { waiter, questions, digest, principal, until };
        bridge.parked.put(ticket).ok_or_else(|| {
            bridge.meter().rejections.of(Rejection::Parked).count();
            let text = "too many calls wait for their clients already; try again later";
            RpcError::new(INTERNAL_ERROR, text)
        })
    }
}

impl Bridge {
    /// What a modern request with a `requestState` goes on with. What it answers goes to the child.
    ///
    /// # Errors
    /// The state is not (any more) that of this call, another process gave it, or an answer is missing.
    pub(crate) fn resume(
        &self,
        ask: &Ask<'_>,
        token: Option<&str>,
        state: &str,
    ) -> Result<Resumed, RpcError> {
        if names::is_anothers_state(state) {
            return Err(wrong_input(format!(
                "requestState is of another proxy process, or of this one before it was started again; the call \
                 does not wait here; call again without it; {}",
                names::ADVICE
            )));
        }
        let digest = modernize::digest(ask.method, ask.params);
        let unknown = || {
            wrong_input(
                "requestState is not that of a call which waits here: it is for one retry of the same call, \
                 and for a limited time; call again without it",
            )
        };
        let answers = modernize::input_responses(ask.params).unwrap_or_default();
        let ticket = self.parked.take(state, digest, ask.caller.principal()).ok_or_else(unknown)?;
        let Some(mut waiter) = ticket.waiter else { return Ok(Resumed::Afresh) };
        let answer = |number: &u64| {
            let key = key(*number);
            answers.iter().rev().find(|(name, _)| *name == key).map(|(_, answer)| (*number, *answer))
        };
        let all: Option<Vec<(u64, &str)>> = ticket.questions.iter().map(answer).collect();
        let Some(all) = all else {
            let missing = wrong_input("inputResponses must answer every one of inputRequests; call again");
            waiter.give_up();
            return Err(missing);
        };
        waiter.resume(ask.id.to_string(), token.map(str::to_string));
        for (number, answer) in all {
            waiter.tell_child(number, answer);
        }
        Ok(Resumed::Call(Box::new(waiter)))
    }
}

impl Waiter {
    /// Passes the client's answer to the child that asked.
    fn tell_child(&self, number: u64, answer: &str) {
        let Some(ask) = self.peer.asks.take(number) else { return };
        if let Asker::Child { child_id, generation } = &ask.asker
            && let Some(running) = self.peer.server.running().filter(|child| child.generation == *generation)
        {
            let line = crate::protocol::error::success(child_id, answer);
            let _ = self.peer.send(&running, json::splice_line(&line, &mut [], ""));
        }
    }
}
