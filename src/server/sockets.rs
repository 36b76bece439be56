//! Where a child and its descendants listen (Linux; elsewhere nothing is known).

use super::tree;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A listening TCP socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listening {
    address: SocketAddr,
    inode: u64,
}

/// Looks at the same child again and again.
pub(super) struct Watch {
    leader: u32,
    /// Inodes of all that listened at the last look: while nothing has changed, nobody need be asked whose they are.
    seen: BTreeSet<u64>,
    own: Vec<SocketAddr>,
    looks: u32,
}

impl Watch {
    /// Of the process group of `leader` and what descends from it.
    pub(super) fn new(leader: u32) -> Watch {
        Watch { leader, seen: BTreeSet::new(), own: Vec::new(), looks: 0 }
    }

    /// The addresses they listen on now, sorted; and whether it may be for them that somebody listens on `port`.
    pub(super) fn look(&mut self, port: Option<u16>) -> (&[SocketAddr], bool) {
        let all: Vec<Listening> =
            ["tcp", "tcp6"].iter().flat_map(|kind| listening(self.leader, kind)).collect();
        let seen = all.iter().map(|socket| socket.inode).collect();
        self.looks += 1;
        // A socket may be handed on to another process; so now and then they are asked all the same.
        if seen != self.seen || self.looks.is_multiple_of(16) {
            self.own = owned(self.leader, &all);
            self.seen = seen;
        }
        let is_there = |address: SocketAddr| Some(address.port()) == port;
        let is_own = self.own.iter().any(|own| is_there(*own));
        let is_taken = all.iter().any(|socket| is_there(socket.address));
        // Where the system does not tell, only asking there does.
        let may_be_own = all.is_empty() || is_own || (is_taken && hides_sockets(self.leader));
        (&self.own, may_be_own)
    }
}

fn owned(leader: u32, all: &[Listening]) -> Vec<SocketAddr> {
    if all.is_empty() {
        return Vec::new();
    }
    let own: BTreeSet<u64> = tree::members(leader).into_iter().flat_map(inodes).collect();
    let own = all.iter().filter(|socket| own.contains(&socket.inode));
    own.map(|socket| socket.address).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether not all that listens for a child is seen to be its own: a container's ports are held by others, and a
/// process of another user may not let itself be looked at. Otherwise whoever has the child's port is a stranger.
fn hides_sockets(leader: u32) -> bool {
    const CONTAINERS: [&str; 3] = ["docker", "podman", "nerdctl"];
    tree::members(leader).into_iter().any(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let fds = fs::read_dir(format!("/proc/{pid}/fd"));
        CONTAINERS.contains(&name.trim_end()) || fds.is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
    })
}

/// The child may have a network namespace of its own, so its own file is read.
fn listening(pid: u32, kind: &str) -> Vec<Listening> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/{kind}")).unwrap_or_default();
    text.lines().skip(1).filter_map(parse).collect()
}

/// `sl local_address rem_address st … inode`, with the address as the machine holds it (proc(5), /proc/net/tcp).
fn parse(line: &str) -> Option<Listening> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    let address = SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?);
    Some(Listening { address, inode: fields.get(9)?.parse().ok()? })
}

/// Words of four bytes, each in the byte order of the machine.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words: Vec<u8> = [0, 8, 16, 24].into_iter().filter_map(word).flatten().collect();
            Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?)))
        }
        _ => None,
    }
}

/// Inodes of the sockets a process holds.
fn inodes(pid: u32) -> Vec<u64> {
    let held = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = held.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn only_listeners_count() {
        let line = |address: &str, state: &str| {
            format!(
                "   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0  0 4711 1 0"
            )
        };
        let found = |address: &str| parse(&line(address, "0A")).map(|socket| socket.address.to_string());
        assert_eq!(found("0100007F:0BB9").as_deref(), Some("127.0.0.1:3001"));
        assert_eq!(found("00000000000000000000000001000000:0BB9").as_deref(), Some("[::1]:3001"));
        assert_eq!(found("00000000000000000000000000000000:0050").as_deref(), Some("[::]:80"));
        assert_eq!(parse(&line("0100007F:0BB9", "01")), None);
        assert_eq!(parse(&line("0100007F:0BB9", "0A")).unwrap().inode, 4711);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_listener_of_our_own_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut watch = Watch::new(std::process::id());
        let address = socket.local_addr().unwrap();
        let (own, may_be_own) = watch.look(Some(address.port()));
        assert!(own.contains(&address) && may_be_own);
        drop(socket);
        // The children that other tests start of this process hold it too, from fork to exec.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while watch.look(None).0.contains(&address) {
            assert!(std::time::Instant::now() < deadline, "it is still said to listen on {address}");
            std::thread::yield_now();
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_stranger_on_its_port_is_not_the_child_s() {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::TempDir::new().unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let is_asked = |name: &str| {
            let program = folder.path().join(name);
            std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
            let mut command = std::process::Command::new(program);
            let mut child = command.arg0("sleep").arg("60").process_group(0).spawn().unwrap();
            let mut watch = Watch::new(child.id());
            let (own, is_asked) = watch.look(Some(port));
            assert!(own.is_empty());
            child.kill().unwrap();
            child.wait().unwrap();
            is_asked
        };
        assert!(!is_asked("server") && is_asked("docker"));
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in "\\PC*") {
            let _ = parse(&line);
        }
    }
}
