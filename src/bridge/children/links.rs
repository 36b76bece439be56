//! An HTTP server where its era or its transport is not its client's: connections stand in for children.

use super::super::peer::Peer;
use super::super::peer::audience::Audience;
use super::super::peer::lists::Keeping;
use super::super::session::registry::Sessions;
use super::nursery::Nursery;
use crate::forward::Forward;
use crate::forward::link::{Flavour, nature::Nature};
use crate::protocol::error::RpcError;
use crate::server::{Dial, Opening, Role};
use ::http::Uri;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long a server may take to answer each question about what it speaks.
const PROBE: Duration = Duration::from_secs(5);

/// The connections to one HTTP server.
pub(crate) struct Links {
    pub(crate) forward: Arc<Forward>,
    /// What is known of the present child.
    known: Mutex<Arc<Known>>,
    /// Serve many clients each; at most one for each of what a server can speak.
    shared: Mutex<Vec<(Nature, Arc<Peer>)>>,
    /// The child that was dialled last.
    dialled: AtomicU64,
    /// Legacy sessions, which hear what a modern server says to all.
    sessions: Arc<Sessions>,
}

/// What a server speaks, found out when it matters. Another child may be another program; what could not be found out
/// is tried again.
#[derive(Default)]
struct Known {
    generation: u64,
    nature: OnceLock<Nature>,
}

impl Links {
    pub(super) fn new(forward: Arc<Forward>, sessions: &Arc<Sessions>) -> Links {
        let (known, shared, dialled) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        Links { forward, known, shared, dialled, sessions: Arc::clone(sessions) }
    }

    /// What it speaks.
    ///
    /// # Errors
    /// It does not run, or speaks nothing we know.
    pub(crate) fn nature(&self) -> Result<Nature, RpcError> {
        let known = self.known()?;
        if let Some(nature) = known.nature.get() {
            return Ok(nature.clone());
        }
        let nature = self.forward.nature(PROBE).map_err(|why| self.forward.unknown_speech(why))?;
        Ok(known.nature.get_or_init(|| nature).clone())
    }

    /// What it speaks, if that was asked before.
    pub(crate) fn known_nature(&self) -> Option<Nature> {
        self.known().ok()?.nature.get().cloned()
    }

    fn known(&self) -> Result<Arc<Known>, RpcError> {
        let generation = self.forward.running()?.generation;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation != generation {
            *known = Arc::new(Known { generation, ..Known::default() });
        }
        Ok(Arc::clone(&known))
    }

    /// Waits for the server; its generation.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn present(&self) -> Result<u64, RpcError> {
        self.forward.running().map(|running| running.generation)
    }

    /// Whether nobody has called this child before: what connections there are, it does not know.
    pub(super) fn is_another(&self, present: u64) -> bool {
        self.dialled.swap(present, Ordering::Relaxed) != present
    }

    /// The connection for a session that begins with these parameters, and whether it is the session's own: a legacy
    /// server keeps something for each session, a modern one does not.
    pub(super) fn of_new_session(
        &self,
        params: Option<&str>,
        nursery: &Nursery,
    ) -> Result<(Arc<Peer>, bool), RpcError> {
        match self.nature()? {
            Nature::Modern => Ok((self.shared(Nature::Modern, nursery)?, false)),
            nature => {
                let opening = Opening::Legacy(params.map(Arc::from));
                Ok((nursery.raise(self.role(opening, &nature), Audience::one(), Keeping::Nothing)?, true))
            }
        }
    }

    /// The connection for modern requests.
    pub(super) fn of_modern_request(&self, nursery: &Nursery) -> Result<Arc<Peer>, RpcError> {
        let nature = self.nature()?;
        self.shared(nature, nursery)
    }

    fn shared(&self, nature: Nature, nursery: &Nursery) -> Result<Arc<Peer>, RpcError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, peer)) = shared.iter().find(|(other, _)| *other == nature) {
            return Ok(Arc::clone(peer));
        }
        let (opening, sessions) = match nature {
            Nature::Modern | Nature::Both => (Opening::Modern, Arc::clone(&self.sessions)),
            Nature::Legacy | Nature::EventStream(_) => (Opening::Legacy(None), Arc::new(Sessions::new(0))),
        };
        let peer =
            nursery.raise(self.role(opening, &nature), Audience::shared(sessions), Keeping::Nothing)?;
        shared.push((nature, Arc::clone(&peer)));
        Ok(peer)
    }

    /// It begins when it is used.
    fn role(&self, opening: Opening, nature: &Nature) -> Role {
        let (flavour, url): (Flavour, Option<Uri>) = match (nature, &opening) {
            (Nature::EventStream(url), _) => (Flavour::EventStream, Some(url.clone())),
            (_, Opening::Modern) => (Flavour::Modern, None),
            _ => (Flavour::Streamable, None),
        };
        let dial: Arc<dyn Dial> = Arc::new(self.forward.link(flavour, url));
        Role { opening, asleep: true, dial: Some(dial), ..Role::default() }
    }

    /// Those that serve many.
    pub(super) fn all(&self) -> Vec<Arc<Peer>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.iter().map(|(_, peer)| Arc::clone(peer)).collect()
    }
}
