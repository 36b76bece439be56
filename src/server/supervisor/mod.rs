//! The supervisor of one server: an actor with one inbox, the only one that changes the server's state.

mod ending;
mod starting;

use super::Face;
use super::child::Child;
use super::handle::{Context, Report, Server};
use super::pulse::Pulse;
use super::restart::Policy;
use super::status::{Health, Reason, Target};
use crate::config::spec::{Launch, ServerSpec, Transport};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rustix::process::Signal;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that can happen to a server.
pub(super) enum Event {
    Start,
    Stop,
    Restart,
    /// A call waits for a server that has no child to take it.
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
/// However often calls ask for it, a server that keeps ending is not started more often than this.
const WAKE_INTERVAL: Duration = Duration::from_secs(1);

/// Where the child is in its life. The status on the board follows from it.
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
    pulse: Pulse,
    /// A call came while a child started or ended: should that end badly, it still waits.
    woken: bool,
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
        let (generation, misses, woken, last_start) = (0, 0, false, None);
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
            pulse: Pulse::new(),
            woken,
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
        self.woken = false;
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
        match &mut self.phase {
            Phase::Down { retry: Some(at) } => {
                let allowed = self.last_start.map_or_else(Instant::now, |start| start + WAKE_INTERVAL);
                *at = allowed.min(*at);
                self.woken = false;
            }
            Phase::Starting { .. } | Phase::Ending { .. } => self.woken = true,
            Phase::Down { retry: None } | Phase::Ready { .. } | Phase::Closed => {}
        }
    }

    fn health(&mut self, report: &Report) {
        let Phase::Ready { child, .. } = &self.phase else { return };
        let restartable = child.is_some();
        if report.failure.is_none() {
            self.pulse.beat();
        }
        let excused = report.busy && self.pulse.silence() < self.longest_silence();
        self.misses = match (&report.failure, excused) {
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

    /// For how long a call can be the reason that nothing is heard: then its own deadline has ended it. An HTTP
    /// server's progress does not pass here, so there it is the call's whole life.
    fn longest_silence(&self) -> Duration {
        let options = &self.spec.options;
        match &self.spec.launch {
            Launch::Child(child) if child.transport == Transport::Stdio => {
                options.call_idle.min(options.call_timeout)
            }
            _ => options.call_timeout,
        }
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
