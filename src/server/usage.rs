//! Ends a child that takes too much: where the kernel does not keep a limit, its whole tree is looked at once a second.

use super::marker::Marker;
use super::supervisor::Event;
use super::tree;
use crate::config::Confinement;
use crate::thread;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::fs;
use std::io;
use std::time::Duration;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a tree of processes may take.
pub(super) struct Allowance {
    memory_bytes: Option<u64>,
    processes: Option<u64>,
}

/// Lasts as long as the child; dropped, it ends the watch.
pub(super) struct Watch {
    _alive: Sender<()>,
}

/// Who is watched, and who is told.
pub(super) struct Watched<'s> {
    pub(super) name: &'s str,
    pub(super) pid: u32,
    /// What all its processes carry.
    pub(super) marker: &'s Marker,
    pub(super) generation: u64,
    pub(super) inbox: &'s Sender<Event>,
}

impl Allowance {
    /// What has to be watched, if anything; the kernel keeps the processes of a user of its own, and `memory` if so said.
    pub(super) fn of(confinement: &Confinement, memory: bool) -> Option<Allowance> {
        let own_user = confinement.user.is_some();
        let memory_bytes = confinement.memory_limit.filter(|_| !memory);
        let processes = confinement.max_processes.filter(|_| !own_user);
        (memory_bytes.is_some() || processes.is_some()).then_some(Allowance { memory_bytes, processes })
    }

    /// Starts the thread `use:NAME`, which tells the supervisor once if the child takes more.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn watch(self, watched: Watched<'_>) -> io::Result<Watch> {
        let (alive, ended) = bounded::<()>(0);
        let Watched { name, pid, marker, generation, inbox } = watched;
        let (inbox, marker) = (inbox.clone(), marker.clone());
        thread::spawn(&format!("use:{name}"), move || {
            if let Some(excess) = self.wait(pid, &marker, &ended) {
                let _ = inbox.send(Event::Excess { generation, excess });
            }
        })?;
        Ok(Watch { _alive: alive })
    }

    fn wait(&self, pid: u32, marker: &Marker, ended: &Receiver<()>) -> Option<String> {
        while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            let tree = tree::members_and_orphans(pid, marker);
            let excess = self.excess(tree.len() as u64, || tree.iter().filter_map(|pid| memory(*pid)).sum());
            if excess.is_some() {
                return excess;
            }
        }
        None
    }

    /// Which limit is broken, in words.
    fn excess(&self, processes: u64, memory: impl FnOnce() -> u64) -> Option<String> {
        if let Some(most) = self.processes.filter(|most| processes > *most) {
            return Some(format!("max_processes = {most} (it had {processes})"));
        }
        let most = self.memory_bytes?;
        let used = memory();
        (used > most).then(|| format!("memory_limit_bytes = {most} (it used {used})"))
    }
}

/// Memory of a process in bytes, without what it shares with others (`RssAnon`): text of programs counts for nobody.
fn memory(pid: u32) -> Option<u64> {
    anonymous(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn anonymous(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_that_is_broken_is_named() {
        let allowance = Allowance { memory_bytes: Some(1000), processes: Some(2) };
        assert_eq!(allowance.excess(2, || 1000), None);
        assert_eq!(allowance.excess(3, || 0).unwrap(), "max_processes = 2 (it had 3)");
        assert_eq!(allowance.excess(1, || 1001).unwrap(), "memory_limit_bytes = 1000 (it used 1001)");
    }

    #[test]
    fn only_what_the_kernel_does_not_keep_is_watched() {
        let watched = |limits: &Confinement, kept| {
            Allowance::of(limits, kept).map(|allowed| (allowed.memory_bytes, allowed.processes))
        };
        let limits = Confinement { max_processes: Some(1), memory_limit: Some(2), ..Confinement::default() };
        assert_eq!(watched(&Confinement::default(), false), None);
        assert_eq!(watched(&limits, false), Some((Some(2), Some(1))));
        assert_eq!(watched(&limits, true), Some((None, Some(1))));
        let own_user = Confinement { user: Some("a".into()), ..limits };
        assert_eq!(watched(&own_user, false), Some((Some(2), None)));
        assert_eq!(watched(&own_user, true), None);
    }

    #[test]
    fn memory_is_what_is_not_shared() {
        assert_eq!(anonymous("Name:\tx\nVmRSS:\t  900 kB\nRssAnon:\t  12 kB\n"), Some(12 * 1024));
        assert_eq!(anonymous("Name:\tx\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory() {
        assert!(memory(std::process::id()).is_some_and(|bytes| bytes > 100_000));
    }
}
