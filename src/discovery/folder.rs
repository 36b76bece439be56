//! A server's folder as the rules see it: names, kinds, first bytes and small files. The disk, or a map in tests.

use crate::config::read_small;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What stands under a name; symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    /// A file with the x bit.
    Executable,
}

/// The questions that rules ask. Paths are relative to the folder and use `/`.
pub(super) trait Folder {
    /// Names and kinds in a sub-folder (`""` for the folder itself), sorted; empty if there is none.
    fn list(&self, sub: &str) -> Vec<(String, Kind)>;
    /// What stands at `path`, if anything.
    fn look(&self, path: &str) -> Option<Kind>;
    /// The first bytes of a file: magic numbers, the `#!` line, imports.
    fn start(&self, path: &str) -> Vec<u8>;
    /// A small text file; `None` if there is none, an error in words if it cannot be read.
    fn read(&self, path: &str) -> Option<Result<String, String>>;

    /// Whether a file names MCP where it begins: its imports, or the protocol's own words.
    fn speaks_mcp(&self, path: &str) -> bool {
        let start = self.start(path).to_ascii_lowercase();
        [&b"mcp"[..], b"modelcontextprotocol", b"jsonrpc"]
            .iter()
            .any(|word| start.windows(word.len()).any(|part| part == *word))
    }

    /// Whether `path` is a file.
    fn is_file(&self, path: &str) -> bool {
        matches!(self.look(path), Some(Kind::File | Kind::Executable))
    }
}

/// More entries than a person puts into a folder; the rest is not looked at.
const MOST_ENTRIES: usize = 4096;
/// Enough for a `#!` line and what a script imports.
const START_BYTES: u64 = 8192;

/// A folder on disk.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// The folder at `path`.
    ///
    /// # Errors
    /// It cannot be listed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::read_dir(path)?;
        Ok(Disk(path.to_path_buf()))
    }
}

impl Folder for Disk {
    fn list(&self, sub: &str) -> Vec<(String, Kind)> {
        let entries = fs::read_dir(self.0.join(sub)).into_iter().flatten().take(MOST_ENTRIES).flatten();
        let known = |entry: fs::DirEntry| {
            Some((entry.file_name().to_string_lossy().into_owned(), kind(&entry.path()).ok().flatten()?))
        };
        let mut list: Vec<_> = entries.filter_map(known).collect();
        list.sort_by(|left, right| left.0.cmp(&right.0));
        list
    }

    fn look(&self, path: &str) -> Option<Kind> {
        kind(&self.0.join(path)).ok().flatten()
    }

    fn start(&self, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.is_file(path)
            && let Ok(file) = File::open(self.0.join(path))
        {
            // A file that cannot be read has no magic number: its first bytes stay empty.
            let _ = file.take(START_BYTES).read_to_end(&mut bytes);
        }
        bytes
    }

    fn read(&self, path: &str) -> Option<Result<String, String>> {
        match read_small(&self.0.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            result => Some(result.map_err(|error| error.to_string())),
        }
    }
}

/// What stands at `path`; `None` for pipes, sockets and devices.
pub(super) fn kind(path: &Path) -> io::Result<Option<Kind>> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path)?;
    Ok(match () {
        () if metadata.is_dir() => Some(Kind::Folder),
        () if !metadata.is_file() => None,
        () if metadata.permissions().mode() & 0o111 != 0 => Some(Kind::Executable),
        () => Some(Kind::File),
    })
}

#[cfg(any(test, fuzzing))]
pub(super) mod memory {
    use super::{Folder, Kind};
    use std::collections::BTreeMap;

    /// The in-memory twin.
    #[derive(Default)]
    pub(in crate::discovery) struct Memory(BTreeMap<String, (Kind, Vec<u8>)>);

    impl Memory {
        pub(in crate::discovery) fn file(self, path: &str, content: &str) -> Self {
            self.put(path, Kind::File, content)
        }

        pub(in crate::discovery) fn executable(self, path: &str, content: &str) -> Self {
            self.put(path, Kind::Executable, content)
        }

        fn put(mut self, path: &str, kind: Kind, content: &str) -> Self {
            for (at, _) in path.match_indices('/') {
                self.0.insert(path[..at].to_string(), (Kind::Folder, Vec::new()));
            }
            self.0.insert(path.to_string(), (kind, content.as_bytes().to_vec()));
            self
        }
    }

    impl Folder for Memory {
        fn list(&self, sub: &str) -> Vec<(String, Kind)> {
            let prefix = if sub.is_empty() { String::new() } else { format!("{sub}/") };
            let inside =
                self.0.iter().filter_map(|(path, (kind, _))| Some((path.strip_prefix(&prefix)?, *kind)));
            inside
                .filter(|(name, _)| !name.contains('/'))
                .map(|(name, kind)| (name.to_string(), kind))
                .collect()
        }

        fn look(&self, path: &str) -> Option<Kind> {
            self.0.get(path).map(|entry| entry.0)
        }

        fn start(&self, path: &str) -> Vec<u8> {
            self.0.get(path).map(|entry| entry.1.clone()).unwrap_or_default()
        }

        fn read(&self, path: &str) -> Option<Result<String, String>> {
            let (_, bytes) = self.0.get(path)?;
            Some(String::from_utf8(bytes.clone()).map_err(|error| error.to_string()))
        }
    }
}
