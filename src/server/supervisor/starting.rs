//! How a child comes to be ready.

use super::super::attempts::Attempt;
use super::super::child::Child;
use super::super::dial::{Dial, Inlet};
use super::super::gate::Pass;
use super::super::greeting::{self, Answer, Verdict};
use super::super::outlet::{Greeting, Opening};
use super::super::output::Listener;
use super::super::process::Launcher;
use super::super::pulse::Pulse;
use super::super::status::{Health, Reason, Running, State};
use super::{Event, Phase, Supervisor};
use crate::config::spec::Launch;
use crate::protocol::revision::Era;
use crate::secrets;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of the child's own error goes into the log.
const ERROR_BYTES: usize = 500;
/// What a server gets that is only asked whether it speaks the modern era: some say nothing to what they do not know.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Starts it, at once if somebody waits for it, else as soon as not too many others are starting.
    pub(super) fn launch(&mut self) {
        if self.woken || self.is_on_trial() || self.dial.is_some() || self.child_spec().is_none() {
            return self.begin_start(None);
        }
        self.phase = Phase::Queued;
        self.server.board.write(|status| status.state = State::Starting);
        let inbox = self.server.inbox.clone();
        // A supervisor that has ended needs no pass.
        self.context.gate.enter(self.has_worked(), move |pass| drop(inbox.send(Event::Admitted(pass))));
    }

    pub(super) fn admitted(&mut self, pass: Pass) {
        if matches!(self.phase, Phase::Queued) {
            self.begin_start(Some(pass));
        }
    }

    pub(super) fn begin_start(&mut self, pass: Option<Pass>) {
        self.generation += 1;
        self.misses = 0;
        self.pulse = Pulse::new();
        self.server.tail.begin();
        self.last_start = Some(Instant::now());
        self.port = match self.dial {
            Some(_) => None,
            None => self.face.starting(self.may_listen()),
        };
        match self.begin() {
            Ok(Some(child)) => self.started(child, pass),
            Ok(None) => self.ready(None, self.unheard()),
            Err(stage) => self.spawn_failed(stage),
        }
    }

    /// A new child; none if there is nothing to start.
    fn begin(&self) -> Result<Option<Child>, String> {
        let child = match (&self.dial, &self.spec.launch) {
            (Some(dial), _) => self.connect(dial.as_ref())?,
            (None, Launch::Remote(_)) => return Ok(None),
            (None, Launch::Child(spec)) => {
                let Attempt { way, extra } = self.attempts.current();
                let way = spec.ways.get(way).ok_or("there is no way to start it")?;
                let launcher = Launcher {
                    name: self.name(),
                    number: self.server.number,
                    spec,
                    way,
                    extra: &extra,
                    port: self.port,
                    era: self.era(),
                    context: &self.context,
                    face: &self.face,
                    inbox: &self.server.inbox,
                    tail: &self.server.tail,
                    pulse: &self.pulse,
                };
                launcher.start(self.generation)?
            }
        };
        Ok(Some(child))
    }

    fn connect(&self, dial: &dyn Dial) -> Result<Child, String> {
        let inbox = &self.server.inbox;
        let listener =
            Listener::new(self.name(), self.unheard(), self.era(), Arc::clone(&self.face), inbox.clone());
        let inlet = Inlet::new(listener, self.pulse.clone(), inbox.clone());
        let outlet =
            dial.dial(&self.opening, inlet.clone()).map_err(|error| format!("connection: {error}"))?;
        inlet.connect(&outlet);
        Ok(Child::link(outlet, self.generation, inlet))
    }

    fn era(&self) -> Era {
        greeting::era(&self.opening)
    }

    /// The present child, before it has said or been told anything.
    pub(super) fn unheard(&self) -> Running {
        Running { generation: self.generation, outlet: None, greeting: None, endpoint: None }
    }

    fn started(&mut self, child: Child, pass: Option<Pass>) {
        let (pid, generation) = (child.pid(), self.generation);
        match pid {
            Some(pid) => {
                log::info!(server = self.name(), event = "started", pid, generation; "started");
            }
            None => log::info!(server = self.name(), event = "started", generation; "connecting"),
        }
        if self.may_pipe() {
            let _ = child.outlet.send(greeting::request(&self.opening)); // should it be gone, its end is told by others
        }
        let finder = self.look_for_http(&child);
        let restarts = generation - 1 - self.planned;
        if pid.is_some() {
            self.count_start(restarts);
        }
        self.server.board.write(|status| {
            status.state = State::Starting;
            status.pid = pid;
            status.restarts = restarts;
        });
        let deadline = Instant::now() + self.start_patience();
        self.phase = Phase::Starting { child, deadline, finder, pass };
    }

    /// A process was started; so many were, after the first, that had to be.
    fn count_start(&self, restarts: u64) {
        let meter = self.server.meter();
        meter.starts.count();
        if restarts > self.server.board.read().restarts {
            meter.restarts.count();
        }
    }

    fn start_patience(&self) -> Duration {
        let (_, own) = self.allowed_start();
        if self.is_on_trial() { own.min(PROBE_PATIENCE) } else { own }
    }

    pub(super) fn start_timed_out(&mut self) {
        if self.is_on_trial() {
            return self.give_up("no answer");
        }
        let words = self.timed_out();
        self.server.board.write(|status| status.last_error = Some(words));
        self.end(Reason::StartTimeout);
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        if !matches!(self.phase, Phase::Starting { .. }) {
            return;
        }
        match greeting::judge(&self.opening, answer) {
            Verdict::Agreed(greeting) => self.agreed(greeting),
            Verdict::ModernOnly => {
                log::info!(server = self.name(), event = "modern-only"; "speaks only the modern era; starting it again for that");
                self.opening = Opening::Modern;
                self.is_modern_only();
                self.end(Reason::OtherEra);
            }
            Verdict::Refused(error) if self.is_on_trial() => self.give_up(&start_of(&error)),
            Verdict::Refused(error) => {
                let method = greeting::method(&self.opening);
                self.refused = Some(start_of(&error));
                self.end(Reason::SpawnFailed(method.into()));
            }
        }
    }

    fn agreed(&mut self, greeting: Greeting) {
        let Phase::Starting { child, .. } = &self.phase else { return };
        let outlet = Arc::clone(&child.outlet);
        self.speaks_on_pipes(greeting.era);
        match greeting.era {
            Era::Legacy => drop(outlet.send(greeting::INITIALIZED.to_vec())),
            // Whoever was on trial has passed.
            Era::Modern => self.opening = Opening::Modern,
        }
        self.promote(Running { outlet: Some(outlet), greeting: Some(greeting), ..self.unheard() });
    }

    pub(super) fn promote(&mut self, running: Running) {
        if let Phase::Starting { child, .. } = std::mem::replace(&mut self.phase, Phase::Down { retry: None })
        {
            self.ready(Some(child), running);
        }
        // Only now: the next server has got the pass, and need not wait for the disk.
        self.context.memory.keep();
    }

    fn ready(&mut self, child: Option<Child>, running: Running) {
        self.face.up(&running);
        let took = self.last_start.map_or(0, |start| start.elapsed().as_millis() as u64);
        log::info!(server = self.name(), event = "ready", ms = took; "ready");
        self.phase = Phase::Ready { child, since: Instant::now() };
        self.woken = false;
        self.failed = None;
        self.server.board.write(|status| {
            status.state = State::Ready;
            status.reason = None;
            status.health = Health::Unknown;
            status.running = Some(running);
        });
    }
}

/// Of a child's error, which may be as long as a message, no more than a person reads, and no secret.
fn start_of(error: &str) -> String {
    secrets::mask_start(error, ERROR_BYTES)
}
