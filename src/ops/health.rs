//! The health thread: asks every ready server for a sign of life and reports to its supervisor.

use crate::bridge::Bridge;
use crate::config::Health;
use crate::fleet::{ClientFace, Fleet, Served};
use crate::server::{Report, Running};
use crate::thread;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
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
        let agent = Agent::config_builder()
            .timeout_global(Some(patience))
            .proxy(None)
            .http_status_as_error(false)
            .build();
        let check = Check { patience, agent: agent.into() };
        thread::spawn("health", move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                round(&fleet, &check);
            }
        })?;
        Ok(Monitor { _stop: stop })
    }
}

/// All servers are asked together, each on a thread of its own, so that ten silent ones cost one timeout.
fn round(fleet: &Fleet, check: &Check) {
    let serving = fleet.serving();
    let running = serving.servers.values().filter_map(|served| Some((served, served.server.running()?)));
    let threads = running.filter_map(|(served, running)| {
        let (name, served, check) = (format!("ask:{}", served.spec.name), Arc::clone(served), check.clone());
        // Without a thread this round says nothing of the server.
        thread::spawn(&name, move || check.server(&served, &running)).ok()
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
    fn server(&self, served: &Served, running: &Running) {
        let (failure, port) = match &served.face {
            ClientFace::Bridge(bridge) => {
                bridge.expire();
                let failure = self.ping(bridge, running).err();
                let port = if failure.is_none() { self.own_port(served) } else { None };
                (failure, port)
            }
            ClientFace::Forward(forward) => (forward.probe(self.patience).err(), None),
        };
        // A port of ours that does not answer is no reason to restart the child: it counts as busy.
        let busy = served.in_flight() > 0 || port.is_some();
        served.server.report(Report { generation: running.generation, failure: failure.or(port), busy });
    }

    fn ping(&self, bridge: &Bridge, running: &Running) -> Result<(), String> {
        let question = bridge.ask(running)?;
        bridge.await_pong(&question, Instant::now() + self.patience)
    }

    /// What is wrong with the bridge's own port, if anything.
    fn own_port(&self, served: &Served) -> Option<String> {
        let port = served.port?;
        let answer = self.agent.get(format!("http://127.0.0.1:{port}/health")).call();
        answer.err().map(|error| format!("port {port} does not answer: {error}"))
    }
}
