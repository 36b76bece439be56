//! The health thread: asks every ready server for a sign of life and reports to its supervisor.

use crate::config::Health;
use crate::fleet::{Fleet, Served};
use crate::server::{Report, release_program, trim_allocator};
use crate::thread;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use ureq::Agent;

/// The handle on the health thread, which ends with it: at once, or when the round under way is over. Nobody has to
/// wait for that.
pub struct Monitor {
    _stop: Sender<()>,
}

impl Monitor {
    /// Starts the thread `health`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(fleet: Arc<Fleet>, settings: &Health) -> io::Result<Monitor> {
        let (stop, stopped) = bounded(0);
        let patience = Duration::from_secs(settings.timeout_seconds);
        let interval = Duration::from_secs(settings.interval_seconds);
        let check = Check { patience, agent: agent(patience) };
        thread::spawn("health", move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                round(&fleet, &check);
                // So that there are figures to compare with, and no more of a child that ends is lost than this.
                fleet.measure();
                trim_allocator();
                release_program();
            }
        })?;
        Ok(Monitor { _stop: stop })
    }
}

/// Asks ports of our own.
pub(super) fn agent(patience: Duration) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(patience))
        .proxy(None)
        .http_status_as_error(false)
        // One that is kept would hold a thread of ours, and be found closed by a later poll.
        .max_idle_connections(0);
    config.build().into()
}

/// All servers are asked together, each on a thread of its own, so that ten silent ones cost one timeout.
fn round(fleet: &Fleet, check: &Check) {
    let serving = fleet.serving();
    let threads = serving.servers.values().filter_map(|served| {
        let (name, served, check) = (format!("ask:{}", served.spec.name), Arc::clone(served), check.clone());
        // Without a thread this round says nothing of the server.
        thread::spawn(&name, move || check.server(&served)).ok()
    });
    let threads: Vec<JoinHandle<()>> = threads.collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

#[derive(Clone)]
struct Check {
    patience: Duration,
    agent: Agent,
}

impl Check {
    fn server(&self, served: &Served) {
        served.bridge.tidy();
        let own_port = || served.server.running().and_then(|_| self.own_port(served));
        let trouble = if served.bridge.forward().is_none() { own_port() } else { None };
        served.bridge.check(self.patience, trouble.as_deref());
        if let (Some(forward), Some(running)) = (served.bridge.forward(), served.server.running()) {
            let failure = forward.probe(self.patience).err();
            let busy = served.in_flight() > 0;
            served.server.report(Report { generation: running.generation, failure, busy });
        }
    }

    /// What is wrong with the bridge's own port, if anything.
    fn own_port(&self, served: &Served) -> Option<String> {
        let port = served.bridge_port()?;
        // OPTIONS, which asks nobody who they are.
        let answer = self.agent.options(format!("http://127.0.0.1:{port}/")).call();
        answer.err().map(|error| format!("port {port} does not answer: {error}"))
    }
}
