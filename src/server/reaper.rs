//! Waits for every child in one thread: known ones are reported, orphans that came back to us are reaped.

use super::os;
use crate::thread;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::process::{self, Pid, Signal, WaitId, WaitIdOptions, WaitOptions};
use std::collections::HashMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type OnExit = Box<dyn FnOnce(ExitStatus) + Send>;

/// The one that starts processes and waits for them.
pub struct Reaper {
    /// Locked while a process is started, so that its exit cannot come before it is known, and while one is reaped.
    watched: Mutex<HashMap<i32, OnExit>>,
    /// Wakes the thread when there is a first child to wait for.
    started: Sender<()>,
}

impl Reaper {
    /// Starts the thread `reaper`, which lives as long as the process.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start() -> io::Result<Arc<Reaper>> {
        os::adopt_orphans();
        let (started, wakes) = unbounded();
        let reaper = Arc::new(Reaper { watched: Mutex::default(), started });
        let own = Arc::clone(&reaper);
        thread::spawn("reaper", move || own.run(&wakes))?;
        Ok(reaper)
    }

    /// Starts a process; `on_exit` is called once when it has ended. What is left of its group (which must be its
    /// own) has been killed by then, while its process id was still reserved.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(
        &self,
        command: &mut Command,
        on_exit: impl FnOnce(ExitStatus) + Send + 'static,
    ) -> io::Result<Child> {
        let mut watched = self.watched();
        let child = command.spawn()?;
        watched.insert(child.id() as i32, Box::new(on_exit));
        drop(watched);
        let _ = self.started.send(());
        Ok(child)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<i32, OnExit>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, wakes: &Receiver<()>) {
        loop {
            match process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Ok(_) => self.reap_one(),
                Err(rustix::io::Errno::INTR) => {}
                // No child at all: nothing to wait for until one is started.
                Err(_) if wakes.recv().is_err() => return,
                Err(_) => {}
            }
            while wakes.try_recv().is_ok() {}
        }
    }

    fn reap_one(&self) {
        // Held for all of it: a start whose exec fails waits for its process itself.
        let mut watched = self.watched();
        let found = ended(&watched).inspect(|pid| kill_group(*pid));
        let reaped = match found {
            Some(_) => process::waitpid(found, WaitOptions::NOHANG),
            // Any child at all, whatever its group: `waitpid(None)` would look in our own group only.
            None => process::wait(WaitOptions::NOHANG),
        };
        let Ok(Some((pid, status))) = reaped else { return };
        let Some(on_exit) = watched.remove(&pid.as_raw_nonzero().get()) else { return };
        if found.is_none() {
            // It ended after we had looked. Its id was freed this very moment and has not come round again.
            kill_group(pid);
        }
        drop(watched);
        on_exit(ExitStatus::from_raw(status.as_raw()));
    }
}

/// Whether a child of ours has ended, reaped or not.
pub(super) fn has_ended(pid: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let pid = Pid::from_raw(pid as i32);
    pid.is_none_or(|pid| !matches!(process::waitid(WaitId::Pid(pid), options), Ok(None)))
}

/// A watched process that has ended and still keeps its process id.
fn ended(watched: &HashMap<i32, OnExit>) -> Option<Pid> {
    let mut pids = watched.keys().filter_map(|raw| Pid::from_raw(*raw));
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    pids.find(|pid| matches!(process::waitid(WaitId::Pid(*pid), options), Ok(Some(_))))
}

fn kill_group(leader: Pid) {
    os::signal_group(leader.as_raw_nonzero().get() as u32, Signal::KILL);
}
