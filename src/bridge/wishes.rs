//! What the sessions want of the one child beyond single calls: its log level and its subscriptions.
//!
//! One lock is held from a decision to the sending that follows from it (which never waits), so that the child hears
//! of changes in the order in which they were made. What the child was asked counts once it has agreed.

use super::Bridge;
use super::session::{Level, Session};
use crate::protocol::error::{INVALID_PARAMS, RpcError};
use crate::protocol::json;
use crate::server::Running;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the child has agreed to.
#[derive(Default)]
pub(super) struct Agreed {
    level: Option<Level>,
    subscriptions: BTreeSet<String>,
}

/// The lock over [`Agreed`].
#[derive(Default)]
pub(super) struct Wishes(Mutex<Agreed>);

/// What a request wishes for, to be noted when the child agrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    None,
    Level(Level),
    Subscribe(String),
    Unsubscribe(String),
}

/// What becomes of a request with a wish.
pub(super) enum Decision {
    /// The child has to be asked.
    Ask,
    /// The answer is ours to give.
    Answer(Result<(), RpcError>),
}

impl Wish {
    /// What a request wishes for.
    ///
    /// # Errors
    /// It names no known log level.
    pub(super) fn of(method: &str, params: Option<&str>) -> Result<Wish, RpcError> {
        let uri = || json::string(json::member(params?, "uri")?);
        Ok(match method {
            "logging/setLevel" => Wish::Level(Level::of(params).ok_or_else(no_level)?),
            "resources/subscribe" => uri().map_or(Wish::None, Wish::Subscribe),
            "resources/unsubscribe" => uri().map_or(Wish::None, Wish::Unsubscribe),
            _ => Wish::None,
        })
    }
}

fn no_level() -> RpcError {
    let text = "level must be one of debug, info, notice, warning, error, critical, alert, emergency";
    RpcError::new(INVALID_PARAMS, text)
}

impl Wishes {
    /// Held while a wish is decided and sent.
    pub(super) fn lock(&self) -> MutexGuard<'_, Agreed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bridge {
    /// Notes the wish of a session and says whether the child has to hear of it. A subscription is noted before the
    /// child knows of it, so that no update is lost.
    pub(super) fn decide(
        &self,
        wish: &Wish,
        session: &Session,
        agreed: &mut Agreed,
        running: &Running,
    ) -> Decision {
        match wish {
            Wish::None => Decision::Ask,
            Wish::Level(level) => {
                session.state().level = Some(*level);
                self.decide_level(*level, agreed, running)
            }
            Wish::Subscribe(uri) => {
                let mut state = session.state();
                if state.subscriptions.len() >= self.limits.max_subscriptions
                    && !state.subscriptions.contains(uri)
                {
                    let text =
                        format!("a session may subscribe to {} resources", self.limits.max_subscriptions);
                    return Decision::Answer(Err(RpcError::new(INVALID_PARAMS, text)));
                }
                state.subscriptions.insert(uri.clone());
                if agreed.subscriptions.contains(uri) { Decision::Answer(Ok(())) } else { Decision::Ask }
            }
            Wish::Unsubscribe(uri) => {
                session.state().subscriptions.remove(uri);
                let wanted = self.sessions.any_subscribed(uri);
                if wanted { Decision::Answer(Ok(())) } else { Decision::Ask }
            }
        }
    }

    /// The child's level is the most verbose one that any session wants.
    fn decide_level(&self, own: Level, agreed: &mut Agreed, running: &Running) -> Decision {
        let wanted = self.sessions.most_verbose().unwrap_or(own);
        if agreed.level == Some(wanted) {
            return Decision::Answer(Ok(()));
        }
        if wanted == own {
            return Decision::Ask;
        }
        self.tell_level(wanted, agreed, running);
        Decision::Answer(Ok(()))
    }

    fn tell_level(&self, level: Level, agreed: &mut Agreed, running: &Running) {
        agreed.level = Some(level);
        self.send_own(running, "logging/setLevel", &json!({ "level": level.as_str() }));
    }

    /// The child has answered a request with a wish.
    pub(super) fn conclude(&self, wish: &Wish, session: &Session, refused: bool) {
        let mut agreed = self.wishes.lock();
        match wish {
            Wish::Level(level) if !refused => agreed.level = Some(*level),
            Wish::Subscribe(uri) if refused => drop(session.state().subscriptions.remove(uri)),
            Wish::Subscribe(uri) => drop(agreed.subscriptions.insert(uri.clone())),
            Wish::Unsubscribe(uri) => drop(agreed.subscriptions.remove(uri)),
            Wish::None | Wish::Level(_) => {}
        }
    }

    /// A session is over: what only it wanted is given up.
    pub(super) fn give_up_wishes(&self, session: &Session) {
        let mut agreed = self.wishes.lock();
        let uris = std::mem::take(&mut session.state().subscriptions);
        let Some(running) = self.server.running() else { return };
        for uri in uris {
            if !self.sessions.any_subscribed(&uri) && agreed.subscriptions.remove(&uri) {
                self.send_own(&running, "resources/unsubscribe", &json!({ "uri": uri }));
            }
        }
        if let Some(level) = self.sessions.most_verbose().filter(|level| agreed.level != Some(*level)) {
            self.tell_level(level, &mut agreed, &running);
        }
    }

    /// A new child gets to know what the sessions want.
    pub(super) fn renew_wishes(&self, running: &Running) {
        let mut agreed = self.wishes.lock();
        *agreed = Agreed::default();
        if let Some(level) = self.sessions.most_verbose() {
            self.tell_level(level, &mut agreed, running);
        }
        for uri in self.sessions.all_subscriptions() {
            self.send_own(running, "resources/subscribe", &json!({ "uri": uri }));
            agreed.subscriptions.insert(uri);
        }
    }
}
