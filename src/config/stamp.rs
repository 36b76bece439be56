//! Whether a file has changed since it was read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tells one state of a file from any other: which file it is, its length, its mode, its last changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: (u64, u64),
    size: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of this file as it is now; `None` if there is none.
    pub fn of(file: &Path) -> Option<Stamp> {
        let it = fs::metadata(file).ok()?;
        Some(Stamp {
            file: (it.dev(), it.ino()),
            size: it.size(),
            mode: it.mode(),
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
        })
    }
}
