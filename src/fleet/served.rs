//! One server with all that belongs to it.

use super::door::Door;
use crate::bridge::Bridge;
use crate::config::spec::{Launch, ServerSpec, Transport};
use crate::server::{Server, State, Target as Wanted};
use std::sync::Arc;

/// A server that is served.
pub struct Served {
    /// What it is.
    pub spec: Arc<ServerSpec>,
    /// Its supervisor.
    pub server: Arc<Server>,
    /// What clients meet.
    pub bridge: Arc<Bridge>,
    /// Where the bridge is reached besides; a server that runs elsewhere has none.
    pub(super) door: Option<Arc<Door>>,
}

impl Served {
    /// `stdio`, `http` or `remote`; `unknown` until it has run for the first time.
    pub fn kind(&self) -> &'static str {
        match (&self.spec.launch, self.server.transport()) {
            (Launch::Remote(_), _) => "remote",
            (_, Some(Transport::Http)) => "http",
            (_, Some(Transport::Stdio)) => "stdio",
            (_, None) => "unknown",
        }
    }

    /// The port where it is reached besides, on 127.0.0.1: that of an HTTP server, or of the bridge.
    pub fn port(&self) -> Option<u16> {
        let endpoint = self.server.running().and_then(|running| running.endpoint);
        let own = endpoint.map(|endpoint| endpoint.address.port());
        own.or_else(|| self.door.as_ref()?.port())
    }

    /// The port of its bridge, while that is served.
    pub fn bridge_port(&self) -> Option<u16> {
        self.door.as_ref().filter(|door| door.is_open())?.port()
    }

    /// Calls or requests under way.
    pub fn in_flight(&self) -> usize {
        self.bridge.in_flight()
    }

    /// The processes that were started for it, but for what those have started.
    pub fn pids(&self) -> Vec<u32> {
        match self.bridge.forward() {
            None => self.bridge.children().iter().map(|child| child.pid).collect(),
            Some(_) => self.server.status().pid.into_iter().collect(),
        }
    }

    /// Sessions the bridge remembers; an HTTP server keeps its own.
    pub fn sessions(&self) -> usize {
        self.bridge.sessions()
    }

    /// The supervisors of its children beside the first.
    fn others(&self) -> Vec<Arc<Server>> {
        self.bridge.other_servers()
    }

    /// Wants the first of its children up, and the others as soon as somebody needs them: there may be more sessions
    /// with a child of their own than may run at once.
    pub fn start(&self) {
        self.server.start();
        let others = self.others();
        let stopped = others.iter().filter(|server| server.status().target == Wanted::Down);
        stopped.for_each(|server| server.lull());
    }

    /// Wants all its children down.
    pub fn stop(&self) {
        self.server.stop();
        self.others().iter().for_each(|server| server.stop());
    }

    /// Stops all its children that run, and wants them up as [`Served::start`] does.
    pub fn restart(&self) {
        self.server.restart();
        self.others().iter().for_each(|server| server.lull());
    }

    /// Its program has changed: restarts what runs, and tries again at once what failed. Who sleeps, or was stopped by
    /// command, is left alone, unless it is to be known when it sleeps; false if it is left alone.
    pub fn renew(&self) -> bool {
        let status = self.server.status();
        let rests = status.rests() && matches!(status.state, State::Stopped | State::Stopping);
        self.server.renew();
        self.others().iter().for_each(|server| server.renew_later());
        status.target == Wanted::Up && (!rests || self.spec.options.meets_first())
    }

    pub(super) fn close(&self) {
        self.server.close();
        self.bridge.close();
    }

    pub(super) fn join(&self) {
        self.server.join();
        self.others().iter().for_each(|server| server.join());
    }
}
