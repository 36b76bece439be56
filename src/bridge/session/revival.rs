//! Sessions that outlive what is in memory. A session's id says what it is (see [`crate::ledger`]): one that is not in
//! memory, because the proxy was started again, another proxy began it, its server's specification has changed or there
//! was no room for it, is made anew by its next request. Only who may issue ids can cause that.

use super::super::Bridge;
use super::super::peer::Peer;
use super::super::refusal::Refusal;
use super::{About, Capabilities, Level, Session};
use crate::auth::Caller;
use crate::ledger::{Claims, Ledger, Owner, Record};
use crate::meter::Visit;
use crate::protocol::error::RpcError;
use crate::protocol::revision::Revision;
use ::http::StatusCode;
use std::sync::Arc;

impl Bridge {
    fn ledger(&self) -> &Ledger {
        &self.context.ledger
    }

    fn owner<'o>(&'o self, caller: &'o Caller) -> Owner<'o> {
        Owner { server: self.name(), principal: caller.principal() }
    }

    /// A session that begins with these parameters, and can be revived from now on.
    pub(super) fn issue(
        &self,
        revision: Revision,
        about: About,
        params: Option<&str>,
        peer: &Arc<Peer>,
        caller: &Caller,
    ) -> Session {
        let (claims, id) = self.ledger().issue(self.owner(caller), revision, about.capabilities.bits());
        self.ledger().remember(&claims, &Record::begun(params));
        Session::named(id, claims, about, Arc::clone(peer), self.unread_outbox())
    }

    /// The session of an id that is not in memory, made anew; none if the id is none of ours, or its session is over.
    /// It needs no child that runs, and however many requests want it, it is one.
    ///
    /// # Errors
    /// It cannot be made now.
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub(crate) fn revive(&self, id: &str, caller: &Caller) -> Result<Option<Arc<Session>>, Refusal> {
        let Some(claims) = self.ledger().verify(id, self.owner(caller)) else { return Ok(None) };
        let record = self.ledger().recall(&claims).unwrap_or_default();
        // An HTTP server's own session is not for the bridge.
        if record.at_server.is_some() {
            return Ok(None);
        }
        let session = self.made_anew(id, claims, record, caller).map_err(unavailable)?;
        // Somebody may have ended it in the meantime, and did not find it in memory.
        if self.ledger().has_ended(&claims) {
            self.drop_session(&session);
            return Ok(None);
        }
        session.peer.adopt_wishes(&session);
        Ok(Some(session))
    }

    fn made_anew(
        &self,
        id: &str,
        claims: Claims,
        record: Record,
        caller: &Caller,
    ) -> Result<Arc<Session>, RpcError> {
        let declared = || Capabilities::declaration(claims.capabilities);
        let params = record.initialize.unwrap_or_else(|| claims.hello(&declared()));
        let peer = self.children.of_new_session(Some(&params))?;
        let about = About::of(Some(&params));
        let session = Session::named(id.into(), claims, about, peer, self.unread_outbox());
        let session = session.of(caller).number_on();
        session.state().level = record.level.as_deref().and_then(Level::parse);
        for uri in &record.subscriptions {
            // What there is no room for is not heard of, as if its record were lost.
            let _ = session.peer.note_subscription(uri, &session);
        }
        log::debug!(server = self.name(), event = "session", revision = claims.revision.as_str(); "a session goes on");
        let session = self.admit(session)?;
        self.meter().sessions.of(Visit::Revived).count();
        Ok(session)
    }

    /// Keeps the log level and the subscriptions of a session, which have changed.
    pub(super) fn keep_wishes(&self, session: &Session) {
        let Some(claims) = &session.claims else { return };
        self.ledger().amend(claims, |record| {
            let state = session.state();
            record.level = state.level.map(|level| level.as_str().to_string());
            record.subscriptions = state.subscriptions.iter().cloned().collect();
        });
    }

    /// Ends the session of that id, in memory or not; false if it is none of ours, or over already. When this returns,
    /// all who share the state folder know.
    pub(crate) fn end_session(&self, id: &str, caller: &Caller) -> bool {
        let Some(claims) = self.ledger().verify(id, self.owner(caller)) else { return false };
        if let Err(error) = self.ledger().end(&claims) {
            log::warn!(server = self.name(), event = "not-kept"; "that a session was ended cannot be written to the state folder; its id will work again once the proxy was restarted: {error}");
        }
        self.sessions.find(id).iter().for_each(|session| self.drop_session(session));
        true
    }

    /// Ends the sessions in memory that another proxy has ended, and those that are too old.
    pub(crate) fn end_sessions_that_are_over(&self) {
        let sessions = self.sessions.all();
        let claims: Vec<Claims> = sessions.iter().filter_map(|session| session.claims).collect();
        let over = self.ledger().over(&claims);
        let is_over = |session: &&Arc<Session>| session.claims.is_some_and(|it| over.contains(&it.nonce));
        sessions.iter().filter(is_over).for_each(|session| self.drop_session(session));
    }

    fn drop_session(&self, session: &Session) {
        self.sessions.remove(&session.id);
        self.forget(session);
    }
}

fn unavailable(error: RpcError) -> Refusal {
    Refusal::with(StatusCode::SERVICE_UNAVAILABLE, error)
}
