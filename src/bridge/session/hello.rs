//! `initialize`: a session's is answered from the one result that the shared child gave, or by the child of its own.

use super::super::Bridge;
use super::super::headers::SESSION_ID;
use super::super::peer::Peer;
use super::super::stream::mailbox::Mailbox;
use super::registry::Added;
use super::{About, Session};
use crate::auth::Caller;
use crate::auth::calls::{Outcome, Record};
use crate::http::{Response, json_response};
use crate::meter::Visit;
use crate::protocol::error::{self, INTERNAL_ERROR, RpcError};
use crate::protocol::handshake;
use crate::protocol::json;
use crate::protocol::revision::{ASSUMED, Era, Revision};
use crate::server::{Greeting, Running};
use ::http::{HeaderValue, StatusCode};
use std::sync::{Arc, PoisonError};

impl Bridge {
    /// Begins a session. What stands in the way of the child is a JSON-RPC error with status 200: with 400, 404 or
    /// 405 a client would take us for a server of 2024-11-05.
    pub(crate) fn initialize(self: &Arc<Self>, id: &str, params: Option<&str>, caller: &Caller) -> Response {
        match self.begin(params, None, caller) {
            Ok((session, result)) => {
                let mut response = json_response(StatusCode::OK, error::success(id, &result).into_bytes());
                if let Ok(session_id) = HeaderValue::from_str(&session.id) {
                    response.headers_mut().insert(SESSION_ID, session_id);
                }
                response
            }
            Err(error) => json_response(StatusCode::OK, error.response(id).into_bytes()),
        }
    }

    /// A new session, and the result of its `initialize`. Its messages go to `outbox`, or wait for a GET stream.
    pub(crate) fn begin(
        self: &Arc<Self>,
        params: Option<&str>,
        outbox: Option<Arc<Mailbox>>,
        caller: &Caller,
    ) -> Result<(Arc<Session>, String), RpcError> {
        let record = Record::of_hello(self.meter());
        let begun = self.receive(params, outbox, caller);
        record.end(begun.as_ref().map_or_else(Outcome::of_failure, |_| Outcome::Ok));
        begun
    }

    fn receive(
        self: &Arc<Self>,
        params: Option<&str>,
        outbox: Option<Arc<Mailbox>>,
        caller: &Caller,
    ) -> Result<(Arc<Session>, String), RpcError> {
        let peer = self.children.of_new_session(params)?;
        let awake = self.children.known(&peer).inspect_err(|_| self.children.end_own(&peer))?;
        let field = |key| params.and_then(|params| json::member(params, key));
        let wanted = field("protocolVersion").and_then(json::string).as_deref().and_then(Revision::parse);
        let (revision, result) = greet(&peer, &awake.running, wanted);
        let about = About::of(params);
        log::debug!(server = self.name(), event = "session", revision = revision.as_str(); "a session begins");
        let session = match outbox {
            Some(outbox) => Session::new(revision, about, Arc::clone(&peer), outbox),
            None => self.issue(revision, about, params, &peer, caller),
        };
        let session = session.of(caller);
        let session = self.admit(session)?;
        self.meter().sessions.of(Visit::Created).count();
        peer.listen_for_sessions(&awake.running);
        Ok((session, result))
    }

    /// Puts a session among those in memory. The one that is there already, if there is one of its id.
    ///
    /// # Errors
    /// The server is not served here any more.
    pub(super) fn admit(&self, session: Session) -> Result<Arc<Session>, RpcError> {
        let session = Arc::new(session);
        let peer = &session.peer;
        if peer.audience.is_one {
            peer.audience.sessions.add(Arc::clone(&session));
        }
        match self.sessions.add(Arc::clone(&session)) {
            Added::New(forgotten) => {
                forgotten.iter().for_each(|forgotten| self.make_room(forgotten));
                Ok(session)
            }
            Added::Known(known) => {
                self.children.end_own(peer);
                Ok(known)
            }
            Added::Closed => {
                self.children.end_own(peer);
                let text = format!("server {} is being stopped; try again in a moment", self.name());
                Err(RpcError::new(INTERNAL_ERROR, text))
            }
        }
    }

    fn make_room(&self, forgotten: &Session) {
        self.meter().sessions.of(Visit::Forgotten).count();
        if self.no_room_told.lock().unwrap_or_else(PoisonError::into_inner).is_due() {
            log::info!(server = self.name(), event = "session-forgotten"; "max_sessions reached: the session idle longest gives its place away until its next request, now and whenever there is no room (this is said once a minute)");
        }
        self.forget(forgotten);
    }

    /// What a session without a stream is told shares its room with all that are away.
    pub(super) fn unread_outbox(&self) -> Arc<Mailbox> {
        let outbox = Arc::new(self.terms.mailbox());
        outbox.leave(&self.kept);
        outbox
    }

    /// Lets go of a session that is over, or that is not to take memory: its stream ends, its calls are cancelled, its
    /// subscriptions given up, its child, if it has one of its own, stopped.
    pub(crate) fn forget(&self, session: &Session) {
        session.outbox.detach();
        session.outbox.close();
        session.desk.clear();
        self.replay.forget(&session.id);
        session.peer.give_up_wishes(session);
        session.peer.refuse_asks_of(session);
        for call in session.peer.calls.of_session(session) {
            session.peer.abandon(&call, "session ended");
        }
        self.children.end_own(&session.peer);
    }
}

/// The result of `initialize` for one session, and the revision it speaks.
fn greet(peer: &Peer, running: &Running, wanted: Option<Revision>) -> (Revision, String) {
    match &running.greeting {
        Some(Greeting { era: Era::Modern, result, .. }) => {
            let revision = wanted.unwrap_or(crate::protocol::revision::NEWEST_LEGACY);
            (revision, handshake::initialize_result(result, revision))
        }
        Some(Greeting { result, .. }) if peer.audience.is_one => (revision_of(result), result.to_string()),
        Some(Greeting { result, .. }) => for_session(result, wanted),
        None => for_session("{}", wanted),
    }
}

fn revision_of(result: &str) -> Revision {
    let version = json::member(result, "protocolVersion").and_then(json::string);
    version.as_deref().and_then(Revision::parse).unwrap_or(ASSUMED)
}

/// The child's result as one session gets it: in the client's revision if the child's is not older, and without
/// `tasks`, which would show one client's tasks to another.
fn for_session(own: &str, wanted: Option<Revision>) -> (Revision, String) {
    let entries = json::entries(own).unwrap_or_default();
    let theirs = revision_of(own);
    let revision = wanted.map_or(theirs, |wanted| wanted.min(theirs));
    let version = format!("\"{}\"", revision.as_str());
    let capabilities = json::member(own, "capabilities").and_then(json::entries).map(|entries| {
        let kept = entries.into_iter().filter(|(key, _)| !json::spells(key, "tasks"));
        json::object(kept)
    });
    let fields = entries.into_iter().map(|(key, value)| match &capabilities {
        _ if json::spells(key, "protocolVersion") => (key, version.as_str()),
        Some(kept) if json::spells(key, "capabilities") => (key, kept.as_str()),
        _ => (key, value),
    });
    (revision, json::object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str =
        r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{"x":1.0},"tasks":{}},"y":1e400}"#;

    #[test]
    fn the_revision_is_the_clients_unless_the_child_is_older() {
        let version = |wanted| for_session(OWN, Revision::parse(wanted)).0.as_str();
        assert_eq!(version("2025-03-26"), "2025-03-26");
        assert_eq!(version("2025-11-25"), "2025-06-18");
        assert_eq!(version("3000-01-01"), "2025-06-18");
    }

    #[test]
    fn all_else_passes_but_tasks() {
        let (_, result) = for_session(OWN, Revision::parse("2025-03-26"));
        assert_eq!(
            result,
            r#"{"protocolVersion":"2025-03-26","capabilities":{"tools":{"x":1.0}},"y":1e400}"#
        );
    }
}
