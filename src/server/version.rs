//! What a program says of itself.

use super::reaper::Reaper;
use crossbeam_channel::bounded;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program that takes longer says nothing.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_BYTES: u64 = 1024;

/// The first line that `PROGRAM --version` prints.
pub fn version_of(program: &str, reaper: &Reaper) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let (done, exit) = bounded(1);
    let child = reaper.spawn(&mut command, move |status| {
        let _ = done.send(status); // nobody waits any more
    });
    let child = child.ok()?;
    let in_time = exit.recv_timeout(PATIENCE).is_ok_and(|status| status.success());
    if !in_time {
        // Its own group; gone already is as good.
        let _ = Pid::from_raw(child.id() as i32).map(|pid| kill_process_group(pid, Signal::KILL));
        return None;
    }
    let mut text = String::new();
    child.stdout?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    text.lines().next().map(str::to_string).filter(|line| !line.is_empty())
}
