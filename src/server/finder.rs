//! Whether a child that starts is an HTTP server, and where: the thread `find:NAME` watches where it listens and asks
//! there, until the supervisor knows enough.

use super::sockets::Watch;
use super::supervisor::Event;
use crate::thread;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a child speaks MCP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What to connect to.
    pub address: SocketAddr,
    /// Path of its MCP endpoint, or of its event stream as of 2024-11-05.
    pub path: String,
}

/// What an address said when it was asked for MCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// MCP is spoken at this path.
    Mcp(String),
    /// Most likely MCP at this path, if nothing better turns up: it wants credentials before it says more, or is known
    /// to be an HTTP server.
    Likely(String),
    /// HTTP, but no MCP (yet).
    Other,
    /// Nothing that could be HTTP.
    Silent,
}

/// Asks an address whether MCP is spoken there; may take some seconds.
pub trait Probe: Send + Sync + 'static {
    /// Asks at `address`; `hint` is the path to begin with.
    fn ask(&self, address: SocketAddr, hint: Option<&str>) -> Sight;
}

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(50);
/// The same once a child has been looked at for [`PATIENT_AFTER`].
const SLOW_LOOK: Duration = Duration::from_millis(200);
const PATIENT_AFTER: Duration = Duration::from_secs(5);
/// What listens may still be loading what it serves.
const AGAIN: Duration = Duration::from_millis(250);
/// What does not speak HTTP will not begin to.
const SELDOM: Duration = Duration::from_secs(5);
/// For so long a better answer may turn up than one that makes it likely.
const LIKELY_FOR: Duration = Duration::from_secs(2);

/// The handle on the thread, which ends with it.
pub(super) struct Finder {
    _stop: Sender<()>,
}

/// What the thread needs.
pub(super) struct Search {
    pub(super) name: String,
    pub(super) generation: u64,
    /// Leads the child's process group.
    pub(super) pid: u32,
    /// The port it was given.
    pub(super) port: Option<u16>,
    /// The path where it spoke before, if that is known.
    pub(super) hint: Option<String>,
    pub(super) probe: Arc<dyn Probe>,
    pub(super) inbox: Sender<Event>,
}

impl Search {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(self) -> io::Result<Finder> {
        let (stop, stopped) = bounded::<()>(0);
        thread::spawn(&format!("find:{}", self.name), move || {
            let (begun, mut watch, mut asked) = (Instant::now(), Watch::new(self.pid), Asked::default());
            loop {
                let rest = if begun.elapsed() < PATIENT_AFTER { LOOK } else { SLOW_LOOK };
                if stopped.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                if let Some(endpoint) = self.look(&mut watch, &mut asked) {
                    let _ = self.inbox.send(Event::Found { generation: self.generation, endpoint });
                    return;
                }
            }
        })?;
        Ok(Finder { _stop: stop })
    }

    fn look(&self, watch: &mut Watch, asked: &mut Asked) -> Option<Endpoint> {
        let (listening, may_be_own) = watch.look(self.port);
        let mut addresses: Vec<SocketAddr> = listening.iter().map(|address| reachable(*address)).collect();
        // Whoever listens there now on behalf of a container did not when the port was given. If nobody does, it is left
        // alone: a connection to a port of one's own can take the place of a listener.
        let given =
            self.port.filter(|_| may_be_own).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        addresses.extend(given.filter(|given| !addresses.contains(given)));
        // One at a time: an answer may take seconds, and meanwhile the server may have begun to listen.
        let address = asked.next(addresses, self.port, Instant::now())?;
        let sight = self.probe.ask(address, self.hint.as_deref());
        let path = asked.note(address, sight, Instant::now(), given == Some(address))?;
        if listening.iter().any(|own| reachable(*own) == address && is_exposed(*own)) {
            log::warn!(server = self.name.as_str(), event = "exposed", address = address.to_string().as_str(); "listens on all addresses of this machine, so others reach it past this proxy; have it listen on 127.0.0.1 (most heed HOST)");
        }
        Some(Endpoint { address, path })
    }
}

/// What to connect to for somebody who listens on this address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        // Those who listen on all addresses of version 6 mostly listen on those of version 4, too.
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether others than this machine can connect to somebody who listens there.
fn is_exposed(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V6(ip) => {
            ip != Ipv6Addr::LOCALHOST && !ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
        IpAddr::V4(ip) => !ip.is_loopback(),
    }
}

/// What the addresses have said.
#[derive(Default)]
struct Asked(HashMap<SocketAddr, Answer>);

struct Answer {
    came: Instant,
    again: Instant,
    likely_since: Option<Instant>,
}

impl Asked {
    /// Whom to ask now: who was not asked yet, the port that was given first of all; then who was asked longest ago.
    fn next(&self, addresses: Vec<SocketAddr>, given: Option<u16>, now: Instant) -> Option<SocketAddr> {
        let due = addresses.into_iter().filter(|address| self.is_due(*address, now));
        due.min_by_key(|address| {
            (self.0.get(address).map(|answer| answer.came), Some(address.port()) != given)
        })
    }

    fn is_due(&self, address: SocketAddr, now: Instant) -> bool {
        self.0.get(&address).is_none_or(|answer| now >= answer.again)
    }

    /// The path, if this is where MCP is spoken. A port that we gave away may be silent because nobody listens yet.
    fn note(&mut self, address: SocketAddr, sight: Sight, now: Instant, is_given: bool) -> Option<String> {
        let before = self.0.get(&address).and_then(|answer| answer.likely_since);
        let (rest, likely_since) = match &sight {
            Sight::Mcp(path) => return Some(path.clone()),
            Sight::Likely(path) if before.is_some_and(|since| now - since >= LIKELY_FOR) => {
                return Some(path.clone());
            }
            Sight::Likely(_) => (AGAIN, before.or(Some(now))),
            Sight::Silent if !is_given => (SELDOM, None),
            Sight::Other | Sight::Silent => (AGAIN, None),
        };
        self.0.insert(address, Answer { came: now, again: now + rest, likely_since });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_somebody_can_be_reached_who_listens_everywhere() {
        let reached = |address: &str| reachable(address.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(reached("[::]:1"), "127.0.0.1:1");
        assert_eq!(reached("[::1]:1"), "[::1]:1");
        assert_eq!(reached("[::ffff:127.0.0.1]:1"), "127.0.0.1:1");
        let exposed = |address: &str| is_exposed(address.parse().unwrap());
        assert!(exposed("0.0.0.0:1") && exposed("[::]:1") && exposed("192.168.1.2:1"));
        assert!(!exposed("127.0.0.1:1") && !exposed("[::1]:1") && !exposed("[::ffff:127.0.0.1]:1"));
    }

    #[test]
    fn nobody_is_asked_twice_before_all_were_asked_once() {
        let (mut asked, start) = (Asked::default(), Instant::now());
        let addresses = || [1, 2, 3].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).to_vec();
        let mut ports = Vec::new();
        for second in 0..7 {
            let now = start + Duration::from_secs(second);
            let Some(address) = asked.next(addresses(), Some(2), now) else { continue };
            asked.note(address, Sight::Silent, now, address.port() == 2);
            ports.push(address.port());
        }
        assert_eq!(ports, [2, 1, 3, 2, 2, 2, 1]);
    }

    #[test]
    fn credentials_are_a_weak_sign() {
        let (mut asked, address, start) = (Asked::default(), "127.0.0.1:1".parse().unwrap(), Instant::now());
        let locked = || Sight::Likely("/mcp".into());
        assert_eq!(asked.note(address, locked(), start, false), None);
        assert!(!asked.is_due(address, start) && asked.is_due(address, start + AGAIN));
        assert_eq!(asked.note(address, locked(), start + LIKELY_FOR / 2, false), None);
        assert_eq!(asked.note(address, locked(), start + LIKELY_FOR, false).as_deref(), Some("/mcp"));
        assert_eq!(asked.note(address, Sight::Mcp("/".into()), start, false).as_deref(), Some("/"));
    }

    #[test]
    fn what_is_no_http_is_asked_seldom_but_a_port_of_ours() {
        let (mut asked, address, start) = (Asked::default(), "127.0.0.1:1".parse().unwrap(), Instant::now());
        asked.note(address, Sight::Silent, start, false);
        assert!(!asked.is_due(address, start + AGAIN) && asked.is_due(address, start + SELDOM));
        asked.note(address, Sight::Silent, start, true);
        assert!(asked.is_due(address, start + AGAIN));
    }
}
