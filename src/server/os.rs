//! What only the operating system can do: the one module where unsafe code is allowed.
#![allow(unsafe_code)]

use rustix::process::{self, Pid, Resource, Rlimit, Signal};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

/// The limit of open files that we were started with. Children get it back: some programs close or poll every
/// descriptor there may be.
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// As many descriptors as a proxy of this size may ever use.
const ENOUGH_FILES: u64 = 16 * 1024;

/// Raises the soft limit of open files as far as is allowed and makes sense. The answer is what it is then.
pub fn raise_open_files() -> u64 {
    let limit = process::getrlimit(Resource::Nofile);
    let (Some(soft), hard) = (limit.current, limit.maximum) else { return ENOUGH_FILES };
    let wanted = hard.unwrap_or(ENOUGH_FILES).min(ENOUGH_FILES);
    if wanted <= soft
        || process::setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: hard }).is_err()
    {
        return soft;
    }
    let _ = INHERITED.set(limit); // once a process
    wanted
}

/// Prepares a child: a process group of its own, and (Linux) a SIGTERM when the thread that spawned it ends,
/// so that not even a SIGKILL of the proxy leaves it behind.
pub(super) fn isolate(command: &mut Command) {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = process::getpid();
        let inherited = INHERITED.get().cloned();
        // SAFETY: between fork and exec only async-signal-safe calls are made: prctl, setrlimit, getppid.
        unsafe {
            command.pre_exec(move || {
                process::set_parent_process_death_signal(Some(Signal::TERM))?;
                if let Some(limit) = inherited {
                    process::setrlimit(Resource::Nofile, limit)?;
                }
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
