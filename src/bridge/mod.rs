//! Between many HTTP clients and the children of one server: Streamable HTTP on one side, lines on the other.
//!
//! A connection thread reads a request ([`endpoint`]) and finds out for whom it is: a legacy client's [`session`], or
//! nobody known, for a modern client's request says all there is to know ([`stateless`]). It takes the child that
//! serves such clients ([`children`]), puts a call on that child's list and a line into its stdin ([`peer`]), and
//! waits at the call's mailbox ([`stream`]). The child's reading thread puts each line into the mailbox it belongs
//! to, without ever waiting for a client; who takes it out shows it to the client in the client's own era.

mod asking;
mod children;
mod endpoint;
mod headers;
mod names;
mod nearest;
mod peer;
mod refusal;
mod screen;
mod session;
mod stateless;
mod stream;
mod tools;

use crate::config::spec::ServerSpec;
use crate::forward::Forward;
use crate::http::Seldom;
use crate::meter::Meter;
use crate::protocol::revision::Era;
use crate::server::{Context, Face, Report, Role, Server};
use children::Children;
pub use endpoint::LinePlace;
use peer::Terms;
use session::event_stream::Lines;
use session::registry::Sessions;
use stateless::annotations::Annotations;
pub use stateless::plain::{Asker, Failure, Fault};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stream::kept::Kept;
use stream::parked::Parked;
use stream::replay::Replay;

/// The bridge of one server.
pub struct Bridge {
    context: Arc<Context>,
    terms: Arc<Terms>,
    sessions: Arc<Sessions>,
    children: Children,
    replay: Replay,
    kept: Arc<Kept>,
    parked: Parked,
    annotations: Annotations,
    lines: Lines,
    no_room_told: Mutex<Seldom>,
}

/// One child as it is reported.
pub struct ChildReport {
    /// Process id.
    pub pid: u32,
    /// The era it speaks, once it has answered.
    pub era: Option<Era>,
    /// The beginning of the id of the one session that it serves.
    pub session: Option<String>,
}

impl Bridge {
    /// A bridge without sessions, for a server that may not run yet; `forward` reaches it should it be an HTTP server.
    pub fn new(
        server: Arc<Server>,
        forward: Option<Arc<Forward>>,
        spec: Arc<ServerSpec>,
        context: Arc<Context>,
        restart_wait: Duration,
    ) -> Arc<Bridge> {
        let (options, limits) = (spec.options.clone(), context.limits.clone());
        let sessions = Arc::new(Sessions::new(limits.max_sessions));
        let replay = Replay::new(limits.replay_bytes);
        let kept = Kept::counted(limits.replay_bytes, server.meter());
        let parked = Parked::new(limits.max_parked, limits.park());
        let terms = Arc::new(Terms::new(options, limits, restart_wait, server.meter()));
        let children =
            Children::new(server, forward, &sessions, spec, Arc::clone(&context), Arc::clone(&terms));
        Arc::new(Bridge {
            context,
            terms,
            sessions,
            children,
            replay,
            kept,
            parked,
            annotations: Annotations::default(),
            lines: Lines::default(),
            no_room_told: Mutex::default(),
        })
    }

    /// What the server's first child talks to.
    pub fn face(&self) -> Arc<dyn Face> {
        self.children.face()
    }

    /// Waits until it is known whether it is an HTTP server, as long as a first start may take.
    pub fn settle(&self) {
        self.children.settle();
    }

    /// What reaches an HTTP server, if it is known to be one.
    pub fn forward(&self) -> Option<&Arc<Forward>> {
        self.children.links().map(|links| &links.forward)
    }

    /// How the first child of a stdio server begins.
    pub fn role(spec: &Arc<ServerSpec>, context: &Arc<Context>) -> Role {
        Children::role(spec, context)
    }

    fn name(&self) -> &str {
        self.children.name()
    }

    fn meter(&self) -> &Arc<Meter> {
        &self.terms.meter
    }

    /// Calls that wait for an answer of a child, and requests that are forwarded.
    pub fn in_flight(&self) -> usize {
        let forwarded = self.forward().map_or(0, |forward| forward.in_flight());
        self.children.all().iter().map(|peer| peer.calls.of_clients()).sum::<usize>() + forwarded
    }

    /// Sessions in memory.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }

    /// The children that run.
    pub fn children(&self) -> Vec<ChildReport> {
        self.children.all().iter().filter_map(|peer| peer.report()).collect()
    }

    /// Their supervisors.
    pub fn other_servers(&self) -> Vec<Arc<Server>> {
        self.children.other_servers()
    }

    /// Ends all children but the first, and starts no more of them.
    pub fn close(&self) {
        self.children.close();
    }

    /// Asks every child that runs for a sign of life, and tells its supervisor; `trouble` is what else is wrong.
    pub fn check(&self, patience: Duration, trouble: Option<&str>) {
        let deadline = Instant::now() + patience;
        let asked = self.children.all().into_iter().filter_map(|peer| {
            let running = peer.server.running()?;
            Some((peer.ask_for_life(&running), running.generation, peer))
        });
        for (question, generation, peer) in asked.collect::<Vec<_>>() {
            let failure = question.and_then(|question| peer.await_answer(&question, deadline)).err();
            // A port of ours that does not answer is no reason to restart the child: it counts as busy.
            let busy = peer.calls.of_clients() > 0 || (failure.is_none() && trouble.is_some());
            let failure = failure.or(trouble.map(str::to_string));
            peer.server.report(Report { generation, failure, busy });
        }
    }

    /// Ends what nobody waits for any more, and lets children sleep that nobody uses.
    pub fn tidy(&self) {
        for peer in self.children.all() {
            peer.expire();
            peer.listen_again();
        }
        self.parked.expire(Instant::now());
        self.end_sessions_that_are_over();
        self.children.rest();
    }

    /// Waits until no call is in flight, or `deadline`.
    pub fn drain(&self, deadline: Instant) {
        self.children.all().iter().for_each(|peer| peer.calls.wait_empty(deadline));
        self.forward().into_iter().for_each(|forward| forward.drain(deadline));
    }

    /// Ends all calls: the proxy is ending.
    pub fn end_calls(&self) {
        self.children.all().iter().for_each(|peer| peer.end_calls());
    }

    /// Ends the streams that no call waits for.
    pub fn end_streams(&self) {
        for peer in self.children.all() {
            peer.audience.all().iter().for_each(|session| session.outbox.detach());
            peer.end_listens();
        }
        self.sessions.all().iter().for_each(|session| session.outbox.detach());
    }

    /// Forgets everything: the server is no longer served here. Its sessions go on at its successor.
    pub fn clear(&self) {
        self.parked.clear();
        for session in self.sessions.close() {
            self.forget(&session);
        }
    }
}
