//! One child as the bridge sees it: the calls in flight there, what it asked, what it was told of its clients' wishes.

pub(crate) mod asks;
mod asleep;
pub(crate) mod audience;
pub(crate) mod calls;
mod cancel;
mod elicitations;
pub(crate) mod lists;
mod router;
pub(crate) mod send;
pub(crate) mod wishes;

use super::ChildReport;
use super::stream::kept::Kept;
use super::stream::mailbox::{Delivery, Mailbox};
use crate::config::spec::Options;
use crate::limits::Limits;
use crate::meter::{Direction, Meter, Rejection};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Era;
use crate::server::{Greeting, InputError, Running, Server};
use asks::Asks;
use audience::Audience;
use calls::{Call, Calls};
use elicitations::Elicitations;
use lists::{Keeping, Lists};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use wishes::Wishes;

/// A child, and everything that is under way there.
pub(crate) struct Peer {
    pub(crate) server: Arc<Server>,
    /// Whom it serves.
    pub(crate) audience: Audience,
    pub(crate) calls: Calls,
    pub(crate) asks: Asks,
    elicitations: Elicitations,
    wishes: Wishes,
    lists: Lists,
    pub(crate) terms: Arc<Terms>,
    last_used: Mutex<Instant>,
    /// For threads of its own.
    own: Weak<Peer>,
}

/// How a server is treated.
pub(crate) struct Terms {
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    pub(crate) restart_wait: Duration,
    /// What is counted of it.
    pub(crate) meter: Arc<Meter>,
    /// What all mailboxes of the server may hold together.
    pub(crate) queues: Arc<Kept>,
    /// What the subscriptions of all its sessions may take together.
    pub(crate) subscriptions: Arc<Kept>,
}

/// Bytes of the addresses that all sessions of a server have subscribed to.
const MAX_SUBSCRIPTION_BYTES: usize = 4 * 1024 * 1024;

impl Terms {
    /// As the configuration has it, for one server.
    pub(crate) fn new(options: Options, limits: Limits, restart_wait: Duration, meter: &Arc<Meter>) -> Terms {
        let (queues, subscriptions) =
            (Kept::counted(limits.max_queued_bytes, meter), Kept::new(MAX_SUBSCRIPTION_BYTES));
        Terms { options, limits, restart_wait, meter: Arc::clone(meter), queues, subscriptions }
    }

    /// A mailbox for one client.
    pub(crate) fn mailbox(&self) -> Mailbox {
        Mailbox::within(&self.queues, self.limits.stream_queue_bytes)
    }
}

/// A first start that times out is known to have ended a little later: SIGTERM, a second, SIGKILL.
const SETTLING: Duration = Duration::from_secs(3);

/// A sign of life that was asked for.
pub(crate) struct Question(Arc<Call>);

impl Peer {
    /// Nothing is under way at a child that may not run yet.
    pub(crate) fn new(
        server: Arc<Server>,
        audience: Audience,
        keeping: Keeping,
        terms: Arc<Terms>,
    ) -> Arc<Peer> {
        Arc::new_cyclic(|own| Peer {
            calls: Calls::new(terms.limits.max_calls),
            asks: Asks::default(),
            elicitations: Elicitations::default(),
            wishes: Wishes::default(),
            lists: Lists::new(keeping),
            server,
            audience,
            terms,
            last_used: Mutex::new(Instant::now()),
            own: Weak::clone(own),
        })
    }

    /// What there is to report of it, if it runs.
    pub(crate) fn report(&self) -> Option<ChildReport> {
        let status = self.server.status();
        let era = status.running.as_ref().and_then(|running| Some(running.greeting.as_ref()?.era));
        // An id opens its session: no more of it is shown than tells two apart.
        let session = self.audience.only().map(|session| session.id.chars().take(8).collect());
        Some(ChildReport { pid: status.pid?, era, session })
    }

    /// It is in use.
    pub(crate) fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When it was used last.
    pub(crate) fn last_used(&self) -> Instant {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no call is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls.count() == 0
    }

    /// Whether it runs, nobody has used it for that long, and nobody waits for what only it can tell.
    pub(crate) fn has_rested(&self, patience: Duration) -> bool {
        let is_quiet = self.is_idle() && self.last_used().elapsed() >= patience;
        is_quiet && self.server.running().is_some() && !self.audience.awaits_updates()
    }

    /// What the child has answered to its greeting, or would.
    pub(crate) fn greeting(&self) -> Option<Greeting> {
        self.server.running().or_else(|| Some(self.asleep()?.running()))?.greeting
    }

    /// The child, which a new call waits for: `restart_wait_seconds`, or as long as a first start may take.
    ///
    /// # Errors
    /// There is none; what the client is told.
    pub(crate) fn running(&self) -> Result<Running, RpcError> {
        if let Some(running) = self.server.running() {
            return self.on_pipes(running);
        }
        let begun = Instant::now();
        self.settle();
        let left = self.terms.restart_wait.saturating_sub(begun.elapsed());
        let running = self.server.wait_running(left).map_err(|why| self.server.unavailable(&why))?;
        self.on_pipes(running)
    }

    fn on_pipes(&self, running: Running) -> Result<Running, RpcError> {
        match running.endpoint {
            None => Ok(running),
            // It was not known to when the call came.
            Some(_) => {
                let text = format!("server {} speaks HTTP now; try again", self.server.name());
                Err(self.server.given_up("other-transport", text))
            }
        }
    }

    /// Waits until a first start has ended, well or badly, or the next of a child that slept.
    pub(crate) fn settle(&self) {
        self.server.wake(self.terms.options.start_timeout + SETTLING);
    }

    /// Sends a line to a child.
    pub(crate) fn send(&self, running: &Running, line: Vec<u8>) -> Result<(), InputError> {
        let (meter, bytes) = (&self.terms.meter, line.len() as u64);
        let sent = running.outlet.as_ref().map_or(Err(InputError::Closed), |outlet| outlet.send(line));
        match sent {
            Ok(()) => meter.bytes.of(Direction::ToServer).add(bytes),
            Err(InputError::Full) => meter.rejections.of(Rejection::Stdin).count(),
            Err(InputError::Closed) => {}
        }
        sent
    }

    /// A request of our own whose answer changes nothing; its number.
    pub(crate) fn send_own(&self, running: &Running, method: &str, params: &Value) -> u64 {
        let id = self.calls.number();
        let line =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}\n");
        let _ = self.send(running, line.into_bytes());
        id
    }

    /// Asks the child for a sign of life. [`Peer::await_answer`] takes the answer.
    ///
    /// # Errors
    /// The child does not take it, in words.
    pub(crate) fn ask_for_life(&self, running: &Running) -> Result<Question, String> {
        match era_of(running) {
            Era::Legacy => self.ask(running, "ping", &json!({})),
            Era::Modern => self.ask(running, "server/discover", &wishes::own_params()),
        }
    }

    /// Sends a request of our own. [`Peer::await_answer`] takes the answer.
    ///
    /// # Errors
    /// The child does not take it, in words.
    pub(crate) fn ask(&self, running: &Running, method: &str, params: &Value) -> Result<Question, String> {
        let number = self.calls.number();
        let era = era_of(running);
        let mailbox = Arc::new(Mailbox::new(0));
        let call = Call { number, generation: running.generation, era, origin: None, mailbox };
        let deadline = Instant::now() + self.terms.options.call_timeout;
        let call = self.calls.open(call, deadline).map_err(|refused| refused.words())?;
        let line =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"{method}\",\"params\":{params}}}\n");
        match self.send(running, line.into_bytes()) {
            Ok(()) => Ok(Question(call)),
            Err(_) => {
                self.calls.close(number);
                Err("does not read its stdin".into())
            }
        }
    }

    /// Waits for the answer to a question; any answer counts.
    ///
    /// # Errors
    /// None came until `deadline`.
    pub(crate) fn await_answer(&self, question: &Question, deadline: Instant) -> Result<(), String> {
        let answer = self.take_answer(question, deadline);
        let asked = if question.0.era == Era::Legacy { "ping" } else { "server/discover" };
        answer.map(drop).ok_or_else(|| format!("does not answer {asked}"))
    }

    /// What comes of a question until `deadline`.
    pub(crate) fn take_answer(&self, question: &Question, deadline: Instant) -> Option<Delivery> {
        let answer = question.0.mailbox.next(deadline.saturating_duration_since(Instant::now()));
        self.calls.close(question.0.number);
        answer
    }

    /// Ends the calls whose deadline has passed and whose client no longer waits.
    pub(crate) fn expire(&self) {
        for call in self.calls.overdue(Instant::now()) {
            self.abandon(&call, "deadline");
        }
    }

    /// Ends the subscriptions of modern clients.
    pub(crate) fn end_listens(&self) {
        for call in self.calls.all().into_iter().filter(|call| call.listens()) {
            self.abandon(&call, "the proxy is ending");
        }
    }

    /// Ends all calls: the proxy is ending.
    pub(crate) fn end_calls(&self) {
        for call in self.calls.all() {
            self.abandon(&call, "the proxy is ending");
        }
    }
}

/// The era a child speaks; one that has not answered yet is taken for a legacy one.
pub(crate) fn era_of(running: &Running) -> Era {
    running.greeting.as_ref().map_or(Era::Legacy, |greeting| greeting.era)
}

#[cfg(test)]
impl Peer {
    /// A child that does not run.
    pub(crate) fn for_tests() -> Arc<Peer> {
        let limits = Limits::default();
        let (server, _) = Server::new(&Arc::new(Meter::new("test")), &limits, &Arc::default());
        let options = crate::config::ServerTable::default().options(&crate::config::Defaults::default());
        let terms = Terms::new(options, limits, Duration::ZERO, server.meter());
        Peer::new(
            server,
            Audience::shared(Arc::new(super::session::registry::Sessions::new(1))),
            Keeping::Nothing,
            Arc::new(terms),
        )
    }
}
