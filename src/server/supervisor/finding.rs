//! How a server is found out: which way it starts, and whether it speaks on its pipes or over HTTP.

use super::super::attempts::{Attempts, Failure};
use super::super::child::Child;
use super::super::diagnosis::{Diagnosis, diagnose};
use super::super::finder::{Endpoint, Finder, Search};
use super::super::handle::Context;
use super::super::learnt::Learnt;
use super::super::outlet::Opening;
use super::super::process;
use super::super::status::{End, Reason, Running};
use super::{Phase, Supervisor, Wish};
use crate::config::spec::{ChildSpec, Eras, Launch, ServerSpec, Transport};
use crate::protocol::revision::Era;
use std::sync::Arc;
use std::time::Duration;

/// A child that ends within this time may only have been told the wrong arguments.
const SOON: Duration = Duration::from_secs(5);
/// Lines of a child's output in which the reason of its end is looked for.
const LAST_WORDS: usize = 40;

/// What an earlier run has found out.
pub(super) fn recall(spec: &ServerSpec, context: &Context) -> Option<Learnt> {
    context.memory.recall(child_of(spec)?)
}

/// The attempts to start it, and how it is greeted then.
pub(super) fn begin(spec: &ServerSpec, learnt: Option<&Learnt>, opening: Opening) -> (Attempts, Opening) {
    let ways = child_of(spec).map_or(&[][..], |child| &child.ways);
    let is_modern = learnt.is_some_and(|learnt| learnt.modern_only) && opening == Opening::Either;
    let opening = if is_modern { Opening::Modern } else { opening };
    (Attempts::new(ways, learnt.map(|learnt| learnt.attempt.clone())), opening)
}

/// What it speaks, as far as is known before it runs.
pub(super) fn transport(spec: &ServerSpec, learnt: Option<&Learnt>) -> Option<Transport> {
    match &spec.launch {
        Launch::Remote(_) => Some(Transport::Http),
        Launch::Child(child) => child.transport.or_else(|| learnt?.transport),
    }
}

fn child_of(spec: &ServerSpec) -> Option<&ChildSpec> {
    match &spec.launch {
        Launch::Child(child) => Some(child),
        Launch::Remote(_) => None,
    }
}

/// Whether that is the end of a child that was to go on.
fn has_failed(end: &End) -> bool {
    matches!(
        end.reason,
        Reason::Exited(_) | Reason::Signalled(_) | Reason::SpawnFailed(_) | Reason::StartTimeout
    )
}

/// How an attempt has ended, and what it said of the reason.
pub(super) struct Failed {
    end: End,
    diagnosis: Option<Diagnosis>,
}

impl Supervisor {
    pub(super) fn child_spec(&self) -> Option<&ChildSpec> {
        child_of(&self.spec)
    }

    /// Whether the child, or what stands in for one, may speak on its pipes.
    pub(super) fn may_pipe(&self) -> bool {
        self.dial.is_some() || self.child_spec().is_none_or(|child| child.transport != Some(Transport::Http))
    }

    /// Whether the child may listen on its server's port. One that is known to speak on its pipes does not, and finds
    /// us there.
    pub(super) fn may_listen(&self) -> bool {
        self.probe.is_some() && self.server.transport() != Some(Transport::Stdio)
    }

    /// The thread that looks for an HTTP server in the child.
    pub(super) fn look_for_http(&self, child: &Child) -> Option<Finder> {
        let (pid, probe) = (child.pid()?, self.probe.as_ref()?);
        let learnt = recall(&self.spec, &self.context);
        let search = Search {
            name: self.name().to_string(),
            generation: self.generation,
            pid,
            port: self.port,
            hint: learnt.and_then(|learnt| learnt.path),
            probe: Arc::clone(probe),
            inbox: self.server.inbox.clone(),
        };
        // Without the thread it is taken for a stdio server; its start times out if it is none.
        search.start().inspect_err(|error| log::warn!(server = self.name(), event = "no-thread"; "not looked for on a port: no thread ({error})")).ok()
    }

    /// How long the present start may take, and by which key.
    pub(super) fn allowed_start(&self) -> (&'static str, Duration) {
        let options = &self.spec.options;
        let is_first = self.prepares() && !self.has_worked();
        match is_first && options.first_start_timeout > options.start_timeout {
            true => ("first_start_timeout_seconds", options.first_start_timeout),
            false => ("start_timeout_seconds", options.start_timeout),
        }
    }

    /// What is told of a start that took longer.
    pub(super) fn timed_out(&self) -> String {
        let (key, allowed) = self.allowed_start();
        format!("started, but did not speak MCP within {key} = {}", allowed.as_secs())
    }

    /// Whether it has spoken MCP before, in this run or an earlier one.
    pub(super) fn has_worked(&self) -> bool {
        self.child_spec().is_some_and(|child| self.context.memory.knows(child))
    }

    fn prepares(&self) -> bool {
        let way = self.attempts.current().way;
        self.child_spec().and_then(|child| child.ways.get(way)).is_some_and(|way| way.prepares)
    }

    /// It listens, and speaks MCP there.
    pub(super) fn found(&mut self, endpoint: Endpoint) {
        if !matches!(self.phase, Phase::Starting { .. }) {
            return;
        }
        let path = endpoint.path.clone();
        log::info!(server = self.name(), event = "http"; "speaks HTTP on {}{path}", endpoint.address);
        self.settled(Transport::Http, |learnt| learnt.path = Some(path));
        let endpoint = Some(Arc::new(endpoint));
        self.promote(Running { endpoint, ..self.unheard() });
    }

    /// It has answered its greeting.
    pub(super) fn speaks_on_pipes(&mut self, era: Era) {
        if self.dial.is_some() {
            return;
        }
        self.settled(Transport::Stdio, |learnt| {
            learnt.path = None;
            match era {
                Era::Modern => learnt.modern = Some(true),
                Era::Legacy => learnt.modern_only = false,
            }
        });
    }

    /// It has refused the one era and named the other.
    pub(super) fn is_modern_only(&self) {
        self.learn(|learnt| (learnt.modern, learnt.modern_only) = (Some(true), true));
    }

    /// It was asked whether it speaks the modern era, and does not.
    pub(super) fn is_not_modern(&self) {
        self.learn(|learnt| learnt.modern = Some(false));
    }

    fn learn(&self, change: impl FnOnce(&mut Learnt)) {
        self.bear_in_mind(change);
        self.context.memory.keep();
    }

    fn bear_in_mind(&self, change: impl FnOnce(&mut Learnt)) {
        if let Some(child) = self.child_spec().filter(|_| self.dial.is_none()) {
            self.context.memory.note(child, change);
        }
    }

    /// It is known now how it is started and what it speaks. That is written down when it is ready: nobody is to wait
    /// for the disk.
    fn settled(&mut self, transport: Transport, further: impl FnOnce(&mut Learnt)) {
        self.attempts.prove();
        let attempt = self.attempts.current();
        self.server.board.write(|status| status.transport = Some(transport));
        self.bear_in_mind(|learnt| {
            (learnt.attempt, learnt.transport) = (attempt, Some(transport));
            further(learnt);
        });
    }

    /// The operator asks, or the folder has changed: it may be another server now.
    pub(super) fn reconsider(&mut self) {
        self.attempts.reconsider();
        self.failed = None;
    }

    /// Whether another attempt follows the end of a child that never spoke MCP.
    pub(super) fn goes_on(&mut self, end: &End, uptime: Duration) -> bool {
        if !has_failed(end) || !uptime.is_zero() || self.is_on_trial() || self.dial.is_some() {
            return false;
        }
        let diagnosis = self.diagnosis();
        let failure = self.failure(end, diagnosis.as_ref());
        self.keep(Failed { end: end.clone(), diagnosis });
        if self.wish != Wish::Up || !self.attempts.fail(failure) {
            return false;
        }
        let extra = self.attempts.current().extra.join(" ");
        let how = if extra.is_empty() { "in another way".into() } else { format!("with `{extra}`") };
        log::info!(server = self.name(), event = "next-attempt"; "{} before it spoke MCP; trying {how}", end.words());
        true
    }

    fn failure(&self, end: &End, diagnosis: Option<&Diagnosis>) -> Failure {
        let lived = self.last_start.map_or(Duration::ZERO, |start| start.elapsed());
        match (&end.reason, diagnosis) {
            (Reason::SpawnFailed(_), _) if end.status.is_none() => Failure::Died,
            (Reason::Exited(_) | Reason::Signalled(_), found) => match found {
                Some(found) if found.is_definite() => Failure::Hopeless,
                Some(Diagnosis::Usage) => Failure::Quit,
                Some(_) => Failure::Died,
                None if lived > SOON => Failure::Died,
                None => Failure::Quit,
            },
            _ => Failure::Hopeless,
        }
    }

    fn diagnosis(&self) -> Option<Diagnosis> {
        let child = self.child_spec()?;
        let given = process::given(child, child.ways.get(self.attempts.current().way)?);
        diagnose(&self.server.tail.last(LAST_WORDS), &child.required, &given)
    }

    /// Of several attempts the first was the likeliest, so what it said explains most; unless a later one knew what
    /// it lacks.
    fn keep(&mut self, failed: Failed) {
        if self.failed.is_none() || failed.diagnosis.as_ref().is_some_and(Diagnosis::is_definite) {
            self.failed = Some(failed);
        }
    }

    /// The end that is told when no attempt is left, and its words. One that was wanted is its own explanation.
    pub(super) fn conclude(&mut self, end: End) -> (End, String) {
        let Some(Failed { end: told, diagnosis }) = self.failed.take().filter(|_| has_failed(&end)) else {
            let words = end.words();
            return (end, words);
        };
        let timed_out = self.timed_out();
        if !diagnosis.as_ref().is_some_and(Diagnosis::is_definite) {
            self.unlearn();
        }
        let advice = diagnosis.map(|found| format!("; {found}")).unwrap_or_default();
        let words = match told.reason {
            Reason::Exited(_) | Reason::Signalled(_) => {
                format!("{} before it spoke MCP{advice}", told.words())
            }
            Reason::StartTimeout => format!("{timed_out}{advice}"),
            _ => told.words(),
        };
        (End { generation: end.generation, ..told }, words)
    }

    /// What an earlier run found out has not helped: all is found out anew.
    fn unlearn(&mut self) {
        let Launch::Child(child) = &self.spec.launch else { return };
        if self.attempts.is_proven() || !self.context.memory.forget(child) {
            return;
        }
        self.attempts = Attempts::new(&child.ways, None);
        if self.opening == Opening::Modern && self.spec.options.eras == Eras::Both {
            self.opening = Opening::Either;
        }
        let told = child.transport;
        self.server.board.write(|status| status.transport = told);
    }
}
