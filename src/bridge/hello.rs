//! `initialize`: each session's is answered from the one result that the shared child gave.

use super::Bridge;
use super::headers::SESSION_ID;
use super::session::{Capabilities, Session};
use crate::http::{Response, json_response};
use crate::protocol::error;
use crate::protocol::json;
use crate::protocol::revision::{ASSUMED, Revision};
use ::http::{HeaderValue, StatusCode};
use std::sync::Arc;

impl Bridge {
    /// Begins a session. What stands in the way of the child is a JSON-RPC error with status 200: with 400, 404 or
    /// 405 a client would take us for a server of 2024-11-05.
    pub(super) fn initialize(&self, id: &str, params: Option<&str>) -> Response {
        let result = self.running().map(|running| running.greeting.map(|greeting| greeting.result));
        let own = match result {
            Ok(Some(own)) => own,
            Ok(None) => Arc::from("{}"),
            Err(error) => return json_response(StatusCode::OK, error.response(id).into_bytes()),
        };
        let field = |key| params.and_then(|params| json::member(params, key));
        let wanted = field("protocolVersion").and_then(json::string);
        let (revision, result) = for_session(&own, wanted.as_deref());
        let capabilities = Capabilities::read(field("capabilities").unwrap_or("{}"));
        let session = Arc::new(Session::new(revision, capabilities, self.limits.stream_queue_bytes));
        let session_id = HeaderValue::from_str(&session.id);
        if let Some(forgotten) = self.sessions.add(session) {
            log::info!(server = self.server.name(), event = "session-forgotten"; "max_sessions reached: the session idle longest is forgotten");
            self.forget(&forgotten);
        }
        let mut response = json_response(StatusCode::OK, error::success(id, &result).into_bytes());
        if let Ok(session_id) = session_id {
            response.headers_mut().insert(SESSION_ID, session_id);
        }
        response
    }

    /// Lets go of a session that is over: its stream ends, its calls are cancelled, its subscriptions given up.
    pub(super) fn forget(&self, session: &Session) {
        session.outbox.detach();
        self.give_up_wishes(session);
        for call in self.calls.of_session(session) {
            self.abandon(&call, "session ended");
        }
    }
}

/// The child's result as one session gets it: in the client's revision if the child's is not older, and without
/// `tasks`, which would show one client's tasks to another.
fn for_session(own: &str, wanted: Option<&str>) -> (Revision, String) {
    let entries = json::entries(own).unwrap_or_default();
    let theirs = json::member(own, "protocolVersion").and_then(json::string);
    let theirs = theirs.as_deref().and_then(Revision::parse).unwrap_or(ASSUMED);
    let revision = wanted.and_then(Revision::parse).map_or(theirs, |wanted| wanted.min(theirs));
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
        let version = |wanted| for_session(OWN, wanted).0.as_str();
        assert_eq!(version(Some("2025-03-26")), "2025-03-26");
        assert_eq!(version(Some("2025-11-25")), "2025-06-18");
        assert_eq!(version(Some("3000-01-01")), "2025-06-18");
    }

    #[test]
    fn all_else_passes_but_tasks() {
        let (_, result) = for_session(OWN, Some("2025-03-26"));
        assert_eq!(
            result,
            r#"{"protocolVersion":"2025-03-26","capabilities":{"tools":{"x":1.0}},"y":1e400}"#
        );
    }
}
