//! The proxy, running.

use super::log::Log;
use super::wait::within;
use super::{Client, DEADLINE, Options, Site, processes, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, ExitStatus, Stdio};

pub struct Proxy {
    pub site: Site,
    child: Child,
    log: Log,
    address: SocketAddr,
    forgiving: bool,
}

impl Proxy {
    #[track_caller]
    pub(super) fn start_by(site: Site, starter: Option<Command>) -> Proxy {
        let (child, log) = launch(&site, ANY_PORT, starter);
        Proxy::of(site, child, log)
    }

    /// The starter has the stdin that it has.
    #[track_caller]
    pub(super) fn start_on(site: Site, starter: Command) -> Proxy {
        let mut command = led_by(starter, &proxy_command(&site, ANY_PORT));
        let (child, log) = spawn(&mut command);
        Proxy::of(site, child, log)
    }

    #[track_caller]
    fn of(site: Site, child: Child, log: Log) -> Proxy {
        let address = ANY_PORT;
        let mut proxy = Proxy { site, child, log, address, forgiving: false };
        proxy.address = proxy.wait_address();
        proxy
    }

    /// Starts it again at the same address, with the same folders. The log begins anew.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.child.try_wait().unwrap().is_some(), "it still runs: kill or stop it first");
        (self.child, self.log) = launch(&self.site, self.address, None);
        self.wait_address();
    }

    #[track_caller]
    fn wait_address(&self) -> SocketAddr {
        let line = self.log.wait(|line| line.contains(LISTENING));
        let url = line.split(LISTENING).nth(1).and_then(|rest| rest.split([' ', '"']).next()).unwrap();
        let address = url.split("://").nth(1).unwrap();
        address.trim_end_matches('/').parse().unwrap_or_else(|_| panic!("no address in: {line}"))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `proxy.url("a")` is server a's; `proxy.url("health")` and the like work too.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// An initialised session of the newest legacy revision, with no capabilities.
    #[track_caller]
    pub fn client(&self, name: &str) -> Client {
        Client::connect(&self.url(name))
    }

    pub fn client_with(&self, name: &str) -> Options {
        Client::options(&self.url(name))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// KiB of its own memory of that kind, as /proc/PID/status names it.
    pub fn memory(&self, kind: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// The first line that matches, past or to come.
    #[track_caller]
    pub fn wait_log(&self, matches: impl FnMut(&str) -> bool) -> String {
        self.log.wait(matches)
    }

    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, then its exit.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_exit()
    }

    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        wait_for(DEADLINE, || self.child.try_wait().unwrap())
    }

    /// Processes of this test other than the proxy itself.
    pub fn descendants(&self) -> Vec<(i32, String)> {
        let mut all = processes::of(self.site.folder());
        all.retain(|(pid, _)| u32::try_from(*pid) != Ok(self.child.id()));
        all
    }

    /// This test knows that something is left over: kill it without complaint.
    pub fn forgive(&mut self) {
        self.forgiving = true;
    }
}

const LISTENING: &str = "listening on ";

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn launch(site: &Site, listen: SocketAddr, starter: Option<Command>) -> (Child, Log) {
    let command = proxy_command(site, listen);
    let mut command = match starter {
        Some(starter) => led_by(starter, &command),
        None => command,
    };
    spawn(command.stdin(Stdio::null()))
}

fn proxy_command(site: &Site, listen: SocketAddr) -> Command {
    let mut command = site.command();
    command.arg("--listen").arg(listen.to_string());
    command
}

fn spawn(command: &mut Command) -> (Child, Log) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = Log::of(child.stderr.take().unwrap());
    (child, log)
}

/// The same command, at the end of another.
fn led_by(mut starter: Command, command: &Command) -> Command {
    starter.arg(command.get_program()).args(command.get_args()).env_clear();
    starter.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    starter.current_dir(command.get_current_dir().unwrap());
    starter
}

impl Drop for Proxy {
    /// No test may leave a process behind, and none of the proxy's may outlive it.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|exit| exit.is_none()) {
            self.signal(Signal::TERM);
        }
        let gone = within(DEADLINE, || {
            let ended = self.child.try_wait().is_ok_and(|exit| exit.is_some());
            ended && (self.forgiving || processes::of(self.site.folder()).is_empty())
        });
        let survivors = processes::of(self.site.folder());
        survivors.iter().for_each(|(pid, _)| processes::kill(*pid));
        let _ = self.child.wait();
        let log = self.log().join("\n");
        if std::thread::panicking() {
            eprintln!("--- the proxy's log\n{log}\n---");
        } else {
            assert!(gone, "left behind: {survivors:?}\n{log}");
        }
    }
}
