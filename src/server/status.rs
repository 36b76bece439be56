//! The state of a server: state × target × reason, and health beside it. Why it is down is never another state.

use super::changes::Changes;
use super::finder::Endpoint;
use super::outlet::{Greeting, Outlet};
use crate::config::spec::Transport;
use serde_json::{Value, json};
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What the child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no child.
    Stopped,
    /// A child runs and has not answered yet, or waits for its turn to be started.
    Starting,
    /// The child takes calls.
    Ready,
    /// The child was told to end.
    Stopping,
}

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// It is to run.
    Up,
    /// It is to stay down until told otherwise.
    Down,
}

/// Why the state is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked.
    Requested,
    /// The child ended with this exit status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
    /// It could not be started; the text names the stage.
    SpawnFailed(String),
    /// It did not answer within its start timeout.
    StartTimeout,
    /// It did not answer its health checks.
    Unhealthy,
    /// It took more than it may; the text names the limit.
    OverLimit(String),
    /// It ended too often; the next try waits.
    CrashLoop,
    /// The connection that stands in for a child was lost; the text says how.
    Disconnected(String),
    /// Nobody needs it; the next call has it started. It stays the reason until that start has ended.
    Asleep,
    /// It speaks only the modern era and is started again for that.
    OtherEra,
    /// It was tried out for the modern era and does not speak it; it is not started again.
    NotModern,
}

/// What the server answered last when asked whether it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet.
    Unknown,
    /// Answered.
    Healthy,
    /// Did not answer, while calls were in flight or for fewer times than it takes.
    Degraded,
    /// Did not answer, several times, with nothing to do or for longer than a call may take.
    Unhealthy,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Stopped => "stopped",
            State::Starting => "starting",
            State::Ready => "ready",
            State::Stopping => "stopping",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Requested => f.write_str("requested"),
            Reason::Exited(code) => write!(f, "exited({code})"),
            Reason::Signalled(signal) => write!(f, "signalled({signal})"),
            Reason::SpawnFailed(stage) => write!(f, "spawn-failed({stage})"),
            Reason::StartTimeout => f.write_str("start-timeout"),
            Reason::Unhealthy => f.write_str("unhealthy"),
            Reason::OverLimit(excess) => {
                write!(f, "over-limit({})", excess.split(' ').next().unwrap_or_default())
            }
            Reason::CrashLoop => f.write_str("crash-loop"),
            Reason::Disconnected(_) => f.write_str("disconnected"),
            Reason::Asleep => f.write_str("asleep"),
            Reason::OtherEra => f.write_str("other-era"),
            Reason::NotModern => f.write_str("not-modern"),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Unknown => "unknown",
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
        })
    }
}

/// How a child ended.
#[derive(Clone, Debug)]
pub struct End {
    /// Which child it was.
    pub generation: u64,
    /// Why, as [`Status`] reports it.
    pub reason: Reason,
    /// What the system says of the process; none if it never ran.
    pub status: Option<ExitStatus>,
    /// The last lines of its stderr.
    pub stderr: Vec<String>,
}

impl End {
    /// In words: `exited with status 3`, `was killed by signal 9`, …
    pub fn words(&self) -> String {
        let how = match self.status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => format!("exited with status {code}"),
            Some((_, Some(signal))) => format!("was killed by signal {signal}"),
            _ => "did not run".to_string(),
        };
        match &self.reason {
            Reason::Exited(_) | Reason::Signalled(_) => how,
            Reason::Requested => "was stopped on request".into(),
            Reason::StartTimeout => "did not answer within its start timeout".into(),
            Reason::Unhealthy => "did not answer its health checks and was stopped".into(),
            Reason::OverLimit(excess) => format!("was over its {excess} and was ended"),
            Reason::SpawnFailed(stage) => format!("could not be started ({stage})"),
            Reason::CrashLoop => format!("{how}, as it did several times before"),
            Reason::Disconnected(why) => format!("lost its connection: {why}"),
            Reason::Asleep => "was stopped because nobody needed it".into(),
            Reason::OtherEra => "was stopped to be started for the modern era".into(),
            Reason::NotModern => "does not speak the modern era".into(),
        }
    }

    /// For the `data` of a JSON-RPC error: server, reason, exit_code or signal, stderr.
    pub fn data(&self, server: &str) -> Value {
        let mut data = json!({ "server": server, "reason": self.reason.to_string(), "stderr": self.stderr });
        if let Some(code) = self.status.and_then(|status| status.code()) {
            data["exit_code"] = code.into();
        }
        if let Some(signal) = self.status.and_then(|status| status.signal()) {
            data["signal"] = signal.into();
        }
        data
    }
}

/// A child that takes calls.
#[derive(Clone)]
pub struct Running {
    /// Counts the children of this server; answers of an older one mean nothing.
    pub generation: u64,
    /// The way to it; none if requests are forwarded as they are.
    pub outlet: Option<Arc<dyn Outlet>>,
    /// What it answered to its greeting; none if it was not greeted (yet).
    pub greeting: Option<Greeting>,
    /// Where it is reached, if it is an HTTP server of ours.
    pub endpoint: Option<Arc<Endpoint>>,
}

/// All there is to say of a server at one moment.
#[derive(Clone)]
pub struct Status {
    /// What the child is doing.
    pub state: State,
    /// What the operator wants.
    pub target: Target,
    /// Why the state is what it is.
    pub reason: Option<Reason>,
    /// Whether it speaks on its pipes or over HTTP, once that is known.
    pub transport: Option<Transport>,
    /// What it answered last.
    pub health: Health,
    /// Since when the state is what it is.
    pub since: SystemTime,
    /// Children started after the first.
    pub restarts: u64,
    /// The last thing that went wrong, in words.
    pub last_error: Option<String>,
    /// How the last child ended.
    pub last_end: Option<End>,
    /// The child's process id.
    pub pid: Option<u32>,
    /// The child, while it is ready.
    pub running: Option<Running>,
}

impl Status {
    /// Nothing is wrong and nobody has to wait for it: it is asleep, or on its way there or back.
    pub fn rests(&self) -> bool {
        self.reason == Some(Reason::Asleep)
    }

    /// Its first start is under way or still to come; starting it in the other era is part of that.
    pub fn is_new(&self) -> bool {
        let begun =
            matches!(self.state, State::Stopped | State::Starting) || self.reason == Some(Reason::OtherEra);
        begun && self.last_end.is_none() && self.target == Target::Up && !self.rests()
    }
}

/// Why a call cannot be made.
#[derive(Clone)]
pub struct Unavailable(pub Box<Status>);

impl Unavailable {
    /// What the client is told: what is wrong and what to do.
    pub fn message(&self, name: &str) -> String {
        let status = &self.0;
        let detail = status.last_error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        match (status.target, status.state) {
            (Target::Down, _) => format!("server {name} is stopped; start it with: mcp-proxy start {name}"),
            // One that was up or has failed before is down, also while the next try is under way.
            (_, State::Starting) if status.last_end.is_none() || status.rests() => {
                format!("server {name} is still starting{detail}; try again in a moment")
            }
            _ => {
                format!("server {name} is not running{detail}; see its log, or try: mcp-proxy restart {name}")
            }
        }
    }
}

/// Where the supervisor writes the [`Status`] and everybody else reads it.
pub(super) struct Board {
    status: Mutex<Status>,
    changed: Condvar,
    /// Who is told of it besides, whichever server it is of.
    changes: Arc<Changes>,
}

impl Board {
    pub(super) fn new(changes: Arc<Changes>) -> Board {
        let status = Status {
            state: State::Stopped,
            target: Target::Up,
            reason: None,
            transport: None,
            health: Health::Unknown,
            since: SystemTime::now(),
            restarts: 0,
            last_error: None,
            last_end: None,
            pid: None,
            running: None,
        };
        Board { status: Mutex::new(status), changed: Condvar::new(), changes }
    }

    pub(super) fn read(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the status and wakes those who wait for it. `since` follows the state by itself.
    pub(super) fn write(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.read();
        let before = status.state;
        change(&mut status);
        if status.state != before {
            status.since = SystemTime::now();
        }
        drop(status);
        self.changed.notify_all();
        self.changes.note();
    }

    /// Waits at most `patience` until the first start has ended, well or badly.
    pub(super) fn wait_settled(&self, patience: Duration) {
        let guard = self.changed.wait_timeout_while(self.read(), patience, |status| status.is_new());
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits at most `patience` until there is no child.
    pub(super) fn wait_down(&self, patience: Duration) {
        let is_up = |status: &mut Status| status.state != State::Stopped;
        let guard = self.changed.wait_timeout_while(self.read(), patience, is_up);
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits at most `patience` while it sleeps or wakes up.
    pub(super) fn wait_awake(&self, patience: Duration) {
        let rests = |status: &mut Status| status.rests() && status.target == Target::Up;
        let guard = self.changed.wait_timeout_while(self.read(), patience, rests);
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    /// How the child of that generation ended, waiting at most `patience` for it.
    pub(super) fn wait_end(&self, generation: u64, patience: Duration) -> Option<End> {
        let deadline = Instant::now() + patience;
        let mut status = self.read();
        loop {
            if let Some(end) = status.last_end.as_ref().filter(|end| end.generation >= generation) {
                return Some(end.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            status = self.changed.wait_timeout(status, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits at most `patience` for a child that takes calls; gives up at once when none is wanted.
    pub(super) fn wait_running(&self, patience: Duration) -> Result<Running, Unavailable> {
        let deadline = Instant::now() + patience;
        let mut status = self.read();
        loop {
            if let Some(running) = &status.running {
                return Ok(running.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if status.target == Target::Down || left.is_zero() {
                return Err(Unavailable(Box::new(status.clone())));
            }
            status = self.changed.wait_timeout(status, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
