//! What a child may do and use, beside what its user may.

use super::{Defaults, ServerTable};
use std::io;
use std::path::{Path, PathBuf};

/// The bounds around a child.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confinement {
    /// The user it runs as, by name or number; the proxy's own unless said.
    pub user: Option<String>,
    /// The group, by name or number; the user's own unless said.
    pub group: Option<String>,
    /// Whether programs it runs may have more rights than it has (`sudo`, setuid).
    pub allow_privileges: bool,
    /// Whether files with secrets that others can read keep it down.
    pub strict_permissions: bool,
    /// Most memory of all its processes together, in bytes.
    pub memory_limit: Option<u64>,
    /// Most processes at once.
    pub max_processes: Option<u64>,
    /// Most open files of one process.
    pub max_open_files: Option<u64>,
    /// The only folders it can see into, beside the system's; none: whatever its user can.
    pub folders: Option<Folders>,
}

/// Folders (or files) of a child that sees no others; absolute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folders {
    /// Readable.
    pub read_only: Vec<PathBuf>,
    /// Readable and writable.
    pub writable: Vec<PathBuf>,
}

impl Confinement {
    /// What may be the reason that a program could not be started in it, for the end of a message.
    pub fn hint(&self, error: &io::Error) -> &'static str {
        match error.kind() {
            io::ErrorKind::PermissionDenied if self.folders.is_some() => {
                "; is the folder of its program or interpreter named in read_only?"
            }
            io::ErrorKind::PermissionDenied if self.user.is_some() => "; can its user reach its folder?",
            _ => "",
        }
    }
}

impl ServerTable {
    /// What the server may do: its own keys, else `[defaults]`. Relative paths start from `base`, which is readable if
    /// it is the server's `own` folder.
    pub fn confinement(&self, defaults: &Defaults, base: &Path, own: bool) -> Confinement {
        let unless_zero =
            |own: Option<u64>, default| Some(own.unwrap_or(default)).filter(|number| *number > 0);
        Confinement {
            user: self.user.clone(),
            group: self.group.clone(),
            allow_privileges: self.allow_privileges.unwrap_or(defaults.allow_privileges),
            strict_permissions: self.strict_permissions.unwrap_or(defaults.strict_permissions),
            memory_limit: unless_zero(self.memory_limit_bytes, defaults.memory_limit_bytes),
            max_processes: unless_zero(self.max_processes, defaults.max_processes),
            max_open_files: unless_zero(self.max_open_files, defaults.max_open_files),
            folders: self.folders(base, own),
        }
    }

    fn folders(&self, base: &Path, own: bool) -> Option<Folders> {
        if self.read_only.is_none() && self.writable.is_none() {
            return None;
        }
        // Collected again, so that `.` does not show.
        let absolute = |path: &String| base.join(path).components().collect::<PathBuf>();
        let itself = own.then(|| base.to_path_buf());
        Some(Folders {
            read_only: itself.into_iter().chain(self.read_only.iter().flatten().map(absolute)).collect(),
            writable: self.writable.iter().flatten().map(absolute).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_bound_by_its_own_keys_first() {
        let defaults = Defaults { memory_limit_bytes: 7, max_open_files: 9, ..Defaults::default() };
        let table = ServerTable { memory_limit_bytes: Some(0), ..ServerTable::default() };
        let bounds = table.confinement(&defaults, Path::new("/srv/a"), true);
        assert_eq!((bounds.memory_limit, bounds.max_open_files), (None, Some(9)));
        assert_eq!(bounds.folders, None);
    }

    #[test]
    fn folders_start_from_the_servers_own() {
        let table = ServerTable {
            read_only: Some(vec!["/data/".into()]),
            writable: Some(vec![".".into(), "out".into()]),
            ..ServerTable::default()
        };
        let folders = table.confinement(&Defaults::default(), Path::new("/srv/a"), true).folders.unwrap();
        assert_eq!(folders.read_only, [Path::new("/srv/a"), Path::new("/data")]);
        assert_eq!(folders.writable, [Path::new("/srv/a"), Path::new("/srv/a/out")]);
        let none = ServerTable { writable: Some(vec![]), ..ServerTable::default() };
        let folders = none.confinement(&Defaults::default(), Path::new("/srv"), false).folders;
        assert_eq!(
            folders,
            Some(Folders::default()),
            "an empty list is one, and a shared folder is nobody's"
        );
    }
}
