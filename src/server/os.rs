//! What only the operating system can do: the one module where unsafe code is allowed.
#![allow(unsafe_code)]

use super::folders::Walls;
use rustix::process::{self, Pid, Resource, Rlimit, Signal};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

/// The limit of open files that we were started with. Children get it back: some programs close or poll every
/// descriptor there may be.
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// As many descriptors as a proxy of this size may ever use.
const ENOUGH_FILES: u64 = 16 * 1024;

/// Real-time signals included, where there are any.
const LAST_SIGNAL: i32 = 64;

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

/// What a child is set to between `fork` and `exec`, beside what every child is.
#[derive(Default)]
pub(super) struct Cell {
    /// The only folders it can see.
    pub(super) walls: Option<Walls>,
    /// Whether programs it runs may have more rights than it has.
    pub(super) allow_privileges: bool,
    /// Most open files of one process; else as many as the proxy was started with.
    pub(super) max_open_files: Option<u64>,
    /// Most processes and threads of its user.
    pub(super) max_processes: Option<u64>,
    /// The `cgroup.procs` of the control group it lives in.
    pub(super) group: Option<OwnedFd>,
}

/// Prepares a child: a process group of its own, files that are its own, signals as a program expects them, and
/// (Linux) no new privileges, and a SIGTERM when the thread that spawned it ends, so that not even a SIGKILL of the
/// proxy leaves it behind.
pub(super) fn isolate(command: &mut Command, mut cell: Cell) {
    command.process_group(0);
    let parent = process::getpid();
    // SAFETY: between fork and exec only system calls are made, and no memory is taken.
    unsafe {
        command.pre_exec(move || {
            if let Some(group) = &cell.group {
                rustix::io::write(group, b"0")?; // the writer itself
            }
            cell.limit()?;
            process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
            reset_signals();
            cell.close()?;
            match process::getppid() == Some(parent) {
                true => Ok(()),
                false => Err(io::Error::from_raw_os_error(3)), // ESRCH: the proxy is gone already
            }
        });
    }
}

impl Cell {
    fn limit(&self) -> io::Result<()> {
        let inherited = INHERITED.get().cloned();
        let files = self.max_open_files.map(|most| lowered(Resource::Nofile, most)).or(inherited);
        if let Some(files) = files {
            process::setrlimit(Resource::Nofile, files)?;
        }
        if let Some(most) = self.max_processes {
            process::setrlimit(Resource::Nproc, lowered(Resource::Nproc, most))?;
        }
        Ok(())
    }

    /// After this there is no way back.
    fn close(&mut self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            // After the change of user, which would undo it.
            process::set_parent_process_death_signal(Some(Signal::TERM))?;
            if !self.allow_privileges {
                rustix::thread::set_no_new_privs(true)?;
            }
        }
        self.walls.as_mut().map_or(Ok(()), Walls::enter)
    }
}

/// A limit, soft and hard, that is not above the present hard one: only root may raise that.
fn lowered(resource: Resource, most: u64) -> Rlimit {
    let hard = process::getrlimit(resource).maximum;
    let most = Some(hard.map_or(most, |hard| hard.min(most)));
    Rlimit { current: most, maximum: most }
}

/// No signal blocked, none ignored: `nohup` and some shells leave such things to whatever they start.
fn reset_signals() {
    // SAFETY: both calls are async-signal-safe, the set is initialised by the first, and no handler is installed.
    // Numbers that are no signal, and those that cannot be caught, are refused without harm.
    unsafe {
        let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        for number in 1..=LAST_SIGNAL {
            libc::signal(number, libc::SIG_DFL);
        }
    }
}

/// Protects the proxy from its children and its children from what it was started with: its memory can be read by root
/// alone (Linux), and descriptors it inherited are closed in whatever it starts.
pub fn seclude() {
    #[cfg(target_os = "linux")]
    if let Err(error) = process::set_dumpable_behavior(process::DumpableBehavior::NotDumpable) {
        log::debug!("others can read the memory of this process: {error}");
    }
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    // Collected first: the listing has a descriptor of its own.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let open: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // SAFETY: it is only marked; if it has been closed meanwhile, the call fails without harm.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
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
