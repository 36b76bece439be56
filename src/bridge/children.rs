//! Which child serves whom: one for all, a second one for the other era, or one for each session.

use super::peer::audience::Audience;
use super::peer::{Peer, Terms, era_of};
use super::session::registry::Sessions;
use crate::config::spec::{Eras, Instances, ServerSpec, Start};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Era;
use crate::server::{Context, Opening, Role, Running, Server, State};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take to show that it speaks the modern era: its own limit, and a moment.
const PROBE: Duration = Duration::from_secs(7);

/// All children of one server.
pub(crate) struct Children {
    spec: Arc<ServerSpec>,
    context: Arc<Context>,
    terms: Arc<Terms>,
    /// Serves all sessions unless each has its own, and modern requests unless there is a child of that era.
    pub(crate) primary: Arc<Peer>,
    /// A child of the modern era beside a legacy one, once it was asked for; none if the server has no such era.
    modern: OnceLock<Option<Arc<Peer>>>,
    own: Mutex<Vec<Own>>,
    /// Children of sessions that are over, which may take a moment to end.
    ending: Mutex<Vec<Arc<Server>>>,
    /// Told whenever a child of a session may have become free.
    freed: Condvar,
}

/// The child of one session.
struct Own {
    peer: Arc<Peer>,
    /// Whether it may run: so many may at once.
    awake: bool,
}

impl Children {
    pub(crate) fn new(
        primary: Arc<Server>,
        sessions: &Arc<Sessions>,
        spec: Arc<ServerSpec>,
        context: Arc<Context>,
        terms: Arc<Terms>,
    ) -> Children {
        let primary =
            Arc::new(Peer::new(primary, Audience::shared(Arc::clone(sessions)), Arc::clone(&terms)));
        Children {
            spec,
            context,
            terms,
            primary,
            modern: OnceLock::new(),
            own: Mutex::default(),
            ending: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// How the first child begins.
    pub(crate) fn role(spec: &ServerSpec) -> Role {
        let opening = match spec.options.eras {
            Eras::Both => Opening::Either,
            Eras::Legacy => Opening::Legacy(None),
            Eras::Modern => Opening::Modern,
        };
        // Where each session has its own child, this one only serves modern clients, who have no session.
        let asleep = spec.options.instances == Instances::PerSession || spec.options.start == Start::OnDemand;
        Role { opening, asleep, dial: None }
    }

    /// The child for a session that begins with these parameters.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn of_new_session(&self, params: Option<&str>) -> Result<Arc<Peer>, RpcError> {
        match self.spec.options.instances {
            Instances::Shared => Ok(Arc::clone(&self.primary)),
            Instances::PerSession => {
                let opening = Opening::Legacy(params.map(Arc::from));
                let peer = self.raise(opening, Audience::one(), true)?;
                self.own().push(Own { peer: Arc::clone(&peer), awake: false });
                Ok(peer)
            }
        }
    }

    /// The child for a modern request: of that era if the server speaks it, else the one whose words are translated.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn of_modern_request(&self) -> Result<Arc<Peer>, RpcError> {
        if self.spec.options.eras == Eras::Both && !self.knows_its_era() {
            self.running(&self.primary)?;
        }
        let modern = match self.spec.options.eras {
            Eras::Both if self.is_legacy() => self.modern.get_or_init(|| self.try_modern()).as_ref(),
            _ => None,
        };
        Ok(Arc::clone(modern.unwrap_or(&self.primary)))
    }

    /// Once a second child was looked for, the first need not run to know what there is.
    fn knows_its_era(&self) -> bool {
        self.modern.get().is_some() || self.primary.server.running().is_some()
    }

    fn is_legacy(&self) -> bool {
        self.modern.get().is_some()
            || self.primary.server.running().is_none_or(|running| era_of(&running) == Era::Legacy)
    }

    /// Starts a second child to see whether the server speaks the modern era, too; if so, it stays.
    fn try_modern(&self) -> Option<Arc<Peer>> {
        // It serves no sessions: those are with the first child.
        let audience = Audience::shared(Arc::new(Sessions::new(0)));
        let peer = self.raise(Opening::TryModern, audience, false).ok()?;
        let speaks = peer.server.wait_running(PROBE).is_ok();
        let name = peer.server.name();
        if speaks {
            log::info!(server = name, event = "era"; "speaks the modern era, too: modern clients have a child of their own");
            return Some(peer);
        }
        log::info!(server = name, event = "era"; "speaks the legacy era only: its words are translated for modern clients");
        peer.server.close();
        None
    }

    fn raise(&self, opening: Opening, audience: Audience, asleep: bool) -> Result<Arc<Peer>, RpcError> {
        let (server, seat) = Server::new(&self.spec.name, &self.context.limits);
        let peer = Arc::new(Peer::new(Arc::clone(&server), audience, Arc::clone(&self.terms)));
        let role = Role { opening, asleep, dial: None };
        let (spec, context) = (Arc::clone(&self.spec), Arc::clone(&self.context));
        let face: Arc<Peer> = Arc::clone(&peer);
        server.run(seat, spec, None, face, context, role).map_err(|error| {
            self.primary.server.given_up("no-thread", format!("no thread for another child: {error}"))
        })?;
        Ok(peer)
    }

    /// A child that takes calls; one that sleeps is woken.
    ///
    /// # Errors
    /// There is none, or there are as many as may be and all are busy.
    pub(crate) fn running(&self, peer: &Arc<Peer>) -> Result<Running, RpcError> {
        peer.touch();
        if let Some(running) = peer.server.running() {
            return Ok(running);
        }
        if peer.audience.is_one {
            self.make_room(peer)?;
        }
        peer.running()
    }

    /// A place for the child of a session. If all are taken, that of the session idle longest is given up: its child
    /// sleeps until its next call. If all are busy, the newcomer waits.
    fn make_room(&self, peer: &Arc<Peer>) -> Result<(), RpcError> {
        let deadline = Instant::now() + self.terms.restart_wait;
        let mut own = self.own();
        loop {
            if own.iter().filter(|one| one.awake && !is(&one.peer, peer)).count() < self.most() {
                mark(&mut own, peer, true);
                return Ok(());
            }
            let idle = own.iter().filter(|one| one.awake && one.peer.is_idle());
            if let Some(oldest) = idle.min_by_key(|one| one.peer.last_used()).map(|one| Arc::clone(&one.peer))
            {
                mark(&mut own, &oldest, false);
                mark(&mut own, peer, true);
                drop(own);
                oldest.server.sleep();
                log::info!(server = oldest.server.name(), event = "asleep"; "max_instances reached: the child of the session idle longest is stopped until its next call");
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.primary.server.given_up("too-many-children", self.all_busy()));
            }
            own = self.freed.wait_timeout(own, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn most(&self) -> usize {
        self.spec.options.max_instances
    }

    fn all_busy(&self) -> String {
        let (name, most) = (&self.spec.name, self.most());
        format!(
            "server {name} has a child for each session, max_instances = {most} of them run and all are busy; try again later"
        )
    }

    /// The session of this child is over.
    pub(crate) fn end_own(&self, peer: &Arc<Peer>) {
        if !peer.audience.is_one {
            return;
        }
        self.own().retain(|one| !is(&one.peer, peer));
        peer.audience.sessions.clear();
        peer.server.close();
        self.ending().push(Arc::clone(&peer.server));
        self.freed.notify_all();
    }

    /// All children but the first.
    pub(crate) fn others(&self) -> Vec<Arc<Peer>> {
        let modern = self.modern.get().and_then(Option::as_ref).map(Arc::clone);
        self.own().iter().map(|one| Arc::clone(&one.peer)).chain(modern).collect()
    }

    /// All children.
    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        let mut all = vec![Arc::clone(&self.primary)];
        all.extend(self.others());
        all
    }

    /// Supervisors of all children but the first, those that are ending included.
    pub(crate) fn other_servers(&self) -> Vec<Arc<Server>> {
        let others = self.others().into_iter().map(|peer| Arc::clone(&peer.server));
        others.chain(self.ending().iter().map(Arc::clone)).collect()
    }

    /// Stops children that nobody has used for some time.
    pub(crate) fn rest(&self) {
        self.ending().retain(|server| server.status().state != State::Stopped);
        let options = &self.spec.options;
        let modern = self.modern.get().and_then(Option::as_ref);
        if let Some(peer) = modern.filter(|peer| peer.has_rested(options.era_idle)) {
            peer.server.sleep();
        }
        let Some(idle_stop) = options.idle_stop else { return };
        let may_sleep = options.start == Start::OnDemand || options.instances == Instances::PerSession;
        if may_sleep && self.primary.has_rested(idle_stop) {
            self.primary.server.sleep();
        }
        let mut own = self.own();
        for one in own.iter_mut().filter(|one| one.awake && one.peer.has_rested(idle_stop)) {
            one.awake = false;
            one.peer.server.sleep();
        }
    }

    /// A call has ended: a child may have become free.
    pub(crate) fn note_end(&self, peer: &Peer) {
        if peer.audience.is_one {
            // Between a look at the list and the wait that follows nobody gets in.
            drop(self.own());
            self.freed.notify_all();
        }
    }

    fn own(&self) -> MutexGuard<'_, Vec<Own>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Children {
    fn ending(&self) -> MutexGuard<'_, Vec<Arc<Server>>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is(one: &Arc<Peer>, other: &Arc<Peer>) -> bool {
    Arc::ptr_eq(one, other)
}

fn mark(own: &mut [Own], peer: &Arc<Peer>, awake: bool) {
    if let Some(one) = own.iter_mut().find(|one| is(&one.peer, peer)) {
        one.awake = awake;
    }
}
