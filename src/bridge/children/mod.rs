//! Which child serves whom: one for all, a second one for the other era, or one for each session.

pub(crate) mod links;
mod nursery;
mod pipes;

use super::peer::audience::Audience;
use super::peer::{Peer, Terms};
use super::session::registry::Sessions;
use crate::config::spec::{Eras, Instances, ServerSpec, Start};
use crate::forward::Forward;
use crate::protocol::error::RpcError;
use crate::server::{Context, Face, Opening, Role, Running, Server};
use links::Links;
use nursery::Nursery;
use pipes::Pipes;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection may take to end.
const HANG_UP: Duration = Duration::from_secs(1);

/// All children of one server.
pub(crate) struct Children {
    nursery: Nursery,
    kin: Kin,
    own: Mutex<Vec<Own>>,
    /// Told whenever a child of a session may have become free.
    freed: Condvar,
}

/// Where children come from.
enum Kin {
    /// Processes, and their pipes.
    Pipes(Pipes),
    /// Connections to an HTTP server.
    Links(Links),
}

/// The child of one session.
struct Own {
    peer: Arc<Peer>,
    /// Whether it may run: so many may at once.
    awake: bool,
    /// Calls that wait for it to run.
    waiting: usize,
}

impl Children {
    /// Those of a stdio server, the first of which `primary` supervises; or of an HTTP server.
    pub(crate) fn new(
        primary: Arc<Server>,
        forward: Option<Arc<Forward>>,
        sessions: &Arc<Sessions>,
        spec: Arc<ServerSpec>,
        context: Arc<Context>,
        terms: Arc<Terms>,
    ) -> Children {
        let nursery = Nursery::new(spec, context, terms);
        let kin = match forward {
            Some(forward) => Kin::Links(Links::new(forward, sessions)),
            None => Kin::Pipes(Pipes::new(primary, sessions, &nursery)),
        };
        Children { nursery, kin, own: Mutex::default(), freed: Condvar::new() }
    }

    /// How the first child of a stdio server begins.
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

    /// What the server's first child talks to.
    pub(crate) fn face(&self) -> Arc<dyn Face> {
        match &self.kin {
            Kin::Pipes(pipes) => Arc::clone(&pipes.primary) as Arc<dyn Face>,
            Kin::Links(links) => Arc::clone(&links.forward) as Arc<dyn Face>,
        }
    }

    /// The connections to an HTTP server, if it is one.
    pub(crate) fn links(&self) -> Option<&Links> {
        match &self.kin {
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
        let (peer, is_own) = match (&self.kin, self.nursery.spec.options.instances) {
            (Kin::Links(links), _) => links.of_new_session(params, &self.nursery)?,
            (Kin::Pipes(pipes), Instances::Shared) => (Arc::clone(&pipes.primary), false),
            (Kin::Pipes(_), Instances::PerSession) => {
                let opening = match self.nursery.spec.options.eras {
                    Eras::Modern => Opening::Modern,
                    Eras::Both | Eras::Legacy => Opening::Legacy(Some(Arc::from(params.unwrap_or("{}")))),
                };
                let role = Role { opening, asleep: true, dial: None };
                (self.nursery.raise(role, Audience::one())?, true)
            }
        };
        if is_own {
            self.own().push(Own { peer: Arc::clone(&peer), awake: false, waiting: 0 });
        }
        Ok(peer)
    }

    /// The child for a modern request: of that era if the server speaks it, else one whose words are translated.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn of_modern_request(&self) -> Result<Arc<Peer>, RpcError> {
        match &self.kin {
            Kin::Pipes(pipes) => pipes.of_modern_request(&self.nursery),
            Kin::Links(links) => links.of_modern_request(&self.nursery),
        }
    }

    /// A child that takes calls; one that sleeps is woken.
    ///
    /// # Errors
    /// There is none, or there are as many as may be and all are busy.
    pub(crate) fn running(&self, peer: &Arc<Peer>) -> Result<Running, RpcError> {
        peer.touch();
        if let Kin::Links(links) = &self.kin {
            if links.is_another()? {
                self.dial_anew();
            }
            mark(&mut self.own(), peer, true);
        }
        if let Some(running) = peer.server.running() {
            return Ok(running);
        }
        if matches!(&self.kin, Kin::Pipes(_)) && peer.audience.is_one {
            self.make_room(peer)?;
            let running = peer.running();
            self.note_start(peer);
            return running;
        }
        peer.running()
    }

    /// Nobody waits for this child any more that [`Children::make_room`] let in.
    fn note_start(&self, peer: &Arc<Peer>) {
        let mut own = self.own();
        own.iter_mut().filter(|one| is(&one.peer, peer)).for_each(|one| one.waiting -= 1);
        drop(own);
        self.freed.notify_all();
    }

    /// Ends the connections to a server that has been started again.
    fn dial_anew(&self) {
        let old: Vec<_> = self
            .all()
            .into_iter()
            .filter_map(|peer| Some((peer.server.running()?.generation, peer)))
            .collect();
        old.iter().for_each(|(generation, peer)| peer.server.replace(*generation));
        old.iter().for_each(|(generation, peer)| drop(peer.server.wait_end(*generation, HANG_UP)));
    }

    /// A place for the child of a session. If all are taken, that of the session idle longest is given up: its child
    /// sleeps until its next call. If all are busy or waited for, the newcomer waits.
    fn make_room(&self, peer: &Arc<Peer>) -> Result<(), RpcError> {
        let deadline = Instant::now() + self.nursery.terms.restart_wait;
        let mut own = self.own();
        loop {
            if own.iter().filter(|one| one.awake && !is(&one.peer, peer)).count() < self.most() {
                let_in(&mut own, peer);
                return Ok(());
            }
            let idle = own.iter().filter(|one| one.awake && one.waiting == 0 && one.peer.is_idle());
            if let Some(oldest) = idle.min_by_key(|one| one.peer.last_used()).map(|one| Arc::clone(&one.peer))
            {
                mark(&mut own, &oldest, false);
                let_in(&mut own, peer);
                drop(own);
                oldest.server.sleep();
                log::info!(server = oldest.server.name(), event = "asleep"; "max_instances reached: the child of the session idle longest is stopped until its next call");
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(peer.server.given_up("too-many-children", self.all_busy()));
            }
            own = self.freed.wait_timeout(own, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn most(&self) -> usize {
        self.nursery.spec.options.max_instances
    }

    fn all_busy(&self) -> String {
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
        self.own().retain(|one| !is(&one.peer, peer));
        peer.audience.sessions.clear();
        peer.server.close();
        self.freed.notify_all();
    }

    /// Ends all but the first, which is not ours to end, and has no more of them.
    pub(crate) fn close(&self) {
        self.nursery.close();
    }

    /// All children.
    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        let mut all: Vec<Arc<Peer>> = match &self.kin {
            Kin::Pipes(pipes) => pipes.all().collect(),
            Kin::Links(links) => links.all(),
        };
        all.extend(self.own().iter().map(|one| Arc::clone(&one.peer)));
        all
    }

    /// Supervisors of all children but the first, those that are ending included.
    pub(crate) fn other_servers(&self) -> Vec<Arc<Server>> {
        self.nursery.servers()
    }

    /// Stops children that nobody has used for some time.
    pub(crate) fn rest(&self) {
        let options = &self.nursery.spec.options;
        let seconds: Vec<Arc<Peer>> = match &self.kin {
            Kin::Pipes(pipes) => pipes.second().into_iter().map(Arc::clone).collect(),
            Kin::Links(links) => links.all(),
        };
        for peer in seconds.iter().filter(|peer| peer.has_rested(options.era_idle) && !peer.audience.hears())
        {
            peer.server.sleep();
        }
        let Some(idle_stop) = options.idle_stop else { return };
        let may_sleep = options.start == Start::OnDemand || options.instances == Instances::PerSession;
        if let Kin::Pipes(pipes) = &self.kin
            && may_sleep
            && pipes.primary.has_rested(idle_stop)
        {
            pipes.primary.server.sleep();
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

fn is(one: &Arc<Peer>, other: &Arc<Peer>) -> bool {
    Arc::ptr_eq(one, other)
}

/// It may run, and somebody waits for that.
fn let_in(own: &mut [Own], peer: &Arc<Peer>) {
    mark(own, peer, true);
    own.iter_mut().filter(|one| is(&one.peer, peer)).for_each(|one| one.waiting += 1);
}

fn mark(own: &mut [Own], peer: &Arc<Peer>, awake: bool) {
    if let Some(one) = own.iter_mut().find(|one| is(&one.peer, peer)) {
        one.awake = awake;
    }
}
