//! One client as a child sees it: what it declared, what it subscribed to, what waits for its stream.
//!
//! A legacy client is one for as long as its session lasts; each request of a modern client is one of its own.

pub(crate) mod batch;
pub(crate) mod event_stream;
pub(crate) mod hello;
pub(crate) mod listen;
pub(crate) mod registry;
pub(crate) mod requests;
pub(crate) mod revival;

use super::peer::Peer;
use super::stream::desk::Desk;
use super::stream::kept::Share;
use super::stream::mailbox::Mailbox;
use crate::auth::Caller;
use crate::ledger::Claims;
use crate::protocol::revision::{self, Era, Revision};
use crate::protocol::{handshake, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A session, from its `initialize` on, or one request of the modern era.
pub(crate) struct Session {
    /// `Mcp-Session-Id`; empty for a modern request.
    pub(crate) id: Arc<str>,
    /// What its id says. None: it ends with its stream (2024-11-05), or with its one request.
    pub(crate) claims: Option<Claims>,
    /// Whose it is; empty where nobody is asked who they are.
    pub(crate) principal: Arc<str>,
    /// The era of its client.
    pub(crate) era: Era,
    /// What was negotiated (legacy).
    pub(crate) revision: Revision,
    /// What the client says of itself.
    pub(crate) about: About,
    /// Who serves it.
    pub(crate) peer: Arc<Peer>,
    /// Messages that belong to no call, for the GET stream.
    pub(crate) outbox: Arc<Mailbox>,
    /// Streams whose client is away.
    pub(crate) desk: Desk,
    /// The last number of a stream that was given before it came into memory.
    earlier: u64,
    /// Numbers its streams; 0 is the GET stream.
    pub(crate) streams: AtomicU64,
    /// Numbers the events of all its streams.
    pub(crate) events: AtomicU64,
    /// Whether something was not asked of its client, which has not declared that it can be.
    spared: AtomicBool,
    state: Mutex<SessionState>,
}

/// What changes in a session.
pub(crate) struct SessionState {
    pub(crate) level: Option<Level>,
    pub(crate) subscriptions: BTreeSet<String>,
    /// Its share of what all sessions' subscriptions may take.
    pub(crate) subscribed: Option<Share>,
    pub(crate) last_used: Instant,
}

/// What a client says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// What it can be asked.
    pub(crate) capabilities: Capabilities,
    /// Its capabilities as a modern child is told them with every call, raw JSON.
    pub(crate) declared: String,
    /// Its name and version, raw JSON.
    pub(crate) info: String,
}

impl About {
    /// From the parameters of an `initialize` request.
    pub(crate) fn of(params: Option<&str>) -> About {
        let field = |key| params.and_then(|params| json::member(params, key));
        let object = |key| field(key).filter(|raw| raw.starts_with('{')).unwrap_or("{}").to_string();
        let declared = object("capabilities");
        About {
            capabilities: Capabilities::read(&declared),
            declared: handshake::modern_capabilities(&declared),
            info: object("clientInfo"),
        }
    }
}

/// What the client of a session can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) sampling: bool,
    pub(crate) elicitation_form: bool,
    pub(crate) elicitation_url: bool,
    pub(crate) roots: bool,
}

impl Capabilities {
    /// From the `capabilities` of an `initialize` request. An empty `elicitation` means forms (2025-11-25, client,
    /// Elicitation, Capabilities).
    pub(crate) fn read(raw: &str) -> Capabilities {
        let elicitation = json::member(raw, "elicitation").filter(|value| *value != "null");
        let has = |key| elicitation.is_some_and(|value| json::member(value, key).is_some());
        Capabilities {
            sampling: json::member(raw, "sampling").is_some_and(|value| value != "null"),
            elicitation_form: elicitation.is_some() && (has("form") || !has("url")),
            elicitation_url: has("url"),
            roots: json::member(raw, "roots").is_some_and(|value| value != "null"),
        }
    }

    /// As an id holds them.
    pub(crate) fn bits(self) -> u8 {
        let all = [self.sampling, self.elicitation_form, self.elicitation_url, self.roots];
        all.iter().enumerate().map(|(place, has)| u8::from(*has) << place).sum()
    }

    /// The `capabilities` of an `initialize` request that are just these, raw JSON.
    pub(crate) fn declaration(bits: u8) -> String {
        let has = |place: u8| bits >> place & 1 == 1;
        let modes = [(has(1), "\"form\":{}"), (has(2), "\"url\":{}")];
        let modes = modes.into_iter().filter_map(|(has, mode)| has.then_some(mode)).collect::<Vec<_>>();
        let all = [
            has(0).then(|| "\"sampling\":{}".to_string()),
            (has(1) || has(2)).then(|| format!("\"elicitation\":{{{}}}", modes.join(","))),
            has(3).then(|| "\"roots\":{}".to_string()),
        ];
        format!("{{{}}}", all.into_iter().flatten().collect::<Vec<_>>().join(","))
    }

    /// Whether a client with these can be asked this.
    pub(crate) fn cover(self, method: &str, params: Option<&str>) -> bool {
        let mode = params.and_then(|params| json::member(params, "mode")).and_then(json::string);
        match (method, mode.as_deref()) {
            ("sampling/createMessage", _) => self.sampling,
            ("elicitation/create", Some("url")) => self.elicitation_url,
            ("elicitation/create", _) => self.elicitation_form,
            ("roots/list", _) => self.roots,
            _ => false,
        }
    }
}

/// Log levels, least severe first (RFC 5424 by way of MCP, server utilities, Logging).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(usize);

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

impl Level {
    /// The `level` of the parameters, if it is one.
    pub(crate) fn of(params: Option<&str>) -> Option<Level> {
        Level::parse(&json::string(json::member(params?, "level")?)?)
    }

    /// The level of that name.
    pub(crate) fn parse(name: &str) -> Option<Level> {
        LEVELS.iter().position(|level| *level == name).map(Level)
    }

    pub(crate) fn as_str(self) -> &'static str {
        LEVELS[self.0]
    }
}

impl Session {
    /// A legacy session that ends with its stream: its client never sees the id.
    pub(crate) fn new(revision: Revision, about: About, peer: Arc<Peer>, outbox: Arc<Mailbox>) -> Session {
        let id = format!("{:032x}", rand::random::<u128>());
        Session::make(id, Era::Legacy, revision, about, peer, outbox)
    }

    /// A legacy session with this id, which says that.
    pub(crate) fn named(
        id: String,
        claims: Claims,
        about: About,
        peer: Arc<Peer>,
        outbox: Arc<Mailbox>,
    ) -> Session {
        let session = Session::make(id, Era::Legacy, claims.revision, about, peer, outbox);
        Session { claims: Some(claims), ..session }
    }

    /// It belongs to them.
    pub(crate) fn of(mut self, caller: &Caller) -> Session {
        self.principal = Arc::clone(caller.principal());
        self
    }

    /// The session goes on after it was forgotten: what its streams and events are called now, they were not before.
    pub(crate) fn number_on(mut self) -> Session {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
        (self.earlier, self.streams, self.events) = (micros, micros.into(), micros.into());
        self
    }

    /// One request of a modern client, which gets log messages from `level` on, or none.
    pub(crate) fn of_request(about: About, level: Option<Level>, peer: Arc<Peer>) -> Session {
        let outbox = Arc::new(peer.terms.mailbox());
        let session = Session::make(String::new(), Era::Modern, revision::NEWEST_LEGACY, about, peer, outbox);
        session.state().level = level;
        session
    }

    fn make(
        id: String,
        era: Era,
        revision: Revision,
        about: About,
        peer: Arc<Peer>,
        outbox: Arc<Mailbox>,
    ) -> Session {
        let state = SessionState {
            level: None,
            subscriptions: BTreeSet::new(),
            subscribed: None,
            last_used: Instant::now(),
        };
        Session {
            id: id.into(),
            claims: None,
            principal: "".into(),
            era,
            revision,
            about,
            peer,
            outbox,
            desk: Desk::default(),
            earlier: 0,
            streams: AtomicU64::new(0),
            events: AtomicU64::new(0),
            spared: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a stream of that number was opened here, since the session came into memory.
    pub(crate) fn has_opened(&self, stream: u64) -> bool {
        (self.earlier + 1..=self.streams.load(Ordering::Relaxed)).contains(&stream)
    }

    /// It is in use: not the one to be forgotten next.
    pub(crate) fn touch(&self) {
        self.state().last_used = Instant::now();
    }

    /// Whether it has subscribed to resources and a stream is open for their updates.
    pub(crate) fn awaits_updates(&self) -> bool {
        self.outbox.is_read() && !self.state().subscriptions.is_empty()
    }

    /// The child was refused a question, because this client has not declared that it can be asked that.
    pub(crate) fn spare(&self) {
        self.spared.store(true, Ordering::Relaxed);
    }

    /// Whether that has happened.
    pub(crate) fn was_spared(&self) -> bool {
        self.spared.load(Ordering::Relaxed)
    }

    /// Whether a log message of this level is wanted. A client that set no level gets what the child sends, unless
    /// it is a modern one, which names a level with each request that wants any (2026-07-28, server, Logging).
    pub(crate) fn wants(&self, level: Option<Level>) -> bool {
        match (self.state().level, level) {
            (Some(own), Some(level)) => level >= own,
            (own, _) => own.is_some() || self.era == Era::Legacy,
        }
    }
}

#[cfg(test)]
impl Session {
    /// A legacy session of a server that does not run.
    pub(crate) fn for_tests() -> Session {
        Session::new(revision::ASSUMED, About::default(), Peer::for_tests(), Arc::new(Mailbox::new(1)))
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
    fn what_a_client_can_be_asked_fits_into_its_id() {
        for bits in 0..16 {
            let declared = Capabilities::declaration(bits);
            assert_eq!(Capabilities::read(&declared).bits(), bits, "{declared}");
        }
    }

    #[test]
    fn levels_are_ordered() {
        let level = |name: &str| Level::of(Some(&format!(r#"{{"level":"{name}"}}"#)));
        assert!(level("debug") < level("warning") && level("warning") < level("emergency"));
        assert_eq!(level("loud"), None);
    }
}
