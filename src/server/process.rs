//! A child process: how it is started and what is done with it.

use super::cgroup::Group;
use super::child::Child;
use super::confinement::Warden;
use super::guard::Guard;
use super::handle::Context;
use super::input::Input;
use super::outlet::Outlet;
use super::output::{Listener, Output};
use super::pulse::Pulse;
use super::status::Running;
use super::stderr::Tail;
use super::supervisor::Event;
use super::usage::Watched;
use super::{Face, confinement, environment, os, users};
use crate::config;
use crate::config::spec::{ChildSpec, Transport, Way};
use crate::protocol::revision::Era;
use crate::thread;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// What every start of a server has in common.
pub(super) struct Launcher<'s> {
    pub(super) name: &'s str,
    /// See [`super::Server`].
    pub(super) number: u64,
    pub(super) spec: &'s ChildSpec,
    pub(super) way: &'s Way,
    /// Behind the way's own arguments.
    pub(super) extra: &'s [String],
    pub(super) port: Option<u16>,
    pub(super) era: Era,
    pub(super) context: &'s Context,
    pub(super) face: &'s Arc<dyn Face>,
    pub(super) inbox: &'s Sender<Event>,
    pub(super) tail: &'s Arc<Tail>,
    pub(super) pulse: &'s Pulse,
}

/// A process that was started and whose exit has not been told yet.
pub(super) struct Process {
    pub(super) pid: u32,
    /// Environment entry that this child and all its descendants carry.
    marker: String,
    /// Disconnected once stdout and stderr have been read to their ends.
    drained: Receiver<()>,
    warden: Warden,
}

impl Launcher<'_> {
    /// Starts the process and the threads at its pipes.
    ///
    /// # Errors
    /// The stage that failed and why, in words.
    pub(super) fn start(&self, generation: u64) -> Result<Child, String> {
        // A name may hold dots, but neither # nor slash: so no marker is the beginning of another child's.
        let marker = format!("{}/{}#{}/{generation}/", self.context.guard.marker(), self.name, self.number);
        let (mut command, group) = self.command(generation, &marker)?;
        let inbox = self.inbox.clone();
        let on_exit = move |status| drop(inbox.send(Event::Exited { generation, status }));
        let program = &self.way.command;
        let mut process = self
            .context
            .reaper
            .spawn(&mut command, on_exit)
            .map_err(|error| format!("exec {program}: {error}{}", self.spec.confinement.hint(&error)))?;
        let pid = process.id();
        self.context.guard.watch(pid);
        let watched = Watched { name: self.name, pid, marker: &marker, generation, inbox: self.inbox };
        let ready = self
            .attach(generation, &mut process)
            .and_then(|ends| Ok((ends, Warden::new(&self.spec.confinement, group, watched)?)));
        let ((input, drained), warden) = ready.map_err(|error| {
            os::signal_group(pid, Signal::KILL);
            self.context.guard.release(pid);
            format!("threads: {error}")
        })?;
        Ok(Child::process(input, generation, Process { pid, marker, drained, warden }))
    }

    fn command(&self, generation: u64, marker: &str) -> Result<(Command, Option<Group>), String> {
        let account = users::account(&self.spec.confinement)?;
        for open in confinement::check_files(self.spec)?.iter().filter(|_| generation == 1) {
            log::warn!(server = self.name, event = "open-file"; "{open}");
        }
        let theirs = account.as_ref().map(|account| &account.variables);
        let environment = environment::build(&config::environment(), theirs, self.spec, self.way, self.port)?;
        let path = environment.get("PATH").cloned().unwrap_or_default();
        let mut command = Command::new(&self.way.command);
        command
            .args(&self.way.args)
            .args(self.extra)
            .current_dir(&self.spec.cwd)
            .env_clear()
            .envs(environment);
        if let Some((name, value)) = marker.split_once('=') {
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let label = format!("{}-{}-{generation}", self.name, self.number);
        let group =
            confinement::confine(&mut command, &self.spec.confinement, account.as_ref(), &path, &label)?;
        Ok((command, group))
    }

    fn attach(
        &self,
        generation: u64,
        process: &mut std::process::Child,
    ) -> io::Result<(Arc<Input>, Receiver<()>)> {
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let input = Arc::new(Input::new(stdin.into(), self.context.limits.stdin_queue_bytes)?);
        let writer = Arc::clone(&input);
        thread::spawn(&format!("in:{}", self.name), move || writer.run())?;
        let outlet: Arc<dyn Outlet> = input.clone();
        let child = Running { generation, outlet: Some(outlet), greeting: None, endpoint: None };
        // Without its readers nothing would ever tell the writer to end.
        let drained = self.read(child, stdout, stderr).inspect_err(|_| input.close())?;
        Ok((input, drained))
    }

    /// Starts the threads at stdout and stderr; what is returned is disconnected when both have ended.
    fn read(&self, child: Running, stdout: ChildStdout, stderr: ChildStderr) -> io::Result<Receiver<()>> {
        let (done, drained) = bounded::<()>(0);
        let (name, out_done) = (self.name, done.clone());
        let (tail, server) = (Arc::clone(self.tail), name.to_string());
        thread::spawn(&format!("err:{name}"), move || {
            tail.follow(stderr, &server);
            drop(done);
        })?;
        let (tail, server) = (Arc::clone(self.tail), name.to_string());
        let listener = Listener::new(name, child, self.era, Arc::clone(self.face), self.inbox.clone());
        let listener = listener.with_tail(self.tail);
        let output = Output { listener, max_line: self.context.limits.max_message_bytes };
        let (transport, pulse) = (self.spec.transport, self.pulse.clone());
        thread::spawn(&format!("out:{name}"), move || {
            match transport {
                None | Some(Transport::Stdio) => output.run(pulse.listen(stdout)),
                Some(Transport::Http) => tail.follow(stdout, &server),
            }
            drop(out_done);
        })?;
        Ok(drained)
    }
}

/// Names of the variables that a child gets when it is started this way.
pub(super) fn given(spec: &ChildSpec, way: &Way) -> BTreeSet<String> {
    let all = environment::build(&config::environment(), None, spec, way, None);
    all.unwrap_or_default().into_keys().collect()
}

impl Process {
    /// Sends a signal to the whole process group.
    pub(super) fn signal(&self, signal: Signal) {
        os::signal_group(self.pid, signal);
    }

    /// Once the exit is known: waits at most `patience` until all that the child printed has been read.
    pub(super) fn drain(&self, patience: Duration) {
        if self.drained.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            log::debug!(event = "pipe-held", pid = self.pid; "something the child started still holds its pipes");
        }
    }

    /// Once the exit is known: the limit that the kernel ended it for, in words.
    pub(super) fn excess(&self) -> Option<String> {
        self.warden.excess()
    }

    /// Ends whatever the child left behind outside its group.
    pub(super) fn bury(self, guard: &Guard) {
        guard.release(self.pid);
        os::kill_marked(&self.marker);
    }
}
