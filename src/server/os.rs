//! What only the operating system can do: the one module where unsafe code is allowed.
#![allow(unsafe_code)]

use super::folders::Walls;
use rustix::process::{self, Pid, Resource, Rlimit, Signal};
use std::io;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The limit of open files that we were started with. Children get it back: some programs close or poll every
/// descriptor there may be.
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// As many descriptors as a proxy of this size may ever use.
const ENOUGH_FILES: u64 = 16 * 1024;

/// Where sockets begin that were handed over.
const FIRST_HANDED_OVER: RawFd = 3;

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

/// Has glibc's allocator give memory back: by itself it keeps what large messages took once, in each of eight arenas a
/// processor (mallopt(3)). musl's does so without being told.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn tame_allocator() {
    /// From this size on memory is mapped and unmapped; set, it no longer grows with what is freed.
    const MAPPED_BYTES: i32 = 64 * 1024;
    // Safety: mallopt changes numbers of the allocator's own; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, MAPPED_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what the allocator keeps of memory that is free, wherever it lies.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn trim_allocator() {
    // Safety: malloc_trim may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Nothing is known to be needed here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn tame_allocator() {}

/// Nothing is known to be needed here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim_allocator() {}

/// Gives back the pages of the program itself: most of them were run once, at the start, and would be counted as this
/// process's for ever. The kernel has them in its page cache, and brings back what is run again.
#[cfg(target_os = "linux")]
pub fn release_program() {
    // SAFETY: the function below keeps to what dl_iterate_phdr(3) asks of one, and is given nothing of ours.
    unsafe {
        libc::dl_iterate_phdr(Some(release_segments), std::ptr::null_mut());
    }
}

/// Nothing is known of how it is mapped here.
#[cfg(not(target_os = "linux"))]
pub fn release_program() {}

/// Called with the program first, and ends the iteration there.
#[cfg(target_os = "linux")]
unsafe extern "C" fn release_segments(
    program: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the program's headers, which are mapped as long as it runs.
    let (base, headers) = unsafe {
        let program = &*program;
        (program.dlpi_addr, std::slice::from_raw_parts(program.dlpi_phdr, program.dlpi_phnum.into()))
    };
    let page = rustix::param::page_size();
    for segment in headers.iter().filter(|it| it.p_type == libc::PT_LOAD && it.p_flags & libc::PF_W == 0) {
        let start = (base + segment.p_vaddr) as usize;
        let (first, end) = (start.next_multiple_of(page), start + segment.p_memsz as usize);
        let whole = (end - end % page).saturating_sub(first);
        // SAFETY: nothing was ever written into these pages, so that the file has all that they hold.
        unsafe { libc::madvise(first as *mut libc::c_void, whole, libc::MADV_DONTNEED) };
    }
    1
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
        log::debug!(event = "not-secluded"; "others can read the memory of this process: {error}");
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

/// Takes the `count` listening sockets that whoever started us has left open for us, from descriptor 3 on
/// (sd_listen_fds(3)); to be called before anything else is opened. The second time there are none left.
///
/// # Errors
/// One is not a TCP socket that listens; the text names it.
pub fn handed_over(count: u32) -> io::Result<Vec<TcpListener>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    (FIRST_HANDED_OVER..).take(count as usize).map(take_listener).collect()
}

fn take_listener(descriptor: RawFd) -> io::Result<TcpListener> {
    let unfit = |_| io::Error::other(format!("descriptor {descriptor} is not a TCP socket that listens"));
    // SAFETY: it is only looked at; if it is not open, the calls fail without harm.
    let looked_at = unsafe { BorrowedFd::borrow_raw(descriptor) };
    if !is_listening(looked_at).map_err(|error| unfit(error.into()))? {
        return Err(unfit(io::ErrorKind::InvalidInput.into()));
    }
    // SAFETY: it is open, a socket, and nobody else's: we were given it at our start, and take it once.
    let socket = TcpListener::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    // Fails where the socket is not of the Internet's families.
    socket.local_addr().map_err(unfit)?;
    Ok(socket)
}

#[cfg(not(target_vendor = "apple"))]
fn is_listening(socket: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    rustix::net::sockopt::socket_acceptconn(socket)
}

/// There it cannot be asked.
#[cfg(target_vendor = "apple")]
fn is_listening(socket: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    Ok(rustix::net::sockopt::socket_type(socket)? == rustix::net::SocketType::STREAM)
}

/// Makes orphans of our children our own children, so that they can be reaped here (Linux; else nothing).
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = process::set_child_subreaper(Some(process::getpid())) {
        log::debug!(event = "no-orphans"; "cannot become the reaper of orphans: {error}");
    }
}

/// Gives whatever the command starts a limit to be known by, see `marker`. Where a lower one is set already, that stays.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(super) fn mark(command: &mut Command, limit: u64) {
    let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
    // SAFETY: between fork and exec a single system call is made.
    unsafe {
        command.pre_exec(move || {
            let _ = process::setrlimit(Resource::Rttime, limit);
            Ok(())
        });
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(super) fn mark(_: &mut Command, _: u64) {}

/// Sends a signal to a process. One that is gone is no error.
pub(super) fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = process::kill_process(pid, signal);
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
