//! The sessions that were ended before their time: a line each in one file, `NONCE EXPIRY`, written through to the disk
//! before the client hears that it is over. Several processes may share the file; each reads on where it was.

use crate::config::{open_regular, sync_folder_of, take_place, write_beside};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Digits of the nonce, a space, digits of the expiry in seconds since 1970, the line's end.
const LINE_BYTES: u64 = 32 + 1 + 10 + 1;

/// The file, and what is known of it.
pub(super) struct Ended {
    file: PathBuf,
    /// So many are known at most; beyond, those are forgotten that would have expired first.
    most: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Nonces, and when their ids expire anyway.
    all: HashMap<u128, u64>,
    /// The file that was read (it is replaced now and then), and how far.
    read: (u64, u64),
}

impl Ended {
    /// What cannot be read is forgotten.
    pub(super) fn open(file: PathBuf, most: usize) -> Ended {
        let ended = Ended { file, most, known: Mutex::default() };
        ended.read_on(&mut ended.known());
        ended
    }

    /// Whether it was ended, here or by another process.
    pub(super) fn contains(&self, nonce: u128) -> bool {
        let mut known = self.known();
        if !known.all.contains_key(&nonce) {
            self.read_on(&mut known);
        }
        known.all.contains_key(&nonce)
    }

    /// Which of these were ended, here or by another process. The file is looked at once.
    pub(super) fn among(&self, nonces: impl Iterator<Item = u128>) -> HashSet<u128> {
        let mut known = self.known();
        self.read_on(&mut known);
        nonces.filter(|nonce| known.all.contains_key(nonce)).collect()
    }

    /// Notes that it was ended; on the disk when this returns. Its id expires at `expiry`.
    ///
    /// # Errors
    /// It cannot be written; it is known to this process all the same.
    pub(super) fn add(&self, nonce: u128, expiry: u64, now: u64) -> io::Result<()> {
        let mut known = self.known();
        known.all.insert(nonce, expiry);
        let is_new = !self.file.exists();
        let mut file =
            OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&self.file)?;
        // Who writes anew has it locked: nothing is added to a file that is about to be replaced.
        file.lock()?;
        if !is_at(&file, &self.file) {
            drop((file, known));
            return self.add(nonce, expiry, now);
        }
        // A line that somebody did not finish must not swallow this one.
        let gap = if is_torn(&mut file)? { "\n" } else { "" };
        file.write_all(format!("{gap}{}", line(nonce, expiry)).as_bytes())?;
        file.sync_data()?;
        if is_new {
            sync_folder_of(&self.file)?;
        }
        if file.metadata()?.len() > 2 * LINE_BYTES * self.most as u64 {
            self.write_anew(&mut known, now)?;
        }
        Ok(())
    }

    /// Leaves out what has expired, and what is too much.
    fn write_anew(&self, known: &mut Known, now: u64) -> io::Result<()> {
        self.read_on(known);
        let mut all: Vec<(u128, u64)> = known.all.drain().filter(|(_, expiry)| *expiry > now).collect();
        all.sort_by_key(|(_, expiry)| std::cmp::Reverse(*expiry));
        all.truncate(self.most);
        let text: String = all.iter().map(|(nonce, expiry)| line(*nonce, *expiry)).collect();
        known.all = all.into_iter().collect();
        let (file, beside) = write_beside(&self.file, text.as_bytes())?;
        file.sync_all()?;
        take_place(&beside, &self.file)
    }

    /// Reads what was added since the last time.
    fn read_on(&self, known: &mut Known) {
        let Ok(file) = open_regular(&self.file) else { return };
        let Ok(about) = file.metadata() else { return };
        let (inode, done) = known.read;
        let is_another = inode != about.ino();
        if is_another {
            // Who wrote it anew has left out what has expired.
            known.all.clear();
        }
        let from = if is_another { 0 } else { done };
        if from == about.len() {
            return;
        }
        if let Ok(lines) = lines_from(file, from, about.len().max(from) - from) {
            known.read = (about.ino(), from + lines.iter().map(|line| line.len() as u64).sum::<u64>());
            known.all.extend(lines.iter().filter_map(|line| parse(line)));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the open file is still the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |about: io::Result<fs::Metadata>| about.map(|about| about.ino()).ok();
    inode(file.metadata()) == inode(fs::metadata(path))
}

/// Whether its last line has no end.
fn is_torn(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Whole lines: what somebody is just writing is read the next time.
fn lines_from(mut file: File, from: u64, length: u64) -> io::Result<Vec<Vec<u8>>> {
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::new(file.take(length));
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(lines);
        }
        lines.push(line);
    }
}

fn line(nonce: u128, expiry: u64) -> String {
    format!("{nonce:032x} {expiry:010}\n")
}

fn parse(line: &[u8]) -> Option<(u128, u64)> {
    let (nonce, expiry) = str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    Some((u128::from_str_radix(nonce, 16).ok()?, expiry.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn open(folder: &tempfile::TempDir, most: usize) -> Ended {
        Ended::open(folder.path().join("ended"), most)
    }

    #[test]
    fn what_one_ends_all_know() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(&folder, 100), open(&folder, 100));
        one.add(1, NOW + 10, NOW).unwrap();
        other.add(2, NOW + 10, NOW).unwrap();
        for ended in [&one, &other, &open(&folder, 100)] {
            assert!(ended.contains(1) && ended.contains(2) && !ended.contains(3));
            assert_eq!(ended.among([2, 3].into_iter()), HashSet::from([2]));
        }
    }

    #[test]
    fn a_torn_line_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ended");
        let half = "00000000000000000000";
        fs::write(&file, format!("{}garbage \u{fffd}\n{}{half}", line(1, NOW), line(2, NOW))).unwrap();
        let ended = open(&folder, 100);
        assert!(ended.contains(1) && ended.contains(2));
        // The rest of the line comes.
        fs::write(&file, format!("{}garbage \u{fffd}\n{}{}", line(1, NOW), line(2, NOW), line(3, NOW)))
            .unwrap();
        assert!(ended.contains(3));
    }

    #[test]
    fn what_stands_behind_a_torn_line_is_known() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ended"), line(1, NOW) + "ffffffffffffffffffff").unwrap();
        let (one, other) = (open(&folder, 100), open(&folder, 100));
        one.add(2, NOW, NOW).unwrap();
        one.add(3, NOW, NOW).unwrap();
        for ended in [&other, &open(&folder, 100)] {
            assert!((1..=3).all(|nonce| ended.contains(nonce)));
        }
    }

    #[test]
    fn what_stands_behind_a_line_that_is_no_text_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let noise: &[u8] = b"\xff\xfe\xff\n";
        fs::write(folder.path().join("ended"), [line(1, NOW).as_bytes(), noise].concat()).unwrap();
        let (one, other) = (open(&folder, 100), open(&folder, 100));
        one.add(u128::MAX, NOW, NOW).unwrap();
        assert!(other.contains(1) && other.contains(u128::MAX));
    }

    #[test]
    fn the_file_does_not_grow_without_bound() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(&folder, 10), open(&folder, 10));
        for nonce in 0..200_u64 {
            let writer = if nonce % 3 == 0 { &other } else { &one };
            writer.add(u128::from(nonce), NOW + nonce, NOW).unwrap();
        }
        let bytes = fs::metadata(folder.path().join("ended")).unwrap().len();
        assert!(bytes <= 2 * 10 * LINE_BYTES, "{bytes}");
        // The youngest are still known, by all.
        for ended in [&one, &other, &open(&folder, 10)] {
            assert!((190..200).all(|nonce| ended.contains(nonce)));
        }
        assert!(!open(&folder, 10).contains(5));
        assert!(one.known().all.len() <= 40, "{}", one.known().all.len());
    }

    #[test]
    fn what_has_expired_is_forgotten_first() {
        let folder = tempfile::tempdir().unwrap();
        let ended = open(&folder, 10);
        ended.add(1_000_000, NOW + 1_000_000, NOW).unwrap();
        (0..100).for_each(|nonce| ended.add(nonce, NOW + 5, NOW + 10).unwrap());
        assert!(open(&folder, 10).contains(1_000_000));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
