//! How a child ends, and what comes next.

use super::super::restart::Next;
use super::super::status::{End, Health, Reason, State, Target};
use super::{Phase, Step, Supervisor, Wish};
use crate::log::printable;
use crate::meter::Exit;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// What the rest of a dead child's output may take to be read before its calls are failed.
const DRAIN: Duration = Duration::from_millis(50);
/// From the end of stdin to SIGTERM: stdio servers end by themselves within 1.3 s.
const EOF_GRACE: Duration = Duration::from_millis(1500);
/// From the end of a child's stdout to its being ended.
const QUIET_GRACE: Duration = Duration::from_millis(20);
/// Lines of stderr that go with an error to a client.
const ERROR_LINES: usize = 10;

/// As the end of a process is counted.
fn exit(reason: &Reason) -> Exit {
    match reason {
        Reason::Requested => Exit::Requested,
        Reason::Exited(0) => Exit::Ended,
        Reason::Signalled(_) => Exit::Signalled,
        Reason::SpawnFailed(_) => Exit::NotStarted,
        Reason::StartTimeout => Exit::StartTimeout,
        Reason::Unhealthy => Exit::Unhealthy,
        Reason::OverLimit(_) => Exit::OverLimit,
        Reason::Asleep => Exit::Asleep,
        Reason::OtherEra | Reason::NotModern => Exit::OtherEra,
        Reason::Exited(_) | Reason::CrashLoop | Reason::Disconnected(_) => Exit::Failed,
    }
}

impl Supervisor {
    /// The end of a pipe: usually the exit follows; a child that lives on without it is ended, unless it does not need
    /// any: what it prints may go into a file of its own.
    pub(super) fn went_quiet(&mut self) {
        let ends = match &self.phase {
            Phase::Starting { finder, .. } => finder.is_none() || !self.may_listen(),
            Phase::Ready { .. } => !self.is_http(),
            _ => false,
        };
        if ends {
            self.begin_ending(None, Step::StdoutClosed, QUIET_GRACE);
        }
    }

    /// Ends the child in steps: end of stdin, SIGTERM, SIGKILL. One that did not answer gets no time.
    pub(super) fn end(&mut self, reason: Reason) {
        let hung = matches!(reason, Reason::Unhealthy | Reason::StartTimeout);
        if self.is_http() || hung {
            let patience = if hung { Duration::from_secs(1) } else { self.spec.options.stop_timeout };
            self.begin_ending(Some(reason), Step::Terminated, patience);
            self.signal(Signal::TERM);
        } else {
            self.begin_ending(Some(reason), Step::StdinClosed, EOF_GRACE);
        }
    }

    /// The child takes more than it may: it gets no time to take still more.
    pub(super) fn exceeded(&mut self, excess: String) {
        self.begin_ending(Some(Reason::OverLimit(excess)), Step::Killed, Duration::from_secs(1));
        self.signal(Signal::KILL);
    }

    pub(super) fn begin_ending(&mut self, reason: Option<Reason>, step: Step, patience: Duration) {
        let (child, uptime) = match std::mem::replace(&mut self.phase, Phase::Down { retry: None }) {
            Phase::Starting { child, .. } => (child, Duration::ZERO),
            Phase::Ready { child: Some(child), since } => (child, since.elapsed()),
            Phase::Ready { child: None, .. } => return self.parted(),
            other => return self.phase = other,
        };
        let waits = child.ends_by_itself();
        if waits && matches!(step, Step::StdinClosed) {
            child.outlet.close();
        }
        self.server.board.write(|status| {
            status.state = State::Stopping;
            status.reason.clone_from(&reason);
            status.running = None;
        });
        self.phase = Phase::Ending { child, reason, step, deadline: Instant::now() + patience, uptime };
        if !waits {
            self.lost("it takes no more messages".into());
        }
    }

    /// A server elsewhere has no process that would have to end first.
    fn parted(&mut self) {
        self.down(&Reason::Requested);
        if self.wish == Wish::Up {
            self.launch();
        }
    }

    pub(super) fn next_step(&mut self) {
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

    pub(super) fn exited(&mut self, status: ExitStatus) {
        let own = match (status.code(), status.signal()) {
            (Some(code), _) => Reason::Exited(code),
            (None, signal) => Reason::Signalled(signal.unwrap_or_default()),
        };
        self.gone(own, Some(status));
    }

    /// The connection that stood in for a child is over.
    pub(super) fn lost(&mut self, why: String) {
        self.gone(Reason::Disconnected(why), None);
    }

    /// The child is gone, for a reason of its `own` unless it was ended for another.
    fn gone(&mut self, own: Reason, status: Option<ExitStatus>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Down { retry: None });
        let (child, reason, uptime) = match phase {
            Phase::Starting { child, .. } => (child, None, Duration::ZERO),
            Phase::Ready { child: Some(child), since } => (child, None, since.elapsed()),
            Phase::Ending { child, reason, uptime, .. } => (child, reason, uptime),
            other => return self.phase = other,
        };
        let reason = reason.or_else(|| child.excess().map(Reason::OverLimit)).unwrap_or(own);
        self.server.board.write(|status| (status.running, status.pid) = (None, None));
        child.drain(DRAIN);
        let stderr = self.server.tail.last(ERROR_LINES);
        let end = End { generation: child.generation, reason, status, stderr };
        if status.is_some() {
            self.server.meter().exits.of(exit(&end.reason)).count();
        }
        self.face.down(child.generation, &end);
        if !uptime.is_zero() {
            // Whoever asks how it ended need not wait for the burial.
            self.server.board.write(|status| status.last_end = Some(end.clone()));
        }
        child.bury(&self.context.guard, status);
        self.after(end, uptime);
    }

    pub(super) fn spawn_failed(&mut self, stage: String) {
        if self.dial.is_none() {
            self.server.meter().exits.of(Exit::NotStarted).count();
        }
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
        if self.goes_on(&end, uptime) {
            self.refused = None;
            self.planned += 1;
            return self.launch();
        }
        let (end, words) = self.conclude(end);
        let words = match self.refused.take() {
            Some(answer) => format!("{words}; its answer: {answer}"),
            None => words,
        };
        let reason = end.reason.clone();
        if reason != Reason::OtherEra {
            self.server.board.write(|status| status.last_end = Some(end));
        }
        match self.wish {
            Wish::Up => {}
            Wish::Later => return self.rest(),
            Wish::Down | Wish::Closed => return self.down(&reason),
        }
        match reason {
            Reason::Requested => self.launch(),
            Reason::OtherEra => {
                self.planned += 1;
                self.launch();
            }
            Reason::Asleep => {
                self.planned += 1;
                if self.woken { self.launch() } else { self.fall_asleep() }
            }
            _ if self.is_on_trial() => self.give_up(&words),
            trouble => {
                self.note(words);
                self.try_again(trouble, uptime);
            }
        }
    }

    fn try_again(&mut self, reason: Reason, uptime: Duration) {
        let now = Instant::now();
        let (reason, delay) = match self.policy.on_exit(now, uptime, rand::random()) {
            Next::After(delay) => (reason, delay),
            Next::Brake(delay) => {
                self.tell_brake(delay);
                (Reason::CrashLoop, delay)
            }
        };
        log::warn!(server = self.name(), event = "restart", reason = reason.to_string().as_str(), in_ms = delay.as_millis() as u64; "starting again in {:.1} s", delay.as_secs_f64());
        self.down(&reason);
        self.phase = Phase::Down { retry: Some(now + delay) };
        if self.woken {
            self.wake();
        }
    }

    /// One line that says it all: what keeps happening, and what to do about it.
    fn tell_brake(&self, delay: Duration) {
        let name = self.name();
        let cause = self.server.board.read().last_error.clone().unwrap_or_default();
        let last = self.server.tail.last(1).pop();
        let last = last.map(|line| format!("; the last it said: {}", printable(&line))).unwrap_or_default();
        log::error!(server = name, event = "crash-loop"; "ends again and again: {cause}{last}; mend it, then: mcp-proxy restart {name} (a call tries it too, and so does the proxy in {} s)", delay.as_secs());
    }

    /// It was only tried out, and does not speak the modern era: an answer like another, so whoever waits has it at
    /// once, and the server is not started again.
    pub(super) fn give_up(&mut self, why: &str) {
        log::info!(server = self.name(), event = "not-modern"; "does not speak the modern era: {why}");
        self.wish = Wish::Down;
        self.is_not_modern();
        self.server.board.write(|status| {
            status.target = Target::Down;
            status.reason = Some(Reason::NotModern);
        });
        match self.phase {
            Phase::Starting { .. } => self.end(Reason::NotModern),
            _ => self.down(&Reason::NotModern),
        }
    }

    pub(super) fn fall_asleep(&mut self) {
        self.down(&Reason::Asleep);
        self.phase = Phase::Asleep;
    }

    pub(super) fn down(&mut self, reason: &Reason) {
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
}
