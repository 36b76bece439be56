//! What tells the processes of a child from all others, whatever becomes of them.
//!
//! Two things that the kernel hands down from a process to what it starts: an entry in the environment, and a limit so
//! high that nobody meets it (how long a real-time program may keep the processor, RLIMIT_RTTIME). The entry goes with
//! a program that clears its environment. The limit stays, also when that one leaves its session and loses its parent;
//! who wants to be rid of it has to lower it on purpose. (Linux on 64 bits; on 32 it does not fit, elsewhere there is
//! neither.)

use super::os;
use rustix::process::Signal;
use std::collections::HashSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

const NAME: &str = "MCP_PROXY_RUN";
/// The limit: this bit, then the bits of the run, then the number of the child.
const HIGH: u64 = 1 << 62;
const CHILD_BITS: u32 = 24;
const CHILD: u64 = (1 << CHILD_BITS) - 1;
/// So often the processes are looked through for those that were started meanwhile.
const ROUNDS: usize = 20;

/// The mark of a run, which is on all its children, or that of one child.
#[derive(Clone)]
pub struct Marker {
    /// Value of the entry, or how it begins.
    value: String,
    limit: u64,
    /// The bits of the limit that count.
    mask: u64,
}

impl Marker {
    /// The mark of a new run.
    pub(super) fn of_run() -> Marker {
        Marker::run(rand::random())
    }

    fn run(number: u64) -> Marker {
        let limit = HIGH | (number & (HIGH - 1) & !CHILD);
        Marker { value: format!("{number:016x}"), limit, mask: !CHILD }
    }

    /// What [`Marker::name`] gave.
    pub(super) fn parse(name: &str) -> Option<Marker> {
        u64::from_str_radix(name, 16).ok().map(Marker::run)
    }

    /// Tells a run from others.
    pub(super) fn name(&self) -> &str {
        &self.value
    }

    /// The mark of a child of this run.
    pub(super) fn of_child(&self, server: &str, number: u64, generation: u64) -> Marker {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let child = COUNT.fetch_add(1, Ordering::Relaxed) & CHILD;
        // A name may hold dots, but neither # nor slash: so no mark is the beginning of another child's.
        let value = format!("{}/{server}#{number}/{generation}/", self.value);
        Marker { value, limit: self.limit | child, mask: u64::MAX }
    }

    /// Whatever the command starts will carry it.
    pub(super) fn put_on(&self, command: &mut Command) {
        command.env(NAME, &self.value);
        os::mark(command, self.limit);
    }

    /// Whether a process carries it (Linux; else never).
    pub(super) fn is_on(&self, pid: u32) -> bool {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        if limit(&limits).is_some_and(|limit| limit & self.mask == self.limit) {
            return true;
        }
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut values = environment
            .split(|byte| *byte == 0)
            .filter_map(|entry| entry.strip_prefix(NAME.as_bytes())?.strip_prefix(b"="));
        values.any(|value| value.starts_with(self.value.as_bytes()))
    }

    /// The server whose child a process is, or descends from, if it carries the mark of this run and has not cleared its
    /// environment.
    pub(super) fn server_of(&self, pid: u32) -> Option<String> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let entries = environment.split(|byte| *byte == 0);
        let value =
            entries.filter_map(|entry| entry.strip_prefix(NAME.as_bytes())?.strip_prefix(b"=")).next()?;
        let child = str::from_utf8(value).ok()?.strip_prefix(&*self.value)?.strip_prefix('/')?;
        Some(child.split_once('#')?.0.to_string())
    }

    /// Kills every process that carries it, and what those have started meanwhile.
    pub(super) fn kill_all(&self) {
        let mut killed = HashSet::new();
        for _ in 0..ROUNDS {
            let before = killed.len();
            for pid in processes().filter(|pid| self.is_on(*pid)) {
                os::signal_process(pid, Signal::KILL); // it may have ended by itself
                killed.insert(pid);
            }
            if killed.len() == before {
                return;
            }
        }
    }
}

/// All processes but this one.
fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = std::process::id();
    pids.filter(move |pid| *pid != own)
}

/// The hard limit in `/proc/PID/limits` (proc_pid_limits(5)).
fn limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_is_another_s() {
        let run = Marker::parse("0123456789abcdef").unwrap();
        let (a, b) = (run.of_child("a", 1, 1), run.of_child("a", 1, 2));
        assert_ne!(a.limit, b.limit);
        for child in [&a, &b] {
            assert_eq!(child.limit & run.mask, run.limit);
            assert!(child.value.starts_with(run.name()));
        }
        let other = Marker::parse("fedcba9876543210").unwrap();
        assert_ne!(a.limit & other.mask, other.limit);
        assert!(run.limit < u64::MAX / 2, "it is no RLIM_INFINITY");
    }

    #[test]
    fn the_limit_is_read() {
        let limits = "Limit   Soft Limit   Hard Limit   Units\nMax realtime timeout      5   4611686018427387904  us\n";
        assert_eq!(limit(limits), Some(HIGH));
        assert_eq!(limit("Max realtime timeout      unlimited            unlimited            us\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_carries_none() {
        assert!(!Marker::of_run().is_on(std::process::id()));
    }
}
