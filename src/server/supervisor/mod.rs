//! The supervisor of one server: an actor with one inbox, the only one that changes the server's state.

mod ending;
mod finding;
mod health;
mod starting;
mod wishes;

use super::Face;
use super::attempts::Attempts;
use super::child::Child;
use super::dial::Dial;
use super::finder::{Endpoint, Finder, Probe};
use super::gate::Pass;
use super::greeting::Answer;
use super::handle::{Context, Report, Role, Server};
use super::outlet::Opening;
use super::pulse::Pulse;
use super::restart::Policy;
use super::status::Reason;
use crate::config::redact;
use crate::config::spec::{ServerSpec, Transport};
use crate::secrets;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use finding::Failed;
use rustix::process::Signal;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
pub(super) use wishes::Wish;

/// Everything that can happen to a server.
pub(super) enum Event {
    Start,
    Stop,
    Restart,
    /// Stop it if it runs, and start it when somebody needs it.
    Lull,
    /// Its program has changed: what runs is replaced, and is then wanted like this.
    Renew(Wish),
    /// A call waits for a server that has no child to take it.
    Wake,
    /// Nobody needs the child for now.
    Sleep,
    /// For good: stop and end the thread.
    Close,
    /// It may start now.
    Admitted(Pass),
    Answered {
        generation: u64,
        answer: Answer,
    },
    /// It speaks HTTP.
    Found {
        generation: u64,
        endpoint: Endpoint,
    },
    Exited {
        generation: u64,
        status: ExitStatus,
    },
    /// The child's stdout has ended, or it has closed its stdin: it can serve no more.
    Quiet {
        generation: u64,
    },
    /// The connection that stood in for a child is over.
    Lost {
        generation: u64,
        why: String,
    },
    Health(Report),
    /// The child takes more than it may: which limit, in words.
    Excess {
        generation: u64,
        excess: String,
    },
}

/// How long a start counts as one of those that may be under way at once: one that hangs must not hold up the others.
const CROWDING: Duration = Duration::from_secs(5);

/// Where the child is in its life. The status on the board follows from it.
enum Phase {
    Down {
        retry: Option<Instant>,
    },
    /// The next call has one started.
    Asleep,
    /// Others are starting; it is let in when one of them is done.
    Queued,
    Starting {
        child: Child,
        deadline: Instant,
        /// Looks for an HTTP server in it.
        finder: Option<Finder>,
        pass: Option<Pass>,
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
    /// The port that the present child was told, if it may listen.
    port: Option<u16>,
    face: Arc<dyn Face>,
    context: Arc<Context>,
    /// How the next child is greeted: what was learnt of the server's era stays known.
    opening: Opening,
    dial: Option<Arc<dyn Dial>>,
    probe: Option<Arc<dyn Probe>>,
    attempts: Attempts,
    /// The attempt among those under way that is told if all fail.
    failed: Option<Failed>,
    /// What the child that is being ended answered to its greeting, where it refused that.
    refused: Option<String>,
    policy: Policy,
    wish: Wish,
    generation: u64,
    /// Children started after sleep, or for the other era: these are no restarts.
    planned: u64,
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
        face: Arc<dyn Face>,
        context: Arc<Context>,
        role: Role,
    ) -> Supervisor {
        redact::keep(redact::secrets_of(&spec));
        let phase = if role.asleep { Phase::Asleep } else { Phase::Down { retry: None } };
        let learnt = finding::recall(&spec, &context);
        let (attempts, opening) = finding::begin(&spec, learnt.as_ref(), role.opening);
        let transport = finding::transport(&spec, learnt.as_ref());
        server.board.write(|status| {
            status.transport = transport;
            // Before anybody can ask.
            status.reason = role.asleep.then_some(Reason::Asleep);
        });
        Supervisor {
            server,
            spec,
            port: None,
            face,
            policy: Policy::new(context.restart.clone()),
            context,
            opening,
            dial: role.dial,
            probe: role.probe,
            attempts,
            failed: None,
            refused: None,
            wish: Wish::Up,
            generation: 0,
            planned: 0,
            misses: 0,
            pulse: Pulse::new(),
            woken: false,
            phase,
            last_start: None,
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Event>) {
        match self.phase {
            Phase::Asleep => self.fall_asleep(),
            _ => self.launch(),
        }
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
            Phase::Starting { deadline, pass: Some(_), .. } => {
                let crowding = self.last_start.map(|start| start + CROWDING);
                crowding.into_iter().chain([*deadline]).min()
            }
            Phase::Starting { deadline, .. } | Phase::Ending { deadline, .. } => Some(*deadline),
            Phase::Queued | Phase::Asleep | Phase::Ready { .. } | Phase::Closed => None,
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Start => self.want_up(),
            Event::Stop => self.want_down(Wish::Down),
            Event::Restart => self.restart(),
            Event::Lull => self.lull(),
            Event::Renew(wish) => self.renew(wish),
            Event::Wake => self.wake(),
            Event::Sleep => self.sleep(),
            Event::Close => self.want_down(Wish::Closed),
            Event::Admitted(pass) => self.admitted(pass),
            Event::Found { generation, endpoint } if self.is_current(generation) => self.found(endpoint),
            Event::Answered { generation, answer } if self.is_current(generation) => self.answered(answer),
            Event::Exited { generation, status } if self.is_current(generation) => self.exited(status),
            Event::Quiet { generation } if self.is_current(generation) => self.went_quiet(),
            Event::Lost { generation, why } if self.is_current(generation) => self.lost(why),
            Event::Health(report) if self.is_current(report.generation) => self.health(&report),
            Event::Excess { generation, excess } if self.is_current(generation) => self.exceeded(excess),
            // Of an earlier child.
            Event::Answered { .. } | Event::Exited { .. } | Event::Quiet { .. } => {}
            Event::Lost { .. } | Event::Health(_) | Event::Found { .. } | Event::Excess { .. } => {}
        }
    }

    fn time_is_up(&mut self) {
        match &mut self.phase {
            Phase::Down { .. } => self.launch(),
            Phase::Starting { deadline, .. } if Instant::now() >= *deadline => self.start_timed_out(),
            Phase::Starting { pass, .. } => drop(pass.take()),
            Phase::Ending { .. } => self.next_step(),
            Phase::Queued | Phase::Asleep | Phase::Ready { .. } | Phase::Closed => {}
        }
    }

    fn name(&self) -> &str {
        &self.spec.name
    }

    /// Whether it is a process that speaks HTTP, as far as is known, and nothing else stands in for it.
    fn is_http(&self) -> bool {
        self.dial.is_none() && self.server.transport() == Some(Transport::Http)
    }

    /// Whether it is still to be seen that the server speaks the modern era at all.
    fn is_on_trial(&self) -> bool {
        self.opening == Opening::TryModern
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
        let error = secrets::mask(&error).into_owned();
        log::warn!(server = self.name(), event = "trouble"; "{error}");
        self.server.board.write(|status| status.last_error = Some(error));
    }
}
