//! A child process: how it is started and what is done with it.

use super::cgroup::Group;
use super::child::Child;
use super::confinement::Warden;
use super::containers::Container;
use super::guard::Guard;
use super::handle::Context;
use super::input::Input;
use super::marker::Marker;
use super::outlet::Outlet;
use super::output::{Listener, Output};
use super::pulse::Pulse;
use super::status::Running;
use super::stderr::Tail;
use super::supervisor::Event;
use super::usage::Watched;
use super::{Face, confinement, environment, os, users};
use crate::config::spec::{ChildSpec, Transport, Way};
use crate::config::{self, Environment};
use crate::log::request::RequestId;
use crate::protocol::revision::Era;
use crate::thread;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Weak};
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

/// What a child prints, while it is read.
struct Reading {
    /// Disconnected once stdout and stderr have been read to their ends.
    drained: Receiver<()>,
    /// Both, as long as they are read.
    pipes: [Weak<File>; 2],
}

/// What may take longer on a machine that has much else to do, but is sure to come.
const SURE: Duration = Duration::from_secs(5);

/// A process that was started and whose exit has not been told yet.
pub(super) struct Process {
    pub(super) pid: u32,
    /// What this child and all its descendants carry.
    marker: Marker,
    output: Reading,
    warden: Warden,
    container: Option<Container>,
}

/// A command, and what surrounds what it starts.
struct Prepared {
    command: Command,
    group: Option<Group>,
    container: Option<Container>,
}

impl Launcher<'_> {
    /// Starts the process and the threads at its pipes.
    ///
    /// # Errors
    /// The stage that failed and why, in words.
    pub(super) fn start(&self, generation: u64) -> Result<Child, String> {
        let marker = self.context.guard.marker().of_child(self.name, self.number, generation);
        let Prepared { mut command, group, container } = self.command(generation, &marker)?;
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
        let ((input, output), warden) = ready.map_err(|error| {
            os::signal_group(pid, Signal::KILL);
            self.context.guard.release(pid);
            format!("threads: {error}")
        })?;
        Ok(Child::process(input, generation, Process { pid, marker, output, warden, container }))
    }

    fn command(&self, generation: u64, marker: &Marker) -> Result<Prepared, String> {
        let account = users::account(&self.spec.confinement)?;
        for open in confinement::check_files(self.spec)?.iter().filter(|_| generation == 1) {
            log::warn!(server = self.name, event = "open-file"; "{open}");
        }
        let theirs = account.as_ref().map(|account| &account.variables);
        let environment = environment::build(&config::environment(), theirs, self.spec, self.way, self.port)?;
        let path = environment.get("PATH").cloned().unwrap_or_default();
        let (args, container) = self.args(&environment)?;
        let mut command = Command::new(&self.way.command);
        command.args(args).current_dir(&self.spec.cwd).env_clear().envs(environment);
        marker.put_on(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let label = format!("{}-{}-{generation}", self.name, self.number);
        let group =
            confinement::confine(&mut command, &self.spec.confinement, account.as_ref(), &path, &label)?;
        Ok(Prepared { command, group, container })
    }

    /// What the program is started with, and the container that comes of it, if one does.
    fn args(&self, environment: &Environment) -> Result<(Vec<String>, Option<Container>), String> {
        let mut args = self.way.args.clone();
        let expected = self.context.containers.expect(self.spec, self.way, environment);
        let expected = expected.map_err(|error| format!("no file for the container's id: {error}"))?;
        let container = expected.map(|(container, options, at)| {
            args.splice(at..at, options);
            container
        });
        args.extend_from_slice(self.extra);
        Ok((args, container))
    }

    fn attach(
        &self,
        generation: u64,
        process: &mut std::process::Child,
    ) -> io::Result<(Arc<Input>, Reading)> {
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
        let output = self.read(child, stdout, stderr).inspect_err(|_| input.close())?;
        Ok((input, output))
    }

    /// Starts the threads at stdout and stderr.
    fn read(&self, child: Running, stdout: ChildStdout, stderr: ChildStderr) -> io::Result<Reading> {
        let [stdout, stderr] =
            [OwnedFd::from(stdout), OwnedFd::from(stderr)].map(|pipe| Arc::new(File::from(pipe)));
        let pipes = [Arc::downgrade(&stdout), Arc::downgrade(&stderr)];
        let (done, drained) = bounded::<()>(0);
        let (name, out_done) = (self.name, done.clone());
        let (tail, server, about) = (Arc::clone(self.tail), name.to_string(), self.about(&child));
        thread::spawn(&format!("err:{name}"), move || {
            tail.follow(stderr, &server, about);
            drop(done);
        })?;
        let (tail, server, about) = (Arc::clone(self.tail), name.to_string(), self.about(&child));
        let listener = Listener::new(name, child, self.era, Arc::clone(self.face), self.inbox.clone());
        let listener = listener.with_tail(self.tail);
        let output = Output { listener, max_line: self.context.limits.max_message_bytes };
        let (transport, pulse) = (self.spec.transport, self.pulse.clone());
        thread::spawn(&format!("out:{name}"), move || {
            match transport {
                None | Some(Transport::Stdio) => output.run(pulse.listen(stdout)),
                Some(Transport::Http) => tail.follow(stdout, &server, about),
            }
            drop(out_done);
        })?;
        Ok(Reading { drained, pipes })
    }

    /// Tells which request the child is at.
    fn about(&self, child: &Running) -> impl Fn() -> Option<RequestId> + use<> {
        let (face, generation) = (Arc::clone(self.face), child.generation);
        move || face.only_request(generation)
    }
}

impl Reading {
    /// Waits until all was read: at most `patience` if something else may still write, and longer if nothing can, for
    /// then the end is sure to come.
    fn finish(&self, patience: Duration) -> Result<(), RecvTimeoutError> {
        let wait = |patience| match self.drained.recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => Err(RecvTimeoutError::Timeout),
            _ => Ok(()),
        };
        let ended = || self.pipes.iter().filter_map(Weak::upgrade).all(|pipe| is_hung_up(&pipe));
        wait(patience).or_else(|late| if ended() { wait(SURE) } else { Err(late) })
    }
}

/// Whether nobody can write into the pipe any more.
fn is_hung_up(pipe: &File) -> bool {
    let mut fds = [PollFd::new(pipe, PollFlags::empty())];
    let polled = poll(&mut fds, Some(&Timespec::default()));
    polled.is_ok() && fds[0].revents().contains(PollFlags::HUP)
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
        if self.output.finish(patience).is_err() {
            log::debug!(event = "pipe-held", pid = self.pid; "something the child started still holds its pipes");
        }
    }

    /// Once the exit is known: the limit that the kernel ended it for, in words.
    pub(super) fn excess(&self) -> Option<String> {
        self.warden.excess()
    }

    /// Ends whatever the child left behind outside its group, once it has ended with this status.
    pub(super) fn bury(self, guard: &Guard, status: Option<ExitStatus>) {
        self.marker.kill_all();
        if let Some(container) = self.container {
            container.bury(status);
        }
        guard.release(self.pid);
    }
}
