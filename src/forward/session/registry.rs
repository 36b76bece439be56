//! The sessions of one HTTP server: ids of ours, and what is remembered of them. At the cap the one idle longest is
//! forgotten here; its record brings it back.

use super::seat::Seat;
use super::{Session, hello};
use crate::ledger::{Claims, Ledger, Owner, Record};
use crate::meter::{Meter, Visit};
use crate::server::Context;
use ::http::HeaderValue;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An id that was found good is so for this long: another process may have ended its session meanwhile.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// All sessions of a server, by their ids at clients.
pub(in crate::forward) struct Sessions {
    meter: Arc<Meter>,
    context: Arc<Context>,
    /// What a server that runs elsewhere calls a session, it still calls it after our own end.
    is_lasting: bool,
    open: Mutex<HashMap<Box<str>, Arc<Session>>>,
}

impl Sessions {
    pub(in crate::forward) fn new(meter: &Arc<Meter>, context: Arc<Context>, is_lasting: bool) -> Sessions {
        Sessions { meter: Arc::clone(meter), context, is_lasting, open: Mutex::default() }
    }

    /// A session that began with these parameters and which the server, in this life of it, calls `id`.
    pub(in crate::forward) fn begin(
        &self,
        principal: &Arc<str>,
        params: Option<String>,
        life: u64,
        id: &HeaderValue,
    ) -> Option<Arc<Session>> {
        let (revision, capabilities) = hello::said(params.as_deref());
        let (claims, token) = self.ledger().issue(self.owner(principal), revision, capabilities);
        let at_server = id.to_str().ok().map(str::to_string);
        let record = Record { at_server, ..Record::begun(params.as_deref()) };
        self.remember(&claims, &record);
        let seat = Seat::new(Some((life, Some(id.clone()))));
        let session = Session::new(claims, principal, HeaderValue::from_str(&token).ok()?, seat, record);
        self.meter.sessions.of(Visit::Created).count();
        Some(self.add(token.into(), session))
    }

    /// The session of that id, if it is one of this principal's with this server and was not ended.
    pub(in crate::forward) fn find(&self, id: &HeaderValue, principal: &Arc<str>) -> Option<Arc<Session>> {
        let token = id.to_str().ok()?;
        let known = self.open().get(token).cloned();
        match known {
            Some(session) if session.principal != *principal => None,
            Some(session) => self.is_still_good(token, &session).then_some(session),
            None => self.recall(token, principal),
        }
    }

    /// Whether it was not ended meanwhile.
    pub(in crate::forward) fn is_open(&self, session: &Session) -> bool {
        self.find(&session.token, &session.principal).is_some()
    }

    fn is_still_good(&self, token: &str, session: &Session) -> bool {
        let mut moments = *session.moments();
        moments.used = Instant::now();
        if moments.used - moments.verified >= GOOD_FOR {
            if self.ledger().verify(token, self.owner(&session.principal)).is_none() {
                self.open().remove(token);
                return false;
            }
            moments.verified = moments.used;
        }
        *session.moments() = moments;
        true
    }

    /// One that began in another life of the proxy, or was forgotten here.
    fn recall(&self, token: &str, principal: &Arc<str>) -> Option<Arc<Session>> {
        let claims = self.ledger().verify(token, self.owner(principal))?;
        if claims.capabilities & hello::OF_SERVER == 0 {
            return None;
        }
        let record = self.ledger().recall(&claims).unwrap_or_default();
        // A child of ours is another one by now, and could call somebody else so.
        let id = record.at_server.as_deref().filter(|_| self.is_lasting);
        let id = id.and_then(|id| HeaderValue::from_str(id).ok());
        let seat = Seat::new(id.map(|id| (0, Some(id))));
        let session = Session::new(claims, principal, HeaderValue::from_str(token).ok()?, seat, record);
        self.meter.sessions.of(Visit::Revived).count();
        Some(self.add(token.into(), session))
    }

    /// Whoever was first with this id.
    fn add(&self, token: Box<str>, session: Session) -> Arc<Session> {
        let mut open = self.open();
        let oldest =
            || open.iter().min_by_key(|(_, session)| session.moments().used).map(|(id, _)| id.clone());
        let full = open.len() >= self.context.limits.max_sessions && !open.contains_key(&token);
        if let Some(oldest) = full.then(oldest).flatten() {
            self.meter.sessions.of(Visit::Forgotten).count();
            open.remove(&oldest);
        }
        Arc::clone(open.entry(token).or_insert_with(|| Arc::new(session)))
    }

    /// The session is over, for good.
    ///
    /// # Errors
    /// See [`Ledger::end`].
    pub(in crate::forward) fn end(&self, session: &Session) -> io::Result<()> {
        if let Ok(token) = session.token.to_str() {
            self.open().remove(token);
        }
        self.ledger().end(&session.claims)
    }

    pub(super) fn remember(&self, claims: &Claims, record: &Record) {
        self.ledger().remember(claims, record);
    }

    pub(super) fn max_subscriptions(&self) -> usize {
        self.context.limits.max_subscriptions
    }

    fn ledger(&self) -> &Ledger {
        &self.context.ledger
    }

    fn owner<'o>(&'o self, principal: &'o str) -> Owner<'o> {
        Owner { server: self.meter.name(), principal }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
