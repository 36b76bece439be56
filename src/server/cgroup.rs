//! Control groups (cgroup v2): where ours is delegated to us (systemd's `Delegate=yes`), a child whose memory is limited
//! gets one of its own below it, and the kernel keeps the limit.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const MOUNT: &str = "/sys/fs/cgroup";
/// Where the proxy itself goes: a group that hands controllers down holds no processes of its own.
const OWN: &str = "mcp-proxy";

/// The group that is delegated to us.
#[derive(Debug, PartialEq)]
pub(super) struct Delegated(PathBuf);

/// A child's group, gone with it.
pub(super) struct Group {
    folder: PathBuf,
}

impl Delegated {
    /// Ours, if there is one; readied when it is first asked for.
    pub(super) fn ours() -> Option<&'static Delegated> {
        static OURS: OnceLock<Option<Delegated>> = OnceLock::new();
        OURS.get_or_init(|| {
            let own = fs::read_to_string("/proc/self/cgroup").ok()?;
            let folder = folder(&own)?;
            let ready = Some(&folder).filter(|folder| is_delegated(folder))?;
            Delegated::ready(ready)
                .inspect_err(|error| log::info!(event = "no-cgroup"; "memory is watched, as {} cannot be used: {error}", folder.display()))
                .ok()
        })
        .as_ref()
    }

    fn ready(folder: &Path) -> io::Result<Delegated> {
        let controllers = fs::read_to_string(folder.join("cgroup.controllers"))?;
        if !controllers.split_whitespace().any(|controller| controller == "memory") {
            return Err(io::Error::other("it has no memory controller"));
        }
        let own = folder.join(OWN);
        fs::create_dir_all(&own)?;
        for pid in fs::read_to_string(folder.join("cgroup.procs"))?.lines() {
            // One that has ended meanwhile need not move.
            let _ = fs::write(own.join("cgroup.procs"), pid);
        }
        fs::write(folder.join("cgroup.subtree_control"), "+memory")?;
        Ok(Delegated(folder.to_path_buf()))
    }

    /// A group for one child, and its `cgroup.procs`, which the child writes itself into.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn group(&self, name: &str, memory: u64) -> io::Result<(Group, OwnedFd)> {
        let folder = self.0.join(name);
        // One that a killed proxy has left behind; whoever lives in it keeps it.
        let _ = fs::remove_dir(&folder);
        fs::create_dir(&folder)?;
        let group = Group { folder };
        fs::write(group.folder.join("memory.max"), memory.to_string())?;
        // All of its processes end together. Linux 4.19; without it the largest ends alone, which is as good.
        let _ = fs::write(group.folder.join("memory.oom.group"), "1");
        let procs = File::options().write(true).open(group.folder.join("cgroup.procs"))?;
        Ok((group, procs.into()))
    }
}

impl Group {
    /// Whether the kernel has ended something here for its memory.
    pub(super) fn ran_out(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        kills(&events) > 0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1"); // Linux 5.14; the rest of it is ended otherwise
        if let Err(error) = fs::remove_dir(&self.folder) {
            log::debug!(event = "cgroup-left"; "{} stays: {error}", self.folder.display());
        }
    }
}

/// `0::/system.slice/mcp-proxy.service` (cgroups(7)).
fn folder(own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new(MOUNT).join(path))
}

/// systemd says so by an attribute: only then may a program make groups there.
fn is_delegated(folder: &Path) -> bool {
    ["user.delegate", "trusted.delegate"].iter().any(|name| attribute(folder, name) == Some(*b"1"))
}

#[cfg(target_os = "linux")]
fn attribute(folder: &Path, name: &str) -> Option<[u8; 1]> {
    let mut value = [0; 1];
    rustix::fs::getxattr(folder, name, &mut value).is_ok_and(|length| length == 1).then_some(value)
}

#[cfg(not(target_os = "linux"))]
fn attribute(_: &Path, _: &str) -> Option<[u8; 1]> {
    None
}

fn kills(events: &str) -> u64 {
    let line = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_group() {
        let own = folder("4:memory:/x\n0::/system.slice/mcp-proxy.service\n");
        assert_eq!(own, Some("/sys/fs/cgroup/system.slice/mcp-proxy.service".into()));
        assert_eq!(folder("4:memory:/x\n"), None);
        assert!(!is_delegated(Path::new("/proc")));
    }

    #[test]
    fn whether_the_kernel_ended_something() {
        assert_eq!(kills("low 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 1\n"), 1);
        assert_eq!(kills(""), 0);
    }

    /// A folder in place of the kernel's: what is written where.
    #[test]
    fn a_delegated_group_is_divided() {
        let root = tempfile::tempdir().unwrap();
        let written = |file: &str| fs::read_to_string(root.path().join(file)).unwrap();
        fs::write(root.path().join("cgroup.procs"), "7\n").unwrap();
        fs::write(root.path().join("cgroup.controllers"), "cpu pids\n").unwrap();
        assert!(Delegated::ready(root.path()).unwrap_err().to_string().contains("no memory controller"));
        fs::write(root.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        let ours = Delegated::ready(root.path()).unwrap();
        assert_eq!(
            (written("mcp-proxy/cgroup.procs"), written("cgroup.subtree_control")),
            ("7".into(), "+memory".into())
        );

        let child = root.path().join("a-1-1");
        // The kernel makes these; without them there is no such group.
        assert!(ours.group("a-1-1", 1000).is_err());
        assert_eq!(written("a-1-1/memory.max"), "1000");
        fs::remove_file(child.join("cgroup.kill")).unwrap();
        assert!(ours.group("a-1-1", 1000).is_err(), "it is another child's");
        assert!(!child.join("cgroup.kill").exists(), "and that goes on");
        fs::remove_dir_all(&child).unwrap();
        fs::create_dir(&child).unwrap();
        assert!(ours.group("a-1-1", 1000).is_err());
        assert_eq!(written("a-1-1/memory.max"), "1000", "one that was left behind is taken over");
        let group = Group { folder: child.clone() };
        assert!(!group.ran_out());
        fs::write(child.join("memory.events"), "oom_kill 1\n").unwrap();
        assert!(group.ran_out());
    }
}
