//! The `accept` thread: waits on all listening sockets at once. The only place that accepts.

use super::admission::Admission;
use super::door::Door;
use super::scheme::Scheme;
use super::seldom::Seldom;
use super::{after, socket};
use crate::thread;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long accepting rests when the system has no descriptor or memory for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections taken from one socket before the others have their turn.
const BURST: usize = 32;

enum Command {
    Add(Gate),
    Remove { label: String, done: Sender<()> },
    Stop,
}

/// The handle on the `accept` thread.
pub(crate) struct Acceptor {
    commands: Sender<Command>,
    wake: UnixStream,
}

impl Acceptor {
    /// Starts the thread.
    ///
    /// # Errors
    /// No descriptor or thread is left.
    pub(crate) fn start(admission: Admission) -> io::Result<(Acceptor, JoinHandle<()>)> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (commands, inbox) = unbounded();
        let accepting = Accepting {
            inbox,
            woken,
            gates: Vec::new(),
            admission,
            paused: None,
            need_told: Seldom::default(),
        };
        let thread = thread::spawn("accept", move || accepting.run())?;
        Ok((Acceptor { commands, wake }, thread))
    }

    /// Adds a listening socket.
    pub(crate) fn add(&self, gate: Gate) {
        self.tell(Command::Add(gate));
    }

    /// Closes the listening sockets of a label; they are closed when this returns.
    pub(crate) fn remove(&self, label: &str) {
        let (done, closed) = unbounded();
        self.tell(Command::Remove { label: label.to_string(), done });
        let _ = closed.recv();
    }

    /// Ends the thread, which closes all listening sockets.
    pub(crate) fn stop(&self) {
        self.tell(Command::Stop);
    }

    fn tell(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            let _ = (&self.wake).write(&[0]);
        }
    }
}

/// A listening socket.
pub(crate) struct Gate {
    pub(crate) socket: TcpListener,
    pub(crate) door: Arc<Door>,
    pub(crate) scheme: Scheme,
}

/// The thread's own state.
struct Accepting {
    inbox: Receiver<Command>,
    woken: UnixStream,
    gates: Vec<Gate>,
    admission: Admission,
    paused: Option<Instant>,
    need_told: Seldom,
}

impl Accepting {
    fn run(mut self) {
        while self.obey() {
            for ready in self.wait() {
                if self.accept_some(ready).is_err() {
                    break;
                }
            }
        }
    }

    /// Does what the inbox says; false when it says stop.
    fn obey(&mut self) -> bool {
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Add(gate) => self.gates.push(gate),
                Command::Remove { label, done } => {
                    self.gates.retain(|gate| **gate.door.label() != *label);
                    let _ = done.send(());
                }
                Command::Stop => return false,
            }
        }
        true
    }

    /// Waits for newcomers, a command or the end of a pause. Returns the gates with newcomers.
    fn wait(&mut self) -> Vec<usize> {
        let left = self.paused.map(|until| until.saturating_duration_since(Instant::now()));
        let gates: &[Gate] = if left.is_some() { &[] } else { &self.gates };
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        fds.extend(gates.iter().map(|gate| PollFd::new(&gate.socket, PollFlags::IN)));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let polled = poll(&mut fds, timeout.as_ref());
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let woken = polled.is_ok() && is_ready(&fds[0]);
        let ready = fds.iter().skip(1).enumerate().filter(|(_, fd)| polled.is_ok() && is_ready(fd));
        let ready = ready.map(|(index, _)| index).collect();
        if woken {
            self.hear_wake();
        }
        if left.is_some_and(|left| left.is_zero()) || (left.is_some() && polled == Ok(0)) {
            self.paused = None;
        }
        ready
    }

    fn hear_wake(&mut self) {
        let mut scrap = [0_u8; 64];
        while matches!(self.woken.read(&mut scrap), Ok(count) if count > 0) {}
    }

    /// Accepts what waits at one gate.
    ///
    /// # Errors
    /// The system has nothing left to accept with; accepting pauses.
    fn accept_some(&mut self, gate: usize) -> Result<(), ()> {
        for _ in 0..BURST {
            let Some(Gate { socket, door, scheme }) = self.gates.get(gate) else { return Ok(()) };
            let (door, scheme) = (door.clone(), scheme.clone());
            match socket.accept() {
                Ok((stream, peer)) => {
                    socket::prepare_accepted(&stream, &self.admission.shared.limits);
                    self.admission.admit(stream, peer, door, scheme);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if is_need(&error) => return self.pause(&error),
                Err(error) => {
                    log::debug!(event = "accept-failed"; "a connection was lost before it began: {error}")
                }
            }
        }
        Ok(())
    }

    fn pause(&mut self, error: &io::Error) -> Result<(), ()> {
        self.paused = Some(after(PAUSE));
        if self.need_told.is_due() {
            log::warn!(event = "accept-paused"; "new connections have to wait: {error}; raise the limit of open files (ulimit -n) or lower max_connections");
        }
        Err(())
    }
}

/// Out of descriptors or memory: trying again at once would spin.
fn is_need(error: &io::Error) -> bool {
    let need = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| need.iter().any(|errno| errno.raw_os_error() == code))
}
