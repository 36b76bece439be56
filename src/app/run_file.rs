//! `run-PORT.json` in the state folder: how the other commands find a running proxy and prove that they may command it.

use super::socket::Sockets;
use crate::config::{open_regular, write_beside};
use crate::secrets;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Metadata};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file of a running proxy; removed when dropped. Mode 0600.
pub(crate) struct RunFile {
    path: PathBuf,
    content: Content,
    /// Locked for as long as the proxy lives, however it ends. A process id would tell less: after a restart of the
    /// machine it may be another program's, and in a container it means something else than outside.
    lock: File,
}

/// What stands in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    /// The address it listens on.
    pub address: SocketAddr,
    /// The same as a URL, `http` or `https`.
    pub url: String,
    /// Where plain requests from this machine are served, commands among them.
    pub control: SocketAddr,
    /// Its process id.
    pub pid: u32,
    /// Opens everything: the commands of `/api/…`, and what asks for a token.
    pub secret: String,
}

impl RunFile {
    /// Writes the file of this process.
    ///
    /// # Errors
    /// The state folder cannot be made or written.
    pub(super) fn write(state_dir: &Path, sockets: &Sockets) -> Result<RunFile, String> {
        let secret = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        secrets::keep([secret.clone()]);
        let (address, control, pid) = (sockets.address, sockets.control, std::process::id());
        let content = Content { address, url: sockets.url(), control, pid, secret };
        let path = state_dir.join(format!("run-{}.json", address.port()));
        let lock = store(&path, &content).map_err(|error| {
            format!("{} cannot be written: {error}; choose another folder with --state-dir", path.display())
        })?;
        Ok(RunFile { path, content, lock })
    }

    /// What opens the commands.
    pub fn secret(&self) -> &str {
        &self.content.secret
    }

    /// Takes the file away: from now on nobody finds this proxy. Not that of a successor on the same port.
    pub fn remove(&self) {
        let same = |at: Metadata, own: Metadata| (at.dev(), at.ino()) == (own.dev(), own.ino());
        let own = fs::metadata(&self.path).ok().zip(self.lock.metadata().ok());
        if own.is_some_and(|(at, own)| same(at, own)) {
            let _ = fs::remove_file(&self.path); // gone already is as good
        }
    }

    /// The run files of a state folder whose proxies live. A proxy that was killed leaves its own behind, to be
    /// overwritten by the next one on that port; to remove it here could hit that one's.
    pub fn all(state_dir: &Path) -> Vec<Content> {
        let entries = fs::read_dir(state_dir).into_iter().flatten().flatten();
        let named = entries.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("run-") && name.ends_with(".json")
        });
        named.filter_map(|entry| read(&entry.path())).collect()
    }
}

/// What stands in a run file, unless nobody holds its lock. Where files cannot be locked all count as held.
fn read(path: &Path) -> Option<Content> {
    let file = open_regular(path).ok()?;
    if file.try_lock_shared().is_ok() {
        return None;
    }
    serde_json::from_str(&io::read_to_string(file).ok()?).ok()
}

/// Locked before it takes its place: whoever finds it unlocked takes its proxy for dead.
fn store(path: &Path, content: &Content) -> io::Result<File> {
    let (file, beside) = write_beside(path, &serde_json::to_vec(content)?)?;
    if let Err(error) = file.try_lock() {
        log::debug!(event = "not-locked"; "{} cannot be locked: {error}", path.display());
    }
    fs::rename(beside, path)?;
    Ok(file)
}

impl Drop for RunFile {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_successor_s_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.proxy.listen.set_port(0);
        let sockets = Sockets::open(&config, None).unwrap();
        let first = RunFile::write(dir.path(), &sockets).unwrap();
        let second = RunFile::write(dir.path(), &sockets).unwrap();
        drop(first);
        assert_eq!(RunFile::all(dir.path()).len(), 1);
        drop(second);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("run-1.json"), rustix::fs::Mode::RWXU).unwrap();
        assert!(RunFile::all(dir.path()).is_empty());
    }
}
