//! The processes that a child consists of: itself, its group, and what descends from them (Linux; elsewhere itself).

use super::marker::Marker;
use std::collections::{BTreeSet, HashMap};
use std::fs;

/// What `/proc/PID/stat` says of a process's place, and of what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Of processor time, that of its children that have ended included.
    pub(super) ticks: u64,
}

/// Pids of all that belongs to the process group of `leader` or descends from one that does, sorted. One that has left
/// the group is found as long as its parent lives.
pub(super) fn members(leader: u32) -> Vec<u32> {
    let places = places();
    if places.is_empty() { vec![leader] } else { related(leader, &places) }
}

/// The same with those whose parents are gone: they have become children of the proxy, and still carry its mark.
pub(super) fn members_and_orphans(leader: u32, marker: &Marker) -> Vec<u32> {
    let (places, own) = (places(), std::process::id());
    let orphans = places.iter().filter(|place| place.parent == own && marker.is_on(place.pid));
    let mut all: BTreeSet<u32> = orphans.flat_map(|orphan| related(orphan.pid, &places)).collect();
    all.extend(related(leader, &places));
    all.into_iter().collect()
}

/// All processes there are.
pub(super) fn places() -> Vec<Place> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(place).collect()
}

/// None if it has ended meanwhile.
fn place(pid: u32) -> Option<Place> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Memory in RAM, what it shares with others included; none if the process has ended. Not out of `stat`, which may be
/// off by some hundred kB (proc_pid_stat(5)).
pub(super) fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// `PID (NAME) STATE PPID PGRP …`, where the name may hold spaces and parentheses (proc_pid_stat(5)).
fn parse(pid: u32, stat: &str) -> Option<Place> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // utime, stime, cutime and cstime are the fields 14 to 17; the group was the 5th.
    let numbers = fields.skip(8).map(|field| field.parse::<u64>().unwrap_or_default());
    Some(Place { pid, parent, group, ticks: numbers.take(4).sum() })
}

/// Pids of the process group of `leader` and of all that descends from it, sorted.
pub(super) fn related(leader: u32, places: &[Place]) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for place in places {
        children.entry(place.parent).or_default().push(place.pid);
    }
    let first = places.iter().filter(|place| place.pid == leader || place.group == leader);
    let mut open: Vec<u32> = first.map(|place| place.pid).collect();
    let mut found = BTreeSet::new();
    while let Some(pid) = open.pop() {
        if found.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "7 (a) b (c) S 1 5 5 0 -1 4194560 90 91 92 93 1 20 300 4000 20 0 1 0 777 5000 3 99";
        let place = Place { pid: 7, parent: 1, group: 5, ticks: 4321 };
        assert_eq!(parse(7, stat), Some(place));
        assert_eq!(parse(7, "7 (x) Z"), None);
    }

    #[test]
    fn the_group_and_all_that_descends_from_it() {
        let place = |pid, parent, group| Place { pid, parent, group, ticks: 0 };
        let all =
            [place(1, 0, 1), place(5, 1, 5), place(6, 5, 5), place(7, 6, 7), place(8, 1, 5), place(9, 1, 9)];
        assert_eq!(related(5, &all), [5, 6, 7, 8]);
        assert_eq!(related(4, &all), Vec::<u32>::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_there() {
        assert!(members(std::process::id()).contains(&std::process::id()));
    }
}
