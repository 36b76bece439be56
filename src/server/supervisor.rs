//! The supervisor of one server: an actor with one inbox, the only one that changes the server's state.

use super::Face;
use super::child::{Child, Launcher};
use super::handle::{Context, Report, Server};
use super::output::INITIALIZE_ID;
use super::restart::{Next, Policy};
use super::status::{End, Health, Reason, Running, State, Target};
use crate::config::spec::{Launch, ServerSpec, Transport};
use crate::protocol::revision;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that can happen to a server.
pub(super) enum Event {
    Start,
    Stop,
    Restart,
    /// A call waits for a server that is down between two tries.
    Wake,
    /// For good: stop and end the thread.
    Close,
    Answered {
        generation: u64,
        answer: Result<Arc<str>, String>,
    },
    Exited {
        generation: u64,
        status: ExitStatus,
    },
    /// The child's stdout has ended, or it has closed its stdin: it can serve no more.
    Quiet {
        generation: u64,
    },
    Health(Report),
}

/// How often a starting HTTP child is asked whether it answers.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);
/// What the rest of a dead child's output may take to be read before its calls are failed.
const DRAIN: Duration = Duration::from_millis(50);
/// From the end of stdin to SIGTERM: stdio servers end by themselves within 1.3 s.
const EOF_GRACE: Duration = Duration::from_millis(1500);
/// From the end of a child's stdout to its being ended.
const QUIET_GRACE: Duration = Duration::from_millis(20);
/// However often calls ask for it, a server that keeps ending is not started more often than this.
const WAKE_INTERVAL: Duration = Duration::from_secs(1);

/// Where the child is in its life. The [`Status`] follows from it.
enum Phase {
    Down {
        retry: Option<Instant>,
    },
    Starting {
        child: Child,
        deadline: Instant,
    },
    Ready {
        child: Option<Child>,
        since: Instant,
    },
    /// It is being ended for `reason` (none: whatever its exit says); each `deadline` takes the next, harder step.
    Ending {
        child: Child,
        reason: Option<Reason>,
        step: Step,
        deadline: Instant,
        uptime: Duration,
    },
    Closed,
}

/// What is to become of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Up,
    Down,
    /// Down, and the supervisor with it.
    Closed,
}

/// The steps of ending a child.
#[derive(Clone, Copy)]
enum Step {
    StdoutClosed,
    StdinClosed,
    Terminated,
    Killed,
}

pub(super) struct Supervisor {
    server: Arc<Server>,
    spec: Arc<ServerSpec>,
    port: Option<u16>,
    face: Arc<dyn Face>,
    context: Arc<Context>,
    policy: Policy,
    wish: Wish,
    generation: u64,
    /// Health checks missed in a row.
    misses: u32,
    phase: Phase,
    last_start: Option<Instant>,
}

impl Supervisor {
    pub(super) fn new(
        server: Arc<Server>,
        spec: Arc<ServerSpec>,
        port: Option<u16>,
        face: Arc<dyn Face>,
        context: Arc<Context>,
    ) -> Supervisor {
        let policy = Policy::new(context.restart.clone());
        let phase = Phase::Down { retry: None };
        let (generation, misses, last_start) = (0, 0, None);
        Supervisor {
            server,
            spec,
            port,
            face,
            context,
            policy,
            wish: Wish::Up,
            generation,
            misses,
            phase,
            last_start,
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Event>) {
        self.launch();
        while !matches!(self.phase, Phase::Closed) {
            let event = match self.timer() {
                Some(at) => inbox.recv_deadline(at),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => self.time_is_up(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn timer(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Down { retry } => *retry,
            Phase::Starting { deadline, .. } if self.is_http() => {
                Some((Instant::now() + PROBE_INTERVAL).min(*deadline))
            }
            Phase::Starting { deadline, .. } | Phase::Ending { deadline, .. } => Some(*deadline),
            Phase::Ready { .. } | Phase::Closed => None,
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Start => self.want_up(),
            Event::Stop => self.want_down(Wish::Down),
            Event::Restart => self.restart(),
            Event::Wake => self.wake(),
            Event::Close => self.want_down(Wish::Closed),
            Event::Answered { generation, answer } if self.is_current(generation) => self.answered(answer),
            Event::Exited { generation, status } if self.is_current(generation) => self.exited(status),
            Event::Quiet { generation } if self.is_current(generation) => self.went_quiet(),
            Event::Health(report) if self.is_current(report.generation) => self.health(&report),
            // Of an earlier child.
            Event::Answered { .. } | Event::Exited { .. } | Event::Quiet { .. } | Event::Health(_) => {}
        }
    }

    fn time_is_up(&mut self) {
        match &self.phase {
            Phase::Down { .. } => self.launch(),
            Phase::Starting { deadline, .. } if Instant::now() >= *deadline => {
                let seconds = self.spec.options.start_timeout.as_secs();
                self.note(format!("did not answer within start_timeout_seconds = {seconds}"));
                self.end(Reason::StartTimeout);
            }
            Phase::Starting { .. } => self.probe(),
            Phase::Ending { .. } => self.next_step(),
            Phase::Ready { .. } | Phase::Closed => {}
        }
    }

    // ---- what the operator wants

    fn want(&mut self, wish: Wish) {
        self.wish = wish;
        let target = if wish == Wish::Up { Target::Up } else { Target::Down };
        self.server.board.write(|status| status.target = target);
    }

    fn want_up(&mut self) {
        self.want(Wish::Up);
        if matches!(self.phase, Phase::Down { .. }) {
            self.policy.forget();
            self.launch();
        }
    }

    fn want_down(&mut self, wish: Wish) {
        self.want(wish);
        match &mut self.phase {
            Phase::Down { .. } => self.down(&Reason::Requested),
            Phase::Ending { reason, .. } => *reason = Some(Reason::Requested),
            _ => self.end(Reason::Requested),
        }
    }

    fn restart(&mut self) {
        self.policy.forget();
        self.want(Wish::Up);
        match self.phase {
            Phase::Down { .. } => self.launch(),
            Phase::Ending { .. } | Phase::Closed => {}
            _ => self.end(Reason::Requested),
        }
    }

    fn wake(&mut self) {
        if let Phase::Down { retry: Some(at) } = &mut self.phase {
            let allowed = self.last_start.map_or_else(Instant::now, |start| start + WAKE_INTERVAL);
            *at = allowed.min(*at);
        }
    }

    // ---- the life of a child

    fn launch(&mut self) {
        self.generation += 1;
        self.misses = 0;
        self.last_start = Some(Instant::now());
        let spec = Arc::clone(&self.spec);
        let generation = self.generation;
        match &spec.launch {
            Launch::Remote(_) => self.ready(None, Running { generation, input: None, initialize: None }),
            Launch::Child(child) => {
                let launcher = Launcher {
                    name: &spec.name,
                    spec: child,
                    port: self.port,
                    context: &self.context,
                    face: &self.face,
                    inbox: &self.server.inbox,
                    tail: &self.server.tail,
                };
                match launcher.start(generation) {
                    Ok(child) => self.started(child),
                    Err(stage) => self.spawn_failed(stage),
                }
            }
        }
    }

    fn started(&mut self, child: Child) {
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

    fn probe(&mut self) {
        let answers = self.port.is_some_and(|port| self.face.answers(port));
        if answers {
            let generation = self.generation;
            self.promote(Running { generation, input: None, initialize: None });
        }
    }

    fn answered(&mut self, answer: Result<Arc<str>, String>) {
        let Phase::Starting { child, .. } = &self.phase else { return };
        match answer {
            Ok(result) => {
                let input = Arc::clone(&child.input);
                let _ =
                    input.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n".to_vec());
                let generation = self.generation;
                self.promote(Running { generation, input: Some(input), initialize: Some(result) });
            }
            Err(error) => {
                self.note(format!("refused initialize: {error}"));
                self.end(Reason::SpawnFailed("initialize".into()));
            }
        }
    }

    fn promote(&mut self, running: Running) {
        if let Phase::Starting { child, .. } = std::mem::replace(&mut self.phase, Phase::Down { retry: None })
        {
            self.ready(Some(child), running);
        }
    }

    fn ready(&mut self, child: Option<Child>, running: Running) {
        self.face.up(&running);
        let took = self.last_start.map_or(0, |start| start.elapsed().as_millis() as u64);
        log::info!(server = self.name(), event = "ready", ms = took; "ready");
        self.phase = Phase::Ready { child, since: Instant::now() };
        self.server.board.write(|status| {
            status.state = State::Ready;
            status.reason = None;
            status.health = Health::Unknown;
            status.running = Some(running);
        });
    }

    fn health(&mut self, report: &Report) {
        let Phase::Ready { child, .. } = &self.phase else { return };
        let restartable = child.is_some();
        self.misses = match (&report.failure, report.busy) {
            (None, _) => 0,
            (Some(_), true) => self.misses,
            (Some(_), false) => self.misses + 1,
        };
        let health = match &report.failure {
            None => Health::Healthy,
            Some(_) if self.misses >= self.context.health.unhealthy_after => Health::Unhealthy,
            Some(_) => Health::Degraded,
        };
        let changed = self.server.board.read().health != health;
        self.server.board.write(|status| status.health = health);
        if let Some(failure) = report.failure.as_ref().filter(|_| changed) {
            self.note(failure.clone());
        } else if changed {
            log::info!(server = self.name(), event = "health"; "{health}");
        }
        if health == Health::Unhealthy && restartable {
            self.end(Reason::Unhealthy);
        }
    }

    /// The end of a pipe: usually the exit follows; a child that lives on without it is ended.
    fn went_quiet(&mut self) {
        if !matches!(self.phase, Phase::Starting { .. } | Phase::Ready { .. }) {
            return;
        }
        self.begin_ending(None, Step::StdoutClosed, QUIET_GRACE);
    }

    /// Ends the child in steps: end of stdin, SIGTERM, SIGKILL. One that did not answer gets no time.
    fn end(&mut self, reason: Reason) {
        let hung = matches!(reason, Reason::Unhealthy | Reason::StartTimeout);
        if self.is_http() || hung {
            let patience = if hung { Duration::from_secs(1) } else { self.spec.options.stop_timeout };
            self.begin_ending(Some(reason), Step::Terminated, patience);
            self.signal(Signal::TERM);
        } else {
            self.begin_ending(Some(reason), Step::StdinClosed, EOF_GRACE);
        }
    }

    fn begin_ending(&mut self, reason: Option<Reason>, step: Step, patience: Duration) {
        let (child, uptime) = match std::mem::replace(&mut self.phase, Phase::Down { retry: None }) {
            Phase::Starting { child, .. } => (child, Duration::ZERO),
            Phase::Ready { child: Some(child), since } => (child, since.elapsed()),
            Phase::Ready { child: None, .. } => return self.down(&Reason::Requested),
            other => return self.phase = other,
        };
        if matches!(step, Step::StdinClosed) {
            child.input.close();
        }
        self.server.board.write(|status| {
            status.state = State::Stopping;
            status.reason.clone_from(&reason);
            status.running = None;
        });
        self.phase = Phase::Ending { child, reason, step, deadline: Instant::now() + patience, uptime };
    }

    fn next_step(&mut self) {
        let stop_timeout = self.spec.options.stop_timeout;
        let Phase::Ending { child, step, deadline, .. } = &mut self.phase else { return };
        match step {
            Step::StdinClosed => {
                child.signal(Signal::TERM);
                (*step, *deadline) = (Step::Terminated, Instant::now() + stop_timeout);
            }
            Step::StdoutClosed | Step::Terminated | Step::Killed => {
                child.signal(Signal::KILL);
                (*step, *deadline) = (Step::Killed, Instant::now() + Duration::from_secs(1));
            }
        }
    }

    fn exited(&mut self, status: ExitStatus) {
        let own = match (status.code(), status.signal()) {
            (Some(code), _) => Reason::Exited(code),
            (None, signal) => Reason::Signalled(signal.unwrap_or_default()),
        };
        let phase = std::mem::replace(&mut self.phase, Phase::Down { retry: None });
        let (child, reason, uptime) = match phase {
            Phase::Starting { child, .. } => (child, own, Duration::ZERO),
            Phase::Ready { child: Some(child), since } => (child, own, since.elapsed()),
            Phase::Ending { child, reason, uptime, .. } => (child, reason.unwrap_or(own), uptime),
            other => return self.phase = other,
        };
        self.server.board.write(|status| status.running = None);
        child.drain(DRAIN);
        let end = End {
            generation: child.generation,
            reason,
            status: Some(status),
            stderr: self.server.tail.last(ERROR_LINES),
        };
        self.face.down(child.generation, &end);
        child.bury(&self.context.guard);
        self.after(end, uptime);
    }

    fn spawn_failed(&mut self, stage: String) {
        let end = End {
            generation: self.generation,
            reason: Reason::SpawnFailed(stage),
            status: None,
            stderr: Vec::new(),
        };
        self.after(end, Duration::ZERO);
    }

    /// The child is gone: what next?
    fn after(&mut self, end: End, uptime: Duration) {
        let reason = end.reason.clone();
        if reason != Reason::Requested {
            self.note(end.words());
        }
        self.server.board.write(|status| status.last_end = Some(end));
        if self.wish != Wish::Up {
            return self.down(&Reason::Requested);
        }
        if reason == Reason::Requested {
            return self.launch();
        }
        let now = Instant::now();
        let (reason, delay) = match self.policy.on_exit(now, uptime, rand::random()) {
            Next::After(delay) => (reason, delay),
            Next::Brake(delay) => (Reason::CrashLoop, delay),
        };
        log::warn!(server = self.name(), event = "restart", reason = reason.to_string().as_str(), in_ms = delay.as_millis() as u64; "starting again in {:.1} s", delay.as_secs_f64());
        self.down(&reason);
        self.phase = Phase::Down { retry: Some(now + delay) };
    }

    fn down(&mut self, reason: &Reason) {
        self.phase = if self.wish == Wish::Closed { Phase::Closed } else { Phase::Down { retry: None } };
        log::info!(server = self.name(), event = "down", reason = reason.to_string().as_str(); "down");
        self.server.board.write(|status| {
            status.state = State::Stopped;
            status.reason = Some(reason.clone());
            status.health = Health::Unknown;
            status.pid = None;
            status.running = None;
        });
    }

    // ---- small things

    fn name(&self) -> &str {
        &self.spec.name
    }

    fn is_http(&self) -> bool {
        matches!(&self.spec.launch, Launch::Child(child) if child.transport == Transport::Http)
    }

    fn is_current(&self, generation: u64) -> bool {
        generation == self.generation
    }

    fn signal(&self, signal: Signal) {
        if let Phase::Ending { child, .. } = &self.phase {
            child.signal(signal);
        }
    }

    fn note(&self, error: String) {
        log::warn!(server = self.name(), event = "trouble"; "{error}");
        self.server.board.write(|status| status.last_error = Some(error));
    }
}

/// Lines of stderr that go with an error to a client.
const ERROR_LINES: usize = 10;

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
