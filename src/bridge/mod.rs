//! Between many HTTP clients and one stdio child: Streamable HTTP on one side, lines on the other.
//!
//! A connection thread reads a request ([`endpoint`]), finds its [`session`], puts a call on the list ([`calls`]) and
//! a line into the child's stdin, and waits at the call's [`mailbox`] ([`wait`]). The child's reading thread
//! ([`router`]) puts each line into the mailbox it belongs to, without ever waiting for a client.

mod asks;
mod calls;
mod cancel;
mod elicitations;
mod endpoint;
mod headers;
mod hello;
mod listen;
mod mailbox;
mod methods;
mod refusal;
mod router;
mod session;
mod sessions;
mod wait;
mod wishes;

use crate::config::spec::Options;
use crate::limits::Limits;
use crate::protocol::error::RpcError;
use crate::server::{Running, Server};
use asks::Asks;
use calls::{Call, Calls, Owner};
use elicitations::Elicitations;
use sessions::Sessions;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wishes::Wishes;

/// The bridge of one stdio server.
pub struct Bridge {
    server: Arc<Server>,
    options: Options,
    limits: Limits,
    restart_wait: Duration,
    sessions: Sessions,
    calls: Calls,
    asks: Asks,
    elicitations: Elicitations,
    wishes: Wishes,
}

/// A first start that times out is known to have ended a little later.
const SETTLING: Duration = Duration::from_secs(1);

/// A `ping` under way.
pub struct Question(Arc<Call>);

impl Bridge {
    /// A bridge without sessions, for a server that may not run yet.
    pub fn new(server: Arc<Server>, options: Options, limits: Limits, restart_wait: Duration) -> Arc<Bridge> {
        Arc::new(Bridge {
            sessions: Sessions::new(limits.max_sessions),
            calls: Calls::new(limits.max_calls),
            asks: Asks::default(),
            elicitations: Elicitations::default(),
            wishes: Wishes::default(),
            server,
            options,
            limits,
            restart_wait,
        })
    }

    /// Calls that wait for an answer of the child.
    pub fn calls_in_flight(&self) -> usize {
        self.calls.of_clients()
    }

    /// Sessions that are remembered.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// Asks the child for a sign of life: sends a `ping`. [`Bridge::await_pong`] takes the answer.
    ///
    /// # Errors
    /// The child does not take it, in words.
    pub fn ask(&self, running: &Running) -> Result<Question, String> {
        let call = self.calls.open(Owner::Proxy, running.generation).ok_or("too many calls in flight")?;
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}}\n", call.number);
        match self.send(running, line.into_bytes()) {
            Ok(()) => Ok(Question(call)),
            Err(_) => {
                self.calls.close(call.number);
                Err("does not read its stdin".into())
            }
        }
    }

    /// Waits for the answer to a question; any answer counts.
    ///
    /// # Errors
    /// None came until `deadline`.
    pub fn await_pong(&self, question: &Question, deadline: Instant) -> Result<(), String> {
        let answer = question.0.mailbox.next(deadline.saturating_duration_since(Instant::now()));
        self.calls.close(question.0.number);
        answer.map(drop).ok_or_else(|| "does not answer ping".to_string())
    }

    /// Ends the calls whose deadline has passed and whose client no longer waits.
    pub fn expire(&self) {
        for call in self.calls.overdue(Instant::now()) {
            self.abandon(&call, "deadline");
        }
    }

    /// Waits until no call is in flight, or `deadline`.
    pub fn drain(&self, deadline: Instant) {
        self.calls.wait_empty(deadline);
    }

    /// Ends all calls: the proxy is ending.
    pub fn end_calls(&self) {
        for call in self.calls.all() {
            self.abandon(&call, "the proxy is ending");
        }
    }

    /// Ends the GET stream of every session.
    pub fn end_streams(&self) {
        self.sessions.all().iter().for_each(|session| session.outbox.detach());
    }

    /// The child, which a new call waits for: `restart_wait_seconds`, or as long as a first start may take.
    fn running(&self) -> Result<Running, RpcError> {
        let begun = Instant::now();
        if let Some(running) = self.server.running() {
            return Ok(running);
        }
        self.server.wait_settled(self.options.start_timeout + SETTLING);
        let left = self.restart_wait.saturating_sub(begun.elapsed());
        self.server.wait_running(left).map_err(|why| self.server.unavailable(&why))
    }
}
