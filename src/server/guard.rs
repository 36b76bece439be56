//! The guard: this same program in a second process, which outlives a SIGKILL of the proxy just long enough to
//! end the children that nothing else would end (grandchildren behind `npm`, `uv` or `sh -c`, for example).

use super::marker::Marker;
use super::reaper::Reaper;
use super::{containers, os};
use rustix::process::Signal;
use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The hidden command that turns the program into the guard; the name of the run and the folder of its containers
/// follow.
pub const GUARD_COMMAND: &str = "__guard";

/// What a group gets to end by itself once the proxy is gone.
const GRACE: Duration = Duration::from_secs(1);

/// The proxy's end of the guard's pipe. When it closes, however that comes, the guard acts.
pub struct Guard {
    pipe: Mutex<Option<ChildStdin>>,
    marker: Marker,
}

impl Guard {
    /// Starts the guard process.
    ///
    /// # Errors
    /// Our own program cannot be found or started.
    pub fn start(reaper: &Reaper, state_dir: &Path) -> io::Result<Guard> {
        let marker = Marker::of_run();
        let mut command = Command::new(std::env::current_exe()?);
        let containers = containers::folder(state_dir, &marker);
        command.arg(GUARD_COMMAND).arg(marker.name()).arg(containers).env_clear();
        // A group of its own: Ctrl-C on the terminal must not end it before the children are gone.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = reaper.spawn(&mut command, |_| ())?;
        Ok(Guard { pipe: Mutex::new(child.stdin.take()), marker })
    }

    /// None at all: a test ends what it has started.
    #[cfg(test)]
    pub(super) fn absent() -> Guard {
        Guard { pipe: Mutex::new(None), marker: Marker::of_run() }
    }

    /// What every process of this run carries.
    pub fn marker(&self) -> &Marker {
        &self.marker
    }

    /// Puts a process group under guard.
    pub(super) fn watch(&self, group: u32) {
        self.say(&format!("+{group}\n"));
    }

    /// The group has ended.
    pub(super) fn release(&self, group: u32) {
        self.say(&format!("-{group}\n"));
    }

    fn say(&self, line: &str) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = pipe.as_mut().is_some_and(|pipe| pipe.write_all(line.as_bytes()).is_err());
        if failed {
            *pipe = None;
            log::warn!(event = "guard-lost"; "the guard process is gone: a SIGKILL of the proxy may leave processes behind");
        }
    }
}

/// What the guard process does: remembers groups until its stdin ends, then kills those that are left, and ends the
/// containers.
pub fn run_guard(run: &str, containers: &Path) {
    let groups = remember();
    groups.iter().for_each(|group| os::signal_group(*group, Signal::TERM));
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && groups.iter().any(|group| os::group_exists(*group)) {
        std::thread::sleep(Duration::from_millis(20)); // not our children: there is nothing to wait on
    }
    groups.iter().for_each(|group| os::signal_group(*group, Signal::KILL));
    if let Some(marker) = Marker::parse(run) {
        marker.kill_all();
    }
    containers::end_all(containers);
}

/// The groups that are left when the proxy is gone.
fn remember() -> HashSet<u32> {
    let mut groups = HashSet::new();
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match (line.get(..1), line.get(1..).and_then(|group| group.parse::<u32>().ok())) {
            (Some("+"), Some(group)) => drop(groups.insert(group)),
            (Some("-"), Some(group)) => drop(groups.remove(&group)),
            _ => {}
        }
    }
    groups
}
