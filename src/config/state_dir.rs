//! Where the proxy keeps what must outlive it.

use super::{Config, ConfigError, Environment};
use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// No write takes so long.
const UNFINISHED: Duration = Duration::from_secs(3600);

/// Tells apart what threads of this process write at the same time.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Writes what is to become `file` into another one beside it, mode 0600, in a folder that only its owner may enter.
/// Renaming that to `file` takes its place at once, so nobody ever reads half of it.
///
/// # Errors
/// The folder cannot be made, or the file not be written.
pub fn write_beside(file: &Path, content: &[u8]) -> io::Result<(File, PathBuf)> {
    make_folder_of(file)?;
    let (process, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let beside = file.with_extension(format!("{process}-{number}.tmp"));
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.write_all(content)?;
    Ok((out, beside))
}

/// Removes from a folder what was begun by [`write_beside`] and, for an hour, never took its place: who wrote it was
/// killed, or the power failed.
pub fn clear_unfinished(folder: &Path) {
    let is_old = |entry: &DirEntry| {
        let written = entry.metadata().and_then(|about| about.modified()).ok();
        written.and_then(|written| written.elapsed().ok()).is_some_and(|age| age > UNFINISHED)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "tmp") && is_old(entry))
    {
        let _ = fs::remove_file(entry.path()); // another proxy may have done so
    }
}

/// Gives `file` this content, at once and on the disk when this returns; see [`write_beside`].
///
/// # Errors
/// It could not be written, and is as it was.
pub fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let (written, beside) = write_beside(file, content)?;
    written.sync_all()?;
    take_place(&beside, file)
}

/// Renames what was written beside `file` to it, on the disk when this returns.
///
/// # Errors
/// It could not be renamed, or not be known to be on the disk.
pub fn take_place(beside: &Path, file: &Path) -> io::Result<()> {
    fs::rename(beside, file)?;
    sync_folder_of(file)
}

/// Has the name of `file` on the disk when this returns: its content being there says nothing of the name.
///
/// # Errors
/// It could not be known to be there.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// Locks `file` against others who change it, until what is returned is dropped. The lock is a file of its own: the one
/// that is replaced cannot be the one that is locked.
///
/// # Errors
/// The folder or the lock cannot be made.
pub fn lock_beside(file: &Path) -> io::Result<File> {
    make_folder_of(file)?;
    let lock = file.with_extension("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
    lock.lock()?;
    Ok(lock)
}

/// Whether nobody but the owner of a file can read or write it.
pub fn is_private(file: &Metadata) -> bool {
    file.mode() & 0o077 == 0
}

fn make_folder_of(file: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder_of(file))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The state folder: `state_dir` (relative to `config_dir`), else `$XDG_STATE_HOME/mcp-proxy`, else
/// `~/.local/state/mcp-proxy`. It need not exist.
///
/// # Errors
/// Nothing says where: no key, no XDG_STATE_HOME and no HOME.
pub fn state_dir(
    config: &Config,
    config_dir: &Path,
    environment: &Environment,
) -> Result<PathBuf, ConfigError> {
    if !config.proxy.state_dir.is_empty() {
        return Ok(config_dir.join(&config.proxy.state_dir));
    }
    // Relative values are to be ignored, says the XDG specification; of HOME it is only wise.
    let absolute = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .map(|base| base.join("mcp-proxy"))
        .ok_or_else(|| {
            ConfigError::one("no state folder: HOME is not set; name one with --state-dir".to_string())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_was_never_finished_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let (old, begun, other) = ("tokens.1-0.tmp", "tokens.2-0.tmp", "tokens.json");
        for name in [old, begun, other] {
            let file = File::create(folder.path().join(name)).unwrap();
            if name != begun {
                file.set_modified(SystemTime::now() - 2 * UNFINISHED).unwrap();
            }
        }
        clear_unfinished(folder.path());
        assert_eq!([old, begun, other].map(|name| folder.path().join(name).exists()), [false, true, true]);
    }
}
