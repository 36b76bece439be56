//! One client's session: what it declared, what it subscribed to, what waits for its stream.

use super::mailbox::Mailbox;
use crate::protocol::json;
use crate::protocol::revision::Revision;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A session, from its `initialize` on.
pub(super) struct Session {
    /// `Mcp-Session-Id`.
    pub(super) id: String,
    /// What was negotiated.
    pub(super) capabilities: Capabilities,
    /// Messages that belong to no call, for the GET stream.
    pub(super) outbox: Mailbox,
    state: Mutex<SessionState>,
}

/// What changes in a session.
pub(super) struct SessionState {
    pub(super) level: Option<Level>,
    pub(super) subscriptions: BTreeSet<String>,
    pub(super) last_used: Instant,
}

/// What the client of a session can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    pub(super) sampling: bool,
    pub(super) elicitation_form: bool,
    pub(super) elicitation_url: bool,
}

impl Capabilities {
    /// From the `capabilities` of an `initialize` request. An empty `elicitation` means forms (2025-11-25, client,
    /// Elicitation, Capabilities).
    pub(super) fn read(raw: &str) -> Capabilities {
        let elicitation = json::member(raw, "elicitation").filter(|value| *value != "null");
        let has = |key| elicitation.is_some_and(|value| json::member(value, key).is_some());
        Capabilities {
            sampling: json::member(raw, "sampling").is_some_and(|value| value != "null"),
            elicitation_form: elicitation.is_some() && (has("form") || !has("url")),
            elicitation_url: has("url"),
        }
    }

    /// Whether a client with these can be asked this.
    pub(super) fn cover(self, method: &str, params: Option<&str>) -> bool {
        let mode = params.and_then(|params| json::member(params, "mode")).and_then(json::string);
        match (method, mode.as_deref()) {
            ("sampling/createMessage", _) => self.sampling,
            ("elicitation/create", Some("url")) => self.elicitation_url,
            ("elicitation/create", _) => self.elicitation_form,
            _ => false,
        }
    }
}

/// Log levels, least severe first (RFC 5424 by way of MCP, server utilities, Logging).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(usize);

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

impl Level {
    /// The `level` of the parameters, if it is one.
    pub(super) fn of(params: Option<&str>) -> Option<Level> {
        let name = json::string(json::member(params?, "level")?)?;
        LEVELS.iter().position(|level| *level == name).map(Level)
    }

    pub(super) fn as_str(self) -> &'static str {
        LEVELS[self.0]
    }
}

impl Session {
    pub(super) fn new(revision: Revision, capabilities: Capabilities, queue_bytes: usize) -> Session {
        let id = format!("{:032x}", rand::random::<u128>());
        let state = SessionState { level: None, subscriptions: BTreeSet::new(), last_used: Instant::now() };
        log::debug!(event = "session", revision = revision.as_str(); "a session begins");
        Session { id, capabilities, outbox: Mailbox::new(queue_bytes), state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is in use: not the one to be forgotten next.
    pub(super) fn touch(&self) {
        self.state().last_used = Instant::now();
    }

    /// Whether a log message of this level is wanted. A client that set no level gets what the child sends.
    pub(super) fn wants(&self, level: Option<Level>) -> bool {
        match (self.state().level, level) {
            (Some(own), Some(level)) => level >= own,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_can_be_asked() {
        let read = |raw| Capabilities::read(raw);
        assert_eq!(read("{}"), Capabilities::default());
        let forms = read(r#"{"sampling":{},"elicitation":{}}"#);
        assert!(forms.cover("sampling/createMessage", None) && forms.cover("elicitation/create", Some("{}")));
        assert!(
            !forms.cover("elicitation/create", Some(r#"{"mode":"url"}"#)) && !forms.cover("roots/list", None)
        );
        let urls = read(r#"{"elicitation":{"url":{}}}"#);
        assert!(
            urls.cover("elicitation/create", Some(r#"{"mode":"url"}"#))
                && !urls.cover("elicitation/create", None)
        );
    }

    #[test]
    fn levels_are_ordered() {
        let level = |name: &str| Level::of(Some(&format!(r#"{{"level":"{name}"}}"#)));
        assert!(level("debug") < level("warning") && level("warning") < level("emergency"));
        assert_eq!(level("loud"), None);
    }
}
