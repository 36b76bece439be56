//! The children of a stdio server: processes.

use super::super::peer::audience::Audience;
use super::super::peer::lists::Keeping;
use super::super::peer::{Peer, era_of};
use super::super::session::registry::Sessions;
use super::nursery::Nursery;
use crate::config::spec::{Eras, Instances, ServerSpec, Start};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Era;
use crate::server::{Opening, Place, Role, Server, Shelf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a server may take to show that it speaks the modern era: its own limit, and a moment.
const PROBE: Duration = Duration::from_secs(7);

/// The shared children of a stdio server.
pub(super) struct Pipes {
    /// Serves all sessions unless each has its own, and modern requests unless there is a child of that era.
    pub(super) primary: Arc<Peer>,
    /// A child of the modern era beside a legacy one, once it was asked for; none if the server has no such era.
    modern: OnceLock<Option<Arc<Peer>>>,
}

impl Pipes {
    pub(super) fn new(primary: Arc<Server>, sessions: &Arc<Sessions>, nursery: &Nursery) -> Pipes {
        let audience = Audience::shared(Arc::clone(sessions));
        let shelf = Shelf::new(&nursery.context, &nursery.spec, Place::First);
        let keeping = if may_sleep(&nursery.spec) { Keeping::All(shelf) } else { Keeping::Asked(shelf) };
        let primary = Peer::new(primary, audience, keeping, Arc::clone(&nursery.terms));
        Pipes { primary, modern: OnceLock::new() }
    }

    /// The child for a modern request: of that era if the server speaks it, else the one whose words are translated.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn of_modern_request(&self, nursery: &Nursery) -> Result<Arc<Peer>, RpcError> {
        if nursery.spec.options.eras != Eras::Both {
            return Ok(Arc::clone(&self.primary));
        }
        if self.modern.get().is_none() && self.primary_era()? == Era::Modern {
            return Ok(Arc::clone(&self.primary));
        }
        let modern = self.modern.get_or_init(|| try_modern(nursery));
        Ok(Arc::clone(modern.as_ref().unwrap_or(&self.primary)))
    }

    /// What the first speaks, or spoke before it fell asleep.
    fn primary_era(&self) -> Result<Era, RpcError> {
        match self.primary.asleep() {
            Some(known) => Ok(known.greeting.era),
            None => Ok(era_of(&self.primary.running()?)),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Arc<Peer>> {
        [Some(&self.primary), self.second()].into_iter().flatten().map(Arc::clone)
    }

    /// The one beside the first.
    pub(super) fn second(&self) -> Option<&Arc<Peer>> {
        self.modern.get()?.as_ref()
    }
}

/// Starts a second child to see whether the server speaks the modern era, too; if so, it stays. One that was seen not
/// to is not asked again.
fn try_modern(nursery: &Nursery) -> Option<Arc<Peer>> {
    if nursery.context.memory.speaks_modern(&nursery.spec) == Some(false) {
        return None;
    }
    // It serves no sessions: those are with the first child.
    let audience = Audience::shared(Arc::new(Sessions::new(0)));
    let shelf = Shelf::new(&nursery.context, &nursery.spec, Place::Second);
    let role = match shelf.can_stand_in() {
        true => Role { opening: Opening::Modern, asleep: true, ..Role::default() },
        false => Role { opening: Opening::TryModern, ..Role::default() },
    };
    let is_known = role.asleep;
    let peer = nursery.raise(role, audience, Keeping::All(shelf)).ok()?;
    if is_known {
        return Some(peer);
    }
    let name = peer.server.name();
    if peer.server.wait_running(PROBE).is_ok() {
        log::info!(server = name, event = "era"; "speaks the modern era, too: modern clients have a child of their own");
        return Some(peer);
    }
    log::info!(server = name, event = "era"; "speaks the legacy era only: its words are translated for modern clients");
    peer.server.close();
    None
}

/// Whether the first child is put to sleep when nobody needs it.
pub(super) fn may_sleep(spec: &ServerSpec) -> bool {
    spec.options.start != Start::Always || spec.options.instances == Instances::PerSession
}
