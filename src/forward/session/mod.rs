//! Sessions of clients with an HTTP server, under ids of ours: they outlive the server's life, and the proxy's.
//!
//! ```text
//! registry   ids, and the sessions that are remembered
//! seat       what the server calls a session; found out anew once for all who ask
//! replay     the session said again to a server that does not know it; hello: if its record is lost
//! forgotten  how a server says that it does not know it
//! matter     what of a message is remembered
//! ```

pub(super) mod forgotten;
pub(super) mod hello;
pub(super) mod matter;
pub(super) mod registry;
pub(super) mod replay;
pub(super) mod seat;

use super::link::peer::Peer;
use super::link::refusal::Trouble;
use super::{Forward, Target};
use crate::ledger::{Claims, Record};
use ::http::{HeaderMap, HeaderValue};
use matter::About;
use registry::Sessions;
use seat::Seat;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A session that an HTTP server keeps.
pub(crate) struct Session {
    claims: Claims,
    /// Whose it is.
    principal: Arc<str>,
    /// Its id at its client.
    pub(super) token: HeaderValue,
    seat: Seat,
    record: Mutex<Record>,
    moments: Mutex<Moments>,
}

#[derive(Clone, Copy)]
struct Moments {
    used: Instant,
    /// When its id was last found good.
    verified: Instant,
}

impl Session {
    fn new(claims: Claims, principal: &Arc<str>, token: HeaderValue, seat: Seat, record: Record) -> Session {
        let now = Instant::now();
        let moments = Mutex::new(Moments { used: now, verified: now });
        let principal = Arc::clone(principal);
        Session { claims, principal, token, seat, record: Mutex::new(record), moments }
    }

    /// What it is called in this life of the server, where it is begun anew if it is not known, or not known as
    /// `stale`. `headers` are those of the request that needs it.
    ///
    /// # Errors
    /// It could not be begun.
    pub(super) fn at_server(
        &self,
        forward: &Forward,
        target: &Target,
        life: u64,
        stale: Option<&HeaderValue>,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Arc<Trouble>> {
        self.seat.id(life, stale, || {
            let record = self.record().clone();
            let params = record.initialize.clone().unwrap_or_else(|| self.hello());
            let peer = Peer { courier: forward.courier.clone(), target: target.clone() };
            let greeted = replay::replay(&peer, replay::companions(headers), &record, &params)?;
            let id = greeted.id.as_ref().and_then(|id| id.to_str().ok()).map(str::to_string);
            self.change(&forward.sessions, |record| record.at_server = id);
            log::info!(server = forward.server.name(), event = "session-renewed"; "began a client's session anew");
            Ok(greeted.id)
        })
    }

    /// Parameters of an `initialize`, as its id has them.
    fn hello(&self) -> String {
        self.claims.hello(&hello::declaration(self.claims.capabilities))
    }

    /// What it is called in this life of the server, if it is known there.
    pub(super) fn known(&self, life: u64) -> Option<HeaderValue> {
        self.seat.known(life).flatten()
    }

    /// Remembers what a message that the server took was about.
    pub(super) fn note(&self, sessions: &Sessions, about: About) {
        if about != About::Other {
            self.change(sessions, |record| about.note(record, sessions.max_subscriptions()));
        }
    }

    fn change(&self, sessions: &Sessions, change: impl FnOnce(&mut Record)) {
        let mut record = self.record();
        change(&mut record);
        let record = record.clone();
        sessions.remember(&self.claims, &record);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moments(&self) -> MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
