//! What the sessions want of the one child beyond single calls: its log level and its subscriptions.
//!
//! One lock is held from a decision to the sending that follows from it (which never waits), so that the child hears
//! of changes in the order in which they were made. What the child was asked counts once it has agreed.

use super::super::session::{Level, Session};
use super::super::stream::kept::Kept;
use super::{Peer, era_of};
use crate::protocol::error::{INVALID_PARAMS, RpcError};
use crate::protocol::json;
use crate::protocol::revision::{Era, MODERN};
use crate::server::Running;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the child has agreed to.
#[derive(Default)]
pub(crate) struct Agreed {
    /// Who: the child that was told last, until it is down.
    child: Option<Running>,
    level: Option<Level>,
    subscriptions: BTreeSet<String>,
    /// Our `subscriptions/listen` at a modern child, on behalf of the legacy sessions.
    listen: Option<u64>,
    /// The last of them that the child has acknowledged.
    heard: u64,
}

/// The longest name of a resource that can be subscribed to.
const MAX_URI_BYTES: usize = 8 * 1024;
/// How long a client waits for the child to agree to a subscription, which it need not.
const MOMENT: Duration = Duration::from_secs(2);

/// The lock over [`Agreed`], and who waits for the child's acknowledgement.
#[derive(Default)]
pub(crate) struct Wishes(Mutex<Agreed>, Condvar);

/// What a request wishes for, to be noted when the child agrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    None,
    Level(Level),
    Subscribe(String),
    Unsubscribe(String),
}

/// What becomes of a request with a wish.
pub(crate) enum Decision {
    /// The child has to be asked.
    Ask,
    /// The answer is ours to give.
    Answer(Result<(), RpcError>),
}

impl Wish {
    /// What a request wishes for.
    ///
    /// # Errors
    /// It names no known log level, or a resource by too long a name.
    pub(crate) fn of(method: &str, params: Option<&str>) -> Result<Wish, RpcError> {
        let uri = || {
            let uri = params.and_then(|params| json::string(json::member(params, "uri")?));
            uri.map(|uri| check_uri(&uri).map(|()| uri)).transpose()
        };
        Ok(match method {
            "logging/setLevel" => Wish::Level(Level::of(params).ok_or_else(no_level)?),
            "resources/subscribe" => uri()?.map_or(Wish::None, Wish::Subscribe),
            "resources/unsubscribe" => uri()?.map_or(Wish::None, Wish::Unsubscribe),
            _ => Wish::None,
        })
    }
}

/// What is subscribed to is remembered, so it is no longer than a URI has to be (RFC 9110, 4.1).
fn check_uri(uri: &str) -> Result<(), RpcError> {
    match uri.len() <= MAX_URI_BYTES {
        true => Ok(()),
        false => Err(RpcError::new(
            INVALID_PARAMS,
            format!("the URI of a resource may have {MAX_URI_BYTES} bytes"),
        )),
    }
}

fn no_level() -> RpcError {
    let text = "level must be one of debug, info, notice, warning, error, critical, alert, emergency";
    RpcError::new(INVALID_PARAMS, text)
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, Agreed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parameters of a request of our own at a modern child (2026-07-28, basic, Statelessness).
pub(crate) fn own_params() -> Value {
    json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "mcp-proxy", "version": env!("CARGO_PKG_VERSION") },
    } })
}

impl Peer {
    /// Held while a wish is decided and sent.
    pub(crate) fn lock_wishes(&self) -> MutexGuard<'_, Agreed> {
        self.wishes.lock()
    }

    /// Notes the wish of a session and says whether the child has to hear of it. A subscription is noted before the
    /// child knows of it, so that no update is lost.
    pub(crate) fn decide(
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
                match era_of(running) {
                    Era::Legacy => self.decide_level(*level, agreed, running),
                    // It is told with each call.
                    Era::Modern => Decision::Answer(Ok(())),
                }
            }
            Wish::Subscribe(uri) => match self.note_subscription(uri, session) {
                Err(error) => Decision::Answer(Err(error)),
                Ok(()) => self.decide_subscription(uri, agreed, running),
            },
            Wish::Unsubscribe(uri) => {
                session.state().subscriptions.remove(uri);
                self.decide_end(uri, agreed, running)
            }
        }
    }

    /// Remembers what a session subscribes to.
    ///
    /// # Errors
    /// It, or all sessions together, have subscribed to as much as may be.
    pub(crate) fn note_subscription(&self, uri: &str, session: &Session) -> Result<(), RpcError> {
        let mut state = session.state();
        let max = self.terms.limits.max_subscriptions;
        if state.subscriptions.len() >= max && !state.subscriptions.contains(uri) {
            let text = format!("a session may subscribe to {max} resources");
            return Err(RpcError::new(INVALID_PARAMS, text));
        }
        let bytes = state.subscriptions.iter().map(String::len).sum::<usize>() + uri.len();
        if !Kept::hold(&mut state.subscribed, &self.terms.subscriptions, bytes) {
            let text =
                "the sessions of this server have subscribed to as much as is remembered; unsubscribe first";
            return Err(RpcError::new(INVALID_PARAMS, text));
        }
        state.subscriptions.insert(uri.to_string());
        Ok(())
    }

    fn decide_subscription(&self, uri: &str, agreed: &mut Agreed, running: &Running) -> Decision {
        match era_of(running) {
            Era::Modern => {
                self.listen_anew(agreed, running);
                Decision::Answer(Ok(()))
            }
            Era::Legacy if agreed.subscriptions.contains(uri) => Decision::Answer(Ok(())),
            Era::Legacy => Decision::Ask,
        }
    }

    fn decide_end(&self, uri: &str, agreed: &mut Agreed, running: &Running) -> Decision {
        match era_of(running) {
            Era::Modern => {
                self.listen_anew(agreed, running);
                Decision::Answer(Ok(()))
            }
            Era::Legacy if self.audience.any_subscribed(uri) => Decision::Answer(Ok(())),
            Era::Legacy => {
                // At once: who subscribes before the child has answered must ask it again.
                agreed.subscriptions.remove(uri);
                Decision::Ask
            }
        }
    }

    /// A modern child hears of all subscriptions in one request, which the next one replaces: first the new, then the
    /// end of the old, so that nothing is missed.
    fn listen_anew(&self, agreed: &mut Agreed, running: &Running) {
        let wanted = self.audience.all_subscriptions();
        if agreed.listen.is_some() && agreed.subscriptions == wanted {
            return;
        }
        let mut params = own_params();
        params["notifications"] = json!({
            "toolsListChanged": true,
            "promptsListChanged": true,
            "resourcesListChanged": true,
            "resourceSubscriptions": wanted,
        });
        let old = agreed.listen.replace(self.send_own(running, "subscriptions/listen", &params));
        agreed.subscriptions = wanted;
        if let Some(old) = old {
            let line = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": old } });
            let _ = self.send(running, format!("{line}\n").into_bytes());
        }
    }

    /// A legacy session begins at a modern child: from now on it is listened to.
    pub(crate) fn listen_for_sessions(&self, running: &Running) {
        if era_of(running) == Era::Modern && running.outlet.is_some() {
            self.listen_anew(&mut self.wishes.lock(), running);
        }
    }

    /// The child has ended our own `subscriptions/listen` of this number; false if it was another request.
    pub(crate) fn note_unheard(&self, number: u64) -> bool {
        let mut agreed = self.wishes.lock();
        let is_ours = agreed.listen == Some(number);
        if is_ours {
            agreed.listen = None;
        }
        is_ours
    }

    /// Listens again where that was ended, to a child that had agreed to it.
    pub(crate) fn listen_again(&self) {
        let mut agreed = self.wishes.lock();
        let is_deaf = agreed.listen.is_none() && agreed.heard > 0 && self.audience.sessions.count() > 0;
        if is_deaf && let Some(running) = self.server.running() {
            self.listen_anew(&mut agreed, &running);
        }
    }

    /// Whether our own `subscriptions/listen` has this number.
    pub(crate) fn listens_as(&self, number: u64) -> bool {
        self.wishes.lock().listen == Some(number)
    }

    /// A modern request wants log messages from this level on; a legacy child knows one level for all.
    pub(crate) fn raise_level(&self, level: Level, running: &Running) {
        let mut agreed = self.wishes.lock();
        if agreed.level.is_none_or(|now| level < now) {
            self.tell_level(level, &mut agreed, running);
        }
    }

    /// A modern client listens to a legacy child, which has to know what it subscribed to. Waits a moment for the
    /// child to agree, so that nothing is missed from then on.
    pub(crate) fn subscribe_for(&self, listener: &Session, uris: &[String]) -> Result<(), RpcError> {
        uris.iter().try_for_each(|uri| check_uri(uri))?;
        let mut asked = Vec::new();
        let mut agreed = self.wishes.lock();
        for uri in uris {
            self.note_subscription(uri, listener)?;
            let Some(running) = self.server.running() else { continue };
            if agreed.subscriptions.insert(uri.clone()) {
                asked.extend(self.ask(&running, "resources/subscribe", &json!({ "uri": uri })).ok());
            }
        }
        drop(agreed);
        let deadline = Instant::now() + MOMENT;
        asked.iter().for_each(|question| drop(self.await_answer(question, deadline)));
        Ok(())
    }

    /// Waits a moment until the child has acknowledged what it hears of all subscriptions.
    pub(crate) fn await_listening(&self) {
        let lacks = |agreed: &mut Agreed| agreed.listen.is_some_and(|number| number > agreed.heard);
        drop(self.wishes.1.wait_timeout_while(self.wishes.lock(), MOMENT, lacks));
    }

    /// The child has acknowledged our `subscriptions/listen` of this number.
    pub(crate) fn note_listening(&self, number: u64) {
        self.wishes.lock().heard = number;
        self.wishes.1.notify_all();
    }

    /// The child's level is the most verbose one that any session wants.
    fn decide_level(&self, own: Level, agreed: &mut Agreed, running: &Running) -> Decision {
        let wanted = self.audience.sessions.most_verbose().unwrap_or(own);
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
    pub(crate) fn conclude(&self, wish: &Wish, session: &Session, refused: bool) {
        let mut agreed = self.wishes.lock();
        match wish {
            Wish::Level(level) if !refused => agreed.level = Some(*level),
            Wish::Subscribe(uri) if refused => drop(session.state().subscriptions.remove(uri)),
            Wish::Subscribe(uri) => drop(agreed.subscriptions.insert(uri.clone())),
            Wish::None | Wish::Unsubscribe(_) | Wish::Level(_) => {}
        }
    }

    /// A session is over: what only it wanted is given up.
    pub(crate) fn give_up_wishes(&self, session: &Session) {
        let mut agreed = self.wishes.lock();
        let uris = std::mem::take(&mut session.state().subscriptions);
        session.state().subscribed = None;
        let Some(running) = self.server.running() else { return };
        if era_of(&running) == Era::Modern {
            return if agreed.listen.is_some() {
                self.listen_anew(&mut agreed, &running)
            };
        }
        for uri in uris {
            if !self.audience.any_subscribed(&uri) && agreed.subscriptions.remove(&uri) {
                self.send_own(&running, "resources/unsubscribe", &json!({ "uri": uri }));
            }
        }
        if let Some(level) =
            self.audience.sessions.most_verbose().filter(|level| agreed.level != Some(*level))
        {
            self.tell_level(level, &mut agreed, &running);
        }
    }

    /// A new child gets to know what the sessions want.
    pub(crate) fn renew_wishes(&self, running: &Running) {
        let mut agreed = self.wishes.lock();
        *agreed = Agreed { child: Some(running.clone()), ..Agreed::default() };
        self.tell_wishes(self.audience.all_subscriptions(), &mut agreed, running);
    }

    /// A session comes with wishes of old: a child that runs gets to know them, any other as it comes up.
    pub(crate) fn adopt_wishes(&self, session: &Session) {
        let mut agreed = self.wishes.lock();
        if let Some(running) = agreed.child.clone() {
            let subscriptions = session.state().subscriptions.clone();
            self.tell_wishes(subscriptions, &mut agreed, &running);
        }
    }

    fn tell_wishes(&self, subscriptions: BTreeSet<String>, agreed: &mut Agreed, running: &Running) {
        if era_of(running) == Era::Modern {
            return if self.audience.sessions.count() > 0 {
                self.listen_anew(agreed, running)
            };
        }
        if let Some(level) =
            self.audience.sessions.most_verbose().filter(|level| agreed.level != Some(*level))
        {
            self.tell_level(level, agreed, running);
        }
        for uri in subscriptions {
            if agreed.subscriptions.insert(uri.clone()) {
                self.send_own(running, "resources/subscribe", &json!({ "uri": uri }));
            }
        }
    }

    /// The child is down.
    pub(crate) fn forget_wishes(&self) {
        self.wishes.lock().child = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::session::About;
    use super::super::super::stream::mailbox::Mailbox;
    use super::*;
    use crate::protocol::revision::NEWEST_LEGACY;
    use std::sync::Arc;

    fn session(peer: &Arc<Peer>) -> Arc<Session> {
        let (outbox, about) = (Arc::new(Mailbox::new(100)), About::default());
        let session = Arc::new(Session::new(NEWEST_LEGACY, about, Arc::clone(peer), outbox));
        peer.audience.enter(Arc::clone(&session));
        session
    }

    #[test]
    fn subscriptions_of_all_sessions_are_bounded_together() {
        let peer = Arc::new(Peer::for_tests());
        let uri = |number: usize| format!("{number}{}", "x".repeat(8000));
        let subscribe = |session: &Session| {
            (0..1000).filter(|number| peer.note_subscription(&uri(*number), session).is_ok()).count()
        };
        let (one, two) = (session(&peer), session(&peer));
        let taken = subscribe(&one);
        assert!((500..530).contains(&taken), "{taken} of 8 kB each in 4 MiB");
        assert!(subscribe(&two) <= 1);
        peer.give_up_wishes(&one);
        assert!(subscribe(&two) > 500, "there is room again");
    }

    #[test]
    fn who_subscribes_while_another_ends_it_asks_the_child_again() {
        let peer = Peer::for_tests();
        let child = Running { generation: 1, outlet: None, greeting: None, endpoint: None };
        let (one, two) = (session(&peer), session(&peer));
        let asks = |wish: &Wish, session: &Session| {
            let decision = peer.decide(wish, session, &mut peer.lock_wishes(), &child);
            matches!(decision, Decision::Ask)
        };
        let (begin, end) = (Wish::Subscribe("x".into()), Wish::Unsubscribe("x".into()));
        assert!(asks(&begin, &one));
        peer.conclude(&begin, &one, false);
        assert!(!asks(&begin, &two) && !asks(&end, &two), "the child knows of it");
        assert!(asks(&end, &one));
        assert!(asks(&begin, &two), "the child will have ended it");
        peer.conclude(&end, &one, false);
        peer.conclude(&begin, &two, false);
        assert!(!asks(&begin, &one));
    }
}
