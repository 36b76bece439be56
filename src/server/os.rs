//! What only the operating system can do: the one module where unsafe code is allowed.
#![allow(unsafe_code)]

use rustix::process::{self, Pid, Signal};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Prepares a child: a process group of its own, and (Linux) a SIGTERM when the thread that spawned it ends,
/// so that not even a SIGKILL of the proxy leaves it behind.
pub(super) fn isolate(command: &mut Command) {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = process::getpid();
        // SAFETY: between fork and exec only async-signal-safe calls are made: prctl and getppid.
        unsafe {
            command.pre_exec(move || {
                process::set_parent_process_death_signal(Some(Signal::TERM))?;
                match process::getppid() == Some(parent) {
                    true => Ok(()),
                    false => Err(io::Error::from_raw_os_error(3)), // ESRCH: the proxy is gone already
                }
            });
        }
    }
}

/// Makes orphans of our children our own children, so that they can be reaped here (Linux; else nothing).
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = process::set_child_subreaper(Some(process::getpid())) {
        log::debug!("cannot become the reaper of orphans: {error}");
    }
}

/// Sends a signal to a whole process group. A group that is gone is no error.
pub(super) fn signal_group(leader: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        let _ = process::kill_process_group(pid, signal);
    }
}

/// Whether a process group still has a member.
pub(super) fn group_exists(leader: u32) -> bool {
    let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| process::test_kill_process_group(pid).is_ok())
}

/// Kills every process whose environment holds `marker`: those that left their group (Linux; else nothing).
pub(super) fn kill_marked(marker: &str) {
    let Ok(entries) = std::fs::read_dir("/proc") else { return };
    let own = std::process::id();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let marked = environment.split(|byte| *byte == 0).any(|pair| pair.starts_with(marker.as_bytes()));
        let other = i32::try_from(pid).ok().and_then(Pid::from_raw).filter(|_| marked && pid != own);
        if let Some(pid) = other {
            let _ = process::kill_process(pid, Signal::KILL); // it may have ended by itself
        }
    }
}
