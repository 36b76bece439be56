//! What processes cost, from /proc.

use std::fs;
use std::time::Duration;

/// Ticks a second in /proc/PID/stat: 100 on every Linux since 2.6, whatever the kernel uses inside.
const TICKS: u64 = 100;
/// The constant child behind every proxy: not part of the cost of a proxy.
const CHILD: &str = "fake_stdio";

/// User and system time of a process and its descendants, as far as they live.
pub(crate) fn cpu(pid: u32) -> Duration {
    let ticks: u64 = tree(pid).iter().map(|stat| stat.ticks).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Resident memory of a process and its descendants, each shared page divided among its users.
pub(crate) fn pss_kib(pid: u32) -> u64 {
    tree(pid).iter().map(|stat| pss_of(stat.pid)).sum()
}

fn pss_of(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

struct Stat {
    pid: u32,
    parent: u32,
    ticks: u64,
    name: String,
}

fn tree(root: u32) -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<Stat> =
        entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?)).collect();
    let mut pids = vec![root];
    let mut done = 0;
    while let Some(&parent) = pids.get(done) {
        pids.extend(all.iter().filter(|stat| stat.parent == parent).map(|stat| stat.pid));
        done += 1;
    }
    all.into_iter().filter(|stat| pids.contains(&stat.pid) && stat.name != CHILD).collect()
}

/// `PID (NAME) STATE PPID … UTIME STIME …`; the name may hold spaces and parentheses.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (start, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
    Some(Stat { pid, parent: fields[1].parse().ok()?, ticks, name: start.split_once('(')?.1.to_string() })
}
