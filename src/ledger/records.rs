//! One small file for each session, with what does not fit into its id. Losing one is harmless: the session goes on
//! with what its id says.

use crate::config::{read_small, write_beside};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// A longer record is not kept.
const MOST_BYTES: usize = 64 * 1024;

/// Longer parameters of `initialize` are not kept: then the id alone says what the client can be asked.
const MAX_HELLO_BYTES: usize = 32 * 1024;

/// What is kept of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The parameters of its `initialize`, raw JSON.
    pub initialize: Option<String>,
    /// The log level it has set.
    pub level: Option<String>,
    /// The resources it has subscribed to.
    pub subscriptions: Vec<String>,
    /// What an HTTP server calls this session (`Mcp-Session-Id`).
    pub at_server: Option<String>,
}

impl Record {
    /// Of a session that begins with these parameters, raw JSON.
    pub fn begun(params: Option<&str>) -> Record {
        let kept = params.filter(|params| params.len() <= MAX_HELLO_BYTES);
        Record { initialize: kept.map(str::to_string), ..Record::default() }
    }
}

/// The folder of records.
pub(super) struct Records {
    folder: PathBuf,
    /// So many files are kept; the oldest go first.
    most: usize,
    /// How many there are; others may share the folder, so only about.
    count: AtomicUsize,
}

impl Records {
    /// What is older than a session can be goes away.
    pub(super) fn open(folder: PathBuf, most: usize, max_age_seconds: u64) -> Records {
        let oldest = SystemTime::now().checked_sub(Duration::from_secs(max_age_seconds));
        let mut count = 0;
        for entry in entries(&folder) {
            match oldest.is_some_and(|oldest| written(&entry) < oldest) {
                true => drop(fs::remove_file(entry.path())),
                false => count += 1,
            }
        }
        Records { folder, most, count: AtomicUsize::new(count) }
    }

    pub(super) fn read(&self, nonce: u128) -> Option<Record> {
        serde_json::from_str(&read_small(&self.file(nonce)).ok()?).ok()
    }

    pub(super) fn write(&self, nonce: u128, record: &Record) {
        let file = self.file(nonce);
        let is_new = !file.exists();
        if let Err(error) = store(&file, record) {
            return log::debug!(event = "not-kept"; "{} cannot be written: {error}", file.display());
        }
        if is_new && self.count.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.make_room();
        }
    }

    pub(super) fn remove(&self, nonce: u128) {
        if fs::remove_file(self.file(nonce)).is_ok() {
            let _ =
                self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
        }
    }

    /// Removes the oldest, some more than needed: to look through the folder each time would cost too much.
    fn make_room(&self) {
        let mut all: Vec<_> = entries(&self.folder).map(|entry| (written(&entry), entry.path())).collect();
        all.sort();
        let kept = self.most - self.most / 10;
        let surplus = all.len().saturating_sub(kept);
        all.iter().take(surplus).for_each(|(_, path)| drop(fs::remove_file(path)));
        self.count.store(all.len() - surplus, Ordering::Relaxed);
    }

    fn file(&self, nonce: u128) -> PathBuf {
        self.folder.join(format!("{nonce:032x}.json"))
    }
}

/// Not synced: what a power cut takes is harmless to lose.
fn store(file: &Path, record: &Record) -> io::Result<()> {
    let text = serde_json::to_vec(record)?;
    if text.len() > MOST_BYTES {
        return Err(io::Error::other("a record of more than 64 KiB"));
    }
    let (_, beside) = write_beside(file, &text)?;
    fs::rename(beside, file)
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn written(entry: &DirEntry) -> SystemTime {
    entry.metadata().and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: &str) -> Record {
        Record { level: Some(level.into()), subscriptions: vec!["note:///1".into()], ..Record::default() }
    }

    #[test]
    fn a_record_is_kept_changed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::open(folder.path().join("sessions"), 10, 100);
        let records = open();
        assert_eq!(records.read(1), None);
        records.write(1, &record("info"));
        records.write(1, &record("debug"));
        assert_eq!(open().read(1), Some(record("debug")));
        records.remove(1);
        assert_eq!(open().read(1), None);
    }

    #[test]
    fn there_are_no_more_than_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path().to_path_buf(), 10, 100);
        (0..50).for_each(|nonce| records.write(nonce, &record("info")));
        assert!(entries(folder.path()).count() <= 10);
        assert!(records.read(49).is_some());
    }

    #[test]
    fn what_is_too_old_or_too_long_or_broken_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path().to_path_buf(), 10, 100);
        records.write(1, &record("info"));
        fs::write(records.file(2), "{\"level\":").unwrap();
        assert_eq!(records.read(2), None);
        records.write(3, &record(&"x".repeat(MOST_BYTES)));
        assert_eq!(records.read(3), None);
        assert!(records.read(1).is_some());
        Records::open(folder.path().to_path_buf(), 10, 0);
        assert_eq!(entries(folder.path()).count(), 0);
    }
}
