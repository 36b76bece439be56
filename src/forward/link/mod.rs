//! Links: connections to an HTTP server that carry messages as a child's pipes would, for clients of another era or
//! transport than the server's.
//!
//! ```text
//! outbox      takes messages, never waits; sorts them (letter), counts requests in flight (flights)
//! streamable  2025-03-26 … 2025-11-25: a session, one POST for each message; listen: its GET stream
//! modern      2026-07-28: one POST for each request, closed to cancel it
//! event_stream  2024-11-05: one GET stream for all answers, POSTs to where it says (reference)
//! delivery    what comes back, passed on message by message; refusal: what HTTP errors mean
//! peer        one HTTP exchange; wire: what the threads of a link share
//! nature      which of these a server speaks; sight: whether a child that starts speaks any, and where
//! ```
//!
//! Threads: `post:NAME` takes messages from the outbox in their order and POSTs what is no request; each request has a
//! `post:NAME` of its own while it is in flight. `get:NAME` reads a stream of the server's. All of them wait on a
//! leash, so that closing the link ends them at once (one that is just connecting: after the time that may take).

mod delivery;
mod event_stream;
mod flights;
mod letter;
mod listen;
mod modern;
pub mod nature;
mod outbox;
mod pauses;
pub(super) mod peer;
mod reference;
pub(super) mod refusal;
pub mod sight;
mod streamable;
mod wire;

#[cfg(test)]
mod tests;

use super::courier::Courier;
use super::{Forward, Target};
use crate::limits::Limits;
use crate::protocol::mirror::AnnotatedTools;
use crate::server::{Dial, Inlet, Opening, Outlet, Oversize};
use crate::thread;
use ::http::Uri;
use event_stream::EventStream;
use modern::Modern;
use outbox::Outbox;
use peer::Peer;
use std::sync::{Arc, Mutex};
use streamable::Streamable;
use wire::{Fate, Wire};

/// What a server speaks on HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Streamable HTTP with `initialize` and a session (2025-03-26 to 2025-11-25, basic, transports).
    Streamable,
    /// Streamable HTTP without sessions (2026-07-28, basic, transports).
    Modern,
    /// HTTP+SSE (2024-11-05, basic, transports). The target is the URL of the event stream.
    EventStream,
}

/// Where links lead.
enum Place {
    /// Somewhere that does not change.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests have a server of their own"))]
    Fixed(Target),
    /// Where the present child of a server listens, or at this URL of it. It knows how its child ended.
    Server(Arc<Forward>, Option<Uri>),
}

/// Makes links to one server.
pub struct Link {
    name: String,
    courier: Courier,
    place: Place,
    flavour: Flavour,
    limits: Limits,
    /// What a modern server wants repeated in headers, as it was listed last.
    tools: Arc<Mutex<AnnotatedTools>>,
}

impl Link {
    /// Links to the server `name` there. An answer to a request must begin within the courier's time for that.
    fn new(name: &str, courier: Courier, place: Place, flavour: Flavour, limits: Limits) -> Link {
        Link { name: name.to_string(), courier, place, flavour, limits, tools: Arc::default() }
    }

    /// The other end, and which child of which server that is.
    fn other_end(&self) -> Result<(Target, Option<Fate>), String> {
        match &self.place {
            Place::Fixed(target) => Ok((target.clone(), None)),
            Place::Server(forward, url) => {
                let running = forward.server.running().ok_or("it does not run")?;
                let target = forward.target(&running)?;
                let target =
                    url.as_ref().map_or_else(|| target.as_ref().clone(), |url| target.at(url.clone()));
                Ok((target, Some((Arc::clone(&forward.server), running.generation))))
            }
        }
    }

    /// Opens one; what the server says comes to `ear`.
    fn open(&self, ear: Box<dyn Ear>) -> Result<Arc<dyn Outlet>, String> {
        let (target, fate) = self.other_end()?;
        let peer = Peer { courier: self.courier.clone(), target };
        let opened = Wire::open(&self.name, peer, &self.limits, ear, fate);
        let (wire, letters) = opened.map_err(|error| format!("no connection can be made: {error}"))?;
        let wire = Arc::new(wire);
        let own = Arc::clone(&wire);
        let started = match self.flavour {
            Flavour::Streamable => {
                thread::spawn(&wire.thread("post"), move || Streamable::new(own).run(&letters))
            }
            Flavour::Modern => {
                let tools = Arc::clone(&self.tools);
                thread::spawn(&wire.thread("post"), move || Modern::new(own, tools).run(&letters))
            }
            Flavour::EventStream => {
                thread::spawn(&wire.thread("get"), move || EventStream::new(own).run(letters))
            }
        };
        started.map_err(|error| format!("no thread can be started: {error}"))?;
        Ok(Arc::new(Outbox::new(wire, self.flavour)))
    }
}

impl Dial for Link {
    fn dial(&self, _opening: &Opening, inlet: Inlet) -> Result<Arc<dyn Outlet>, String> {
        self.open(Box::new(inlet))
    }
}

impl Forward {
    /// Links to this server; `url` if it is spoken to elsewhere than at its endpoint (see
    /// [`nature::Nature::EventStream`]).
    pub fn link(self: &Arc<Self>, flavour: Flavour, url: Option<Uri>) -> Link {
        let place = Place::Server(Arc::clone(self), url);
        Link::new(self.server.name(), self.courier.clone(), place, flavour, self.limits.clone())
    }
}

/// Where a link puts what its server says; called from several threads.
trait Ear: Send + Sync {
    fn line(&self, line: Vec<u8>);
    fn oversize(&self, line: &Oversize);
    /// Takes back a request that the server cannot have got; false if nobody makes it again.
    fn undelivered(&self, line: &[u8]) -> bool;
    fn ended(&self, why: &str);
}

impl Ear for Inlet {
    fn line(&self, line: Vec<u8>) {
        Inlet::line(self, line);
    }

    fn oversize(&self, line: &Oversize) {
        Inlet::oversize(self, line);
    }

    fn undelivered(&self, line: &[u8]) -> bool {
        Inlet::undelivered(self, line)
    }

    fn ended(&self, why: &str) {
        Inlet::ended(self, why);
    }
}
