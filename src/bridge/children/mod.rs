//! Which child serves whom: one for all, a second one for the other era, or one for each session.

pub(crate) mod links;
mod nursery;
mod own;
mod pipes;

use super::peer::audience::Audience;
use super::peer::lists::Keeping;
use super::peer::{Peer, Terms};
use super::session::registry::Sessions;
use crate::config::spec::{Eras, Instances, ServerSpec, Start, Transport};
use crate::forward::Forward;
use crate::meter::Rejection;
use crate::protocol::error::RpcError;
use crate::server::{Context, Face, Opening, Place, Role, Running, Server, Shelf};
use links::Links;
use nursery::Nursery;
use own::{Claim, Own};
use pipes::Pipes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection may take to end.
const HANG_UP: Duration = Duration::from_secs(1);

/// All children of one server.
pub(crate) struct Children {
    nursery: Nursery,
    pipes: Pipes,
    /// None: it is known to be a stdio server.
    links: Option<Links>,
    own: Own,
}

/// Where children come from: what the server speaks may only be known once it runs.
enum Kin<'c> {
    /// Processes, and their pipes.
    Pipes(&'c Pipes),
    /// Connections to an HTTP server.
    Links(&'c Links),
}

/// A child that takes calls; one of a session stays so while this is held.
pub(crate) struct Awake<'c> {
    pub(crate) running: Running,
    _claim: Option<Claim<'c>>,
}

impl Children {
    /// Those of a server whose first child `primary` supervises; `forward` reaches it should it speak HTTP.
    pub(crate) fn new(
        primary: Arc<Server>,
        forward: Option<Arc<Forward>>,
        sessions: &Arc<Sessions>,
        spec: Arc<ServerSpec>,
        context: Arc<Context>,
        terms: Arc<Terms>,
    ) -> Children {
        let nursery = Nursery::new(Arc::clone(&primary), spec, context, terms);
        let pipes = Pipes::new(primary, sessions, &nursery);
        let links = forward.map(|forward| Links::new(forward, sessions));
        Children { nursery, pipes, links, own: Own::default() }
    }

    fn kin(&self) -> Kin<'_> {
        match &self.links {
            Some(links) if self.pipes.primary.server.transport() == Some(Transport::Http) => {
                Kin::Links(links)
            }
            _ => Kin::Pipes(&self.pipes),
        }
    }

    /// Waits until it is known what the server speaks, as long as a first start may take.
    pub(crate) fn settle(&self) {
        let primary = &self.pipes.primary;
        if self.links.is_some() && primary.server.transport().is_none() {
            primary.settle();
        }
    }

    /// How the first child begins.
    pub(crate) fn role(spec: &Arc<ServerSpec>, context: &Arc<Context>) -> Role {
        let opening = match spec.options.eras {
            Eras::Both => Opening::Either,
            Eras::Legacy => Opening::Legacy(None),
            Eras::Modern => Opening::Modern,
        };
        let asleep = match (spec.options.instances, spec.options.start) {
            // This one only serves modern clients, who have no session.
            (Instances::PerSession, _) | (_, Start::OnDemand) => true,
            (_, Start::Auto) => Shelf::new(context, spec, Place::First).can_stand_in(),
            (_, Start::Always) => false,
        };
        Role { opening, asleep, ..Role::default() }
    }

    /// What the server's first child talks to.
    pub(crate) fn face(&self) -> Arc<dyn Face> {
        Arc::clone(&self.pipes.primary) as Arc<dyn Face>
    }

    /// The connections to an HTTP server, if it is known to be one.
    pub(crate) fn links(&self) -> Option<&Links> {
        match self.kin() {
            Kin::Pipes(_) => None,
            Kin::Links(links) => Some(links),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.nursery.spec.name
    }

    /// The child for a session that begins with these parameters.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn of_new_session(&self, params: Option<&str>) -> Result<Arc<Peer>, RpcError> {
        let (peer, is_own) = match (self.kin(), self.nursery.spec.options.instances) {
            (Kin::Links(links), _) => links.of_new_session(params, &self.nursery)?,
            (Kin::Pipes(pipes), Instances::Shared) => (Arc::clone(&pipes.primary), false),
            (Kin::Pipes(_), Instances::PerSession) => {
                let opening = match self.nursery.spec.options.eras {
                    Eras::Modern => Opening::Modern,
                    Eras::Both | Eras::Legacy => Opening::Legacy(Some(Arc::from(params.unwrap_or("{}")))),
                };
                let role = Role { opening, asleep: true, ..Role::default() };
                (self.nursery.raise(role, Audience::one(), Keeping::Digests)?, true)
            }
        };
        if is_own {
            self.own.add(Arc::clone(&peer));
        }
        Ok(peer)
    }

    /// The child for a modern request: of that era if the server speaks it, else one whose words are translated.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn of_modern_request(&self) -> Result<Arc<Peer>, RpcError> {
        match self.kin() {
            Kin::Pipes(pipes) => pipes.of_modern_request(&self.nursery),
            Kin::Links(links) => links.of_modern_request(&self.nursery),
        }
    }

    /// The child for a request that each era can carry: no second one is started for it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn of_plain_request(&self) -> Result<Arc<Peer>, RpcError> {
        match self.kin() {
            Kin::Pipes(pipes) => Ok(Arc::clone(&pipes.primary)),
            Kin::Links(links) => links.of_modern_request(&self.nursery),
        }
    }

    /// The child, or the HTTP server, that is there for all.
    pub(crate) fn first(&self) -> &Arc<Peer> {
        &self.pipes.primary
    }

    /// A child that takes calls, or one that sleeps as it was before: for what need not be said to it.
    ///
    /// # Errors
    /// As for [`Children::running`].
    pub(crate) fn known(&self, peer: &Arc<Peer>) -> Result<Awake<'_>, RpcError> {
        match peer.asleep() {
            Some(known) => Ok(Awake { running: known.running(), _claim: None }),
            None => self.running(peer),
        }
    }

    /// A child that takes calls; one that sleeps is woken.
    ///
    /// # Errors
    /// There is none, or there are as many as may be and all are busy.
    pub(crate) fn running(&self, peer: &Arc<Peer>) -> Result<Awake<'_>, RpcError> {
        peer.touch();
        if let Kin::Links(links) = self.kin() {
            let present = links.present()?;
            if links.is_another(present) {
                for other in self.all() {
                    hang_up(&other, present);
                }
            }
            // Whoever was first: no call goes to a child that is no more.
            if let Some(old) = hang_up(peer, present) {
                peer.server.wait_end(old, HANG_UP);
            }
        }
        let claim = if peer.audience.is_one { self.enter(peer)? } else { None };
        Ok(Awake { running: peer.running()?, _claim: claim })
    }

    /// Has a child that sleeps started, without waiting for it. One of a session for which there is no room sleeps until
    /// its next call, which waits for some.
    pub(crate) fn rouse(&self, peer: &Arc<Peer>) {
        if !peer.audience.is_one || self.own.try_enter(peer, self.most()) {
            peer.server.rouse();
        }
    }

    fn enter(&self, peer: &Arc<Peer>) -> Result<Option<Claim<'_>>, RpcError> {
        let deadline = Instant::now() + self.nursery.terms.restart_wait;
        let entered = self.own.enter(peer, self.most(), deadline);
        entered.map_err(|own::AllBusy| peer.server.given_up("too-many-children", self.all_busy()))
    }

    /// Connections to an HTTP server are as many as there are sessions.
    fn most(&self) -> usize {
        match self.kin() {
            Kin::Pipes(_) => self.nursery.spec.options.max_instances,
            Kin::Links(_) => usize::MAX,
        }
    }

    fn all_busy(&self) -> String {
        self.nursery.terms.meter.rejections.of(Rejection::Children).count();
        let (name, most) = (self.name(), self.most());
        format!(
            "server {name} has a child for each session, max_instances = {most} of them run and all are busy; try again later"
        )
    }

    /// The session of this child is over.
    pub(crate) fn end_own(&self, peer: &Arc<Peer>) {
        if !peer.audience.is_one {
            return;
        }
        peer.audience.sessions.clear();
        self.own.end(peer);
    }

    /// Ends all but the first, which is not ours to end, and has no more of them.
    pub(crate) fn close(&self) {
        self.nursery.close();
    }

    /// All children.
    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        let mut all: Vec<Arc<Peer>> = match self.kin() {
            Kin::Pipes(pipes) => pipes.all().collect(),
            Kin::Links(links) => links.all(),
        };
        all.extend(self.own.peers());
        all
    }

    /// Supervisors of all children but the first, those that are ending included.
    pub(crate) fn other_servers(&self) -> Vec<Arc<Server>> {
        self.nursery.servers()
    }

    /// Stops children that nobody has used for some time.
    pub(crate) fn rest(&self) {
        let options = &self.nursery.spec.options;
        // Those of the other kin too: the server may have changed its transport.
        let links = self.links.iter().flat_map(Links::all);
        let seconds = self.pipes.second().map(Arc::clone).into_iter().chain(links);
        for peer in seconds.filter(|peer| peer.has_rested(options.era_idle) && !peer.audience.hears()) {
            peer.server.sleep();
        }
        self.own.rest(options.idle_stop);
        let Some(idle_stop) = options.idle_stop else { return };
        let primary = &self.pipes.primary;
        let has_rested = match self.kin() {
            Kin::Pipes(_) => pipes::may_sleep(&self.nursery.spec) && primary.has_rested(idle_stop),
            Kin::Links(links) => {
                let is_started_by_calls = options.start == Start::OnDemand;
                is_started_by_calls
                    && primary.server.running().is_some()
                    && self.have_rested(links, idle_stop)
            }
        };
        if has_rested {
            primary.server.sleep();
        }
    }

    /// Whether nobody has used an HTTP server for that long, near or through a connection.
    fn have_rested(&self, links: &Links, patience: Duration) -> bool {
        let is_quiet = |peer: &Arc<Peer>| peer.is_idle() && peer.last_used().elapsed() >= patience;
        let all = self.all();
        links.forward.has_rested(patience) && all.iter().all(|peer| is_quiet(peer) && !peer.audience.hears())
    }

    /// A call has ended: a child may have become free.
    pub(crate) fn note_end(&self, peer: &Peer) {
        if peer.audience.is_one {
            self.own.note_end();
        }
    }
}

/// Has a connection dialled anew that leads to another child than the `present` one of its server; its generation.
fn hang_up(peer: &Peer, present: u64) -> Option<u64> {
    let link = peer.server.running()?;
    let is_stale = link.outlet.as_ref()?.leads_to()? != present;
    is_stale.then(|| peer.server.replace(link.generation)).map(|()| link.generation)
}
