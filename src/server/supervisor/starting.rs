//! How a child comes to be ready.

use super::super::child::{Child, Launcher};
use super::super::outlet::Greeting;
use super::super::output::INITIALIZE_ID;
use super::super::pulse::Pulse;
use super::super::status::{Health, Reason, Running, State};
use super::{Phase, Supervisor};
use crate::config::spec::Launch;
use crate::protocol::revision::{self, Era};
use std::sync::Arc;
use std::time::Instant;

/// How much of the child's own error goes into the log.
const ERROR_BYTES: usize = 500;

impl Supervisor {
    pub(super) fn launch(&mut self) {
        self.generation += 1;
        self.misses = 0;
        self.pulse = Pulse::new();
        self.server.tail.begin();
        self.last_start = Some(Instant::now());
        let spec = Arc::clone(&self.spec);
        let generation = self.generation;
        match &spec.launch {
            Launch::Remote(_) => self.ready(None, Running { generation, outlet: None, greeting: None }),
            Launch::Child(child) => {
                let launcher = Launcher {
                    name: &spec.name,
                    spec: child,
                    port: self.port,
                    context: &self.context,
                    face: &self.face,
                    inbox: &self.server.inbox,
                    tail: &self.server.tail,
                    pulse: &self.pulse,
                };
                match launcher.start(generation) {
                    Ok(child) => self.started(child),
                    Err(stage) => self.spawn_failed(stage),
                }
            }
        }
    }

    pub(super) fn started(&mut self, child: Child) {
        let (pid, generation) = (child.pid, self.generation);
        log::info!(server = self.name(), event = "started", pid, generation; "started");
        if !self.is_http() {
            let _ = child.input.send(initialize_request());
        }
        self.server.board.write(|status| {
            status.state = State::Starting;
            status.pid = Some(pid);
            status.restarts = generation - 1;
        });
        self.phase = Phase::Starting { child, deadline: Instant::now() + self.spec.options.start_timeout };
    }

    pub(super) fn probe(&mut self) {
        let answers = self.face.answers();
        if answers {
            let generation = self.generation;
            self.promote(Running { generation, outlet: None, greeting: None });
        }
    }

    pub(super) fn answered(&mut self, answer: Result<Arc<str>, String>) {
        let Phase::Starting { child, .. } = &self.phase else { return };
        match answer {
            Ok(result) => {
                let input = Arc::clone(&child.input);
                let _ =
                    input.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n".to_vec());
                let generation = self.generation;
                let greeting = Greeting { era: Era::Legacy, result };
                self.promote(Running { generation, outlet: Some(input), greeting: Some(greeting) });
            }
            Err(error) => {
                self.note(format!("refused initialize: {}", start_of(&error)));
                self.end(Reason::SpawnFailed("initialize".into()));
            }
        }
    }

    pub(super) fn promote(&mut self, running: Running) {
        if let Phase::Starting { child, .. } = std::mem::replace(&mut self.phase, Phase::Down { retry: None })
        {
            self.ready(Some(child), running);
        }
    }

    pub(super) fn ready(&mut self, child: Option<Child>, running: Running) {
        self.face.up(&running);
        let took = self.last_start.map_or(0, |start| start.elapsed().as_millis() as u64);
        log::info!(server = self.name(), event = "ready", ms = took; "ready");
        self.phase = Phase::Ready { child, since: Instant::now() };
        self.woken = false;
        self.server.board.write(|status| {
            status.state = State::Ready;
            status.reason = None;
            status.health = Health::Unknown;
            status.running = Some(running);
        });
    }
}

/// Of a child's error, which may be as long as a message, no more than a person reads.
fn start_of(error: &str) -> &str {
    &error[..error.floor_char_boundary(ERROR_BYTES)]
}

/// What the shared child is told: the newest legacy revision; sampling and elicitation, whose requests can be
/// routed to one session; no roots, which belong to one client each.
fn initialize_request() -> Vec<u8> {
    let params = serde_json::json!({
        "protocolVersion": revision::NEWEST_LEGACY.as_str(),
        "capabilities": { "sampling": {}, "elicitation": { "form": {}, "url": {} } },
        "clientInfo": { "name": "mcp-proxy", "version": env!("CARGO_PKG_VERSION") },
    });
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{INITIALIZE_ID},\"method\":\"initialize\",\"params\":{params}}}\n")
        .into_bytes()
}
