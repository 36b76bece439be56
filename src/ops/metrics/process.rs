//! What the proxy's own process takes (Linux; what a system does not say is left out).

use super::page::Kind::{Counter, Gauge};
use super::page::Page;
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Of processor time (USER_HZ, time(7)); every Linux has 100.
const TICKS_A_SECOND: f64 = 100.0;

/// `begun` is when it was started.
pub(super) fn write(page: &mut Page, begun: SystemTime) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let open = fs::read_dir("/proc/self/fd").ok();
    // The listing has one of its own.
    let fds = open.map(|entries| (entries.count() as u64).saturating_sub(1));
    let resident = number(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024);
    gauge(page, "threads", "Threads of the proxy.", number(&status, "Threads:"));
    gauge(page, "open_fds", "Open file descriptors of the proxy.", fds);
    gauge(page, "max_fds", "File descriptors that the proxy may open.", getrlimit(Resource::Nofile).current);
    gauge(page, "resident_memory_bytes", "Memory of the proxy in RAM.", resident);
    let cpu = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| seconds(&stat));
    let mut metric = page.metric(Counter, "cpu_seconds_total", "Processor time of the proxy.");
    cpu.iter().for_each(|seconds| metric.put(&[], seconds));
    let begun = begun.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
    gauge(page, "start_time_seconds", "When the proxy was started, in seconds since 1970.", begun);
}

fn gauge(page: &mut Page, name: &'static str, help: &str, value: Option<u64>) {
    let mut metric = page.metric(Gauge, name, help);
    value.iter().for_each(|value| metric.put(&[], value));
}

/// The number behind a name in `/proc/PID/status` (proc_pid_status(5)).
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// utime and stime of `/proc/PID/stat`, the fields 14 and 15 (proc_pid_stat(5)).
fn seconds(stat: &str) -> Option<f64> {
    let mut times = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = times.next()?.parse::<f64>().ok()? + times.next()?.parse::<f64>().ok()?;
    Some(ticks / TICKS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system() {
        assert_eq!(number("Name:\tx\nVmRSS:\t  900 kB\nThreads:\t7\n", "VmRSS:"), Some(900));
        assert_eq!(number("", "Threads:"), None);
        assert_eq!(seconds("7 (a) b) S 1 5 5 0 -1 4194560 90 91 92 93 150 20 300"), Some(1.7));
    }
}
