//! The health thread: asks every ready server for a sign of life and reports to its supervisor.

use crate::config::Health;
use crate::fleet::{ClientFace, Fleet, Served};
use crate::server::{Report, Running};
use crate::thread;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use ureq::Agent;

/// The handle on the health thread.
pub struct Monitor {
    stop: Sender<()>,
    thread: JoinHandle<()>,
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
        let round = Round { fleet, patience, agent: agent.into() };
        let thread = thread::spawn("health", move || round.repeat(interval, &stopped))?;
        Ok(Monitor { stop, thread })
    }

    /// Ends the thread; a round under way is finished.
    pub fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

struct Round {
    fleet: Arc<Fleet>,
    patience: Duration,
    agent: Agent,
}

impl Round {
    fn repeat(&self, interval: Duration, stopped: &Receiver<()>) {
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            self.check_all();
        }
    }

    /// Stdio servers are asked together, so that ten silent ones cost one timeout.
    fn check_all(&self) {
        let serving = self.fleet.serving();
        let running = serving.servers.values().filter_map(|served| Some((served, served.server.running()?)));
        let (mut asked, mut others) = (Vec::new(), Vec::new());
        for (served, running) in running {
            match &served.face {
                ClientFace::Bridge(bridge) => {
                    bridge.expire();
                    asked.push((served, bridge, bridge.ask(&running), running));
                }
                ClientFace::Forward(forward) => others.push((served, forward, running)),
            }
        }
        let deadline = std::time::Instant::now() + self.patience;
        for (served, bridge, question, running) in asked {
            let failure = question.and_then(|question| bridge.await_pong(&question, deadline)).err();
            let port = if failure.is_none() { self.own_port(served) } else { None };
            report(served, &running, failure, port);
        }
        for (served, forward, running) in others {
            report(served, &running, forward.probe(self.patience).err(), None);
        }
    }

    /// What is wrong with the bridge's own port, if anything.
    fn own_port(&self, served: &Served) -> Option<String> {
        let port = served.port?;
        let answer = self.agent.get(format!("http://127.0.0.1:{port}/health")).call();
        answer.err().map(|error| format!("port {port} does not answer: {error}"))
    }
}

/// A port of ours that does not answer is no reason to restart the child: it counts as busy.
fn report(served: &Served, running: &Running, failure: Option<String>, port: Option<String>) {
    let busy = served.in_flight() > 0 || port.is_some();
    served.server.report(Report { generation: running.generation, failure: failure.or(port), busy });
}
