//! Who is still alive of a test's processes: those that carry its folder in their environment, or work in it.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// Pids with their command lines.
pub fn of(folder: &Path) -> Vec<(i32, String)> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| belongs(*pid, folder)).map(|pid| (pid, command(pid))).collect()
}

pub fn kill(pid: i32) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

/// Whether it has ended, as anybody can see: the first of its threads may be a zombie before the last one lets go of
/// what it has open.
pub fn is_gone(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads == 0 || threads == 1 && is_zombie(pid)
}

fn belongs(pid: i32, folder: &Path) -> bool {
    let needle = folder.as_os_str().as_encoded_bytes();
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let marked = environ.windows(needle.len()).any(|window| window == needle);
    let within = std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    (marked || within) && !is_zombie(pid)
}

/// Dead already, and only waiting for its parent to look.
fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

fn command(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}
