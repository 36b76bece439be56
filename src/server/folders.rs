//! The folders a child can see, kept by the kernel (Landlock, Linux 5.13 and later).

use crate::config::Folders;
use std::path::{Path, PathBuf};

/// Programs, libraries and what they ask the system: readable to every child that can see no more than it is given.
/// Not `/tmp`, `/home`, `/root`, `/srv`, `/var`: that is where others' files are.
const SYSTEM: [&str; 16] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix/store",
    "/proc",
    "/sys",
    "/run/current-system",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager/resolv.conf",
];
/// Terminals, `/dev/null`, shared memory.
const DEVICES: &str = "/dev";

/// What a child's folders come to, with where its programs lie.
#[derive(Debug, PartialEq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(super) struct Seen {
    read_only: Vec<PathBuf>,
    writable: Vec<PathBuf>,
}

impl Seen {
    /// `path` is the child's PATH, in whose folders it finds programs, and `program` what it is started with.
    ///
    /// # Errors
    /// A folder that is named does not exist.
    pub(super) fn of(folders: &Folders, path: &str, program: &str) -> Result<Seen, String> {
        let named = folders.read_only.iter().chain(&folders.writable);
        if let Some(missing) = named.clone().find(|folder| !folder.exists()) {
            let shown = missing.display();
            return Err(format!(
                "{shown}, named in read_only or writable, does not exist; create or correct it"
            ));
        }
        let system = SYSTEM.iter().map(PathBuf::from);
        let programs = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        let program = Some(PathBuf::from(program)).filter(|program| program.is_absolute());
        // A link is followed by the kernel: it is what it leads to that must be readable.
        let target = program.as_deref().and_then(|program| program.canonicalize().ok());
        let read_only = folders.read_only.iter().cloned();
        let read_only = read_only.chain(system).chain(programs).chain(program).chain(target);
        let writable = folders.writable.iter().cloned().chain([PathBuf::from(DEVICES)]);
        Ok(Seen { read_only: read_only.collect(), writable: writable.collect() })
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use super::{Path, Seen};
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
    };
    use rustix::fs::FileType;
    use rustix::thread::CapabilitySet;
    use std::io;

    /// What is asked of every kernel that has Landlock at all.
    const LEAST: ABI = ABI::V1;
    /// The newest of what is asked where the kernel knows it: links between folders (5.19), truncation (6.2), devices
    /// (6.10), signals to those outside (6.12).
    const NEWEST: ABI = ABI::V6;

    /// Folders that a process can shut itself into.
    pub(crate) struct Walls(Option<RulesetCreated>);

    impl Walls {
        /// Made before `fork`, where memory may be taken.
        ///
        /// # Errors
        /// The kernel has no Landlock.
        pub(crate) fn around(seen: &Seen) -> Result<Walls, String> {
            ruleset(seen).map(|rules| Walls(Some(rules))).map_err(|error| {
                let remedy = "leave both out, or use a kernel with Landlock (Linux 5.13, lsm=landlock)";
                format!("read_only and writable cannot be kept: {error}; {remedy}")
            })
        }

        /// From now on this thread and its descendants see these folders only. Takes no memory.
        ///
        /// # Errors
        /// The kernel refuses.
        pub(crate) fn enter(&mut self) -> io::Result<()> {
            let Some(rules) = self.0.take() else { return Ok(()) };
            drop_ways_round();
            rules.restrict_self().map(drop).map_err(|_| io::ErrorKind::PermissionDenied.into())
        }
    }

    /// Root could leave its folders: by the memory and the environment of processes outside, by a device of its own
    /// making, by a module. What is left lets it use files of others, change users and listen on any port.
    fn drop_ways_round() {
        let kept = CapabilitySet::CHOWN
            | CapabilitySet::DAC_OVERRIDE
            | CapabilitySet::FOWNER
            | CapabilitySet::FSETID
            | CapabilitySet::KILL
            | CapabilitySet::SETGID
            | CapabilitySet::SETUID
            | CapabilitySet::NET_BIND_SERVICE;
        let all = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
        for capability in all.filter(|capability| !kept.contains(*capability)) {
            // Whoever is not root has none of them, and may not drop any.
            let _ = rustix::thread::remove_capability_from_bounding_set(capability);
        }
    }

    fn ruleset(seen: &Seen) -> Result<RulesetCreated, RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(LEAST))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::Signal)?
            .create()?
            .no_new_privs(false); // said for every child, elsewhere
        let readable = seen.read_only.iter().map(|path| (path, AccessFs::from_read(NEWEST)));
        let writable = seen.writable.iter().map(|path| (path, AccessFs::from_all(NEWEST)));
        for (path, access) in readable.chain(writable) {
            // Not every system has all of them.
            let Ok(open) = PathFd::new(path) else { continue };
            let access = if is_folder(path) { access } else { access & AccessFs::from_file(NEWEST) };
            rules = rules.add_rule(PathBeneath::new(open, access))?;
        }
        Ok(rules)
    }

    fn is_folder(path: &Path) -> bool {
        rustix::fs::stat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use super::Seen;
    use std::io;

    /// There are none here.
    pub(crate) enum Walls {}

    impl Walls {
        pub(crate) fn around(_: &Seen) -> Result<Walls, String> {
            Err("read_only and writable need Linux with Landlock; leave both out".to_string())
        }

        pub(crate) fn enter(&mut self) -> io::Result<()> {
            match *self {}
        }
    }
}

pub(super) use kernel::Walls;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_the_system_and_the_programs() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
        let folders = Folders { read_only: vec![folder.path().into()], writable: vec![] };
        let seen = Seen::of(&folders, "/a/bin:relative:/b/bin", program.to_str().unwrap()).unwrap();
        assert_eq!(seen.read_only[0], folder.path());
        for path in ["/usr", "/a/bin", "/b/bin"] {
            assert!(seen.read_only.iter().any(|folder| folder == Path::new(path)), "{path}");
        }
        assert!(seen.read_only.contains(&program.canonicalize().unwrap()));
        assert!(!seen.read_only.iter().any(|path| path.starts_with("relative")));
        for path in ["/", "/tmp", "/home", "/root", "/var"] {
            let shown = seen.read_only.iter().chain(&seen.writable).any(|folder| folder == Path::new(path));
            assert!(!shown, "{path}");
        }
        assert_eq!(seen.writable, [Path::new("/dev")]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_mistake() {
        let folders = Folders { writable: vec!["/no/such/folder".into()], ..Folders::default() };
        assert!(Seen::of(&folders, "", "x").unwrap_err().starts_with("/no/such/folder, named in"));
    }
}
