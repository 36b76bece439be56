//! The folder of log files: lines are appended, and a file that is full makes room for the next. No file is kept open,
//! so whoever moves one away (logrotate, too) or takes the folder away finds what follows in a new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where log files are kept, and how many of what size.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Made, mode 0700, if it is not there.
    pub path: PathBuf,
    /// A file that would have more bytes makes room for a new one.
    pub max_bytes: u64,
    /// Files of one name, the present one included; the oldest goes.
    pub max_files: usize,
}

impl Folder {
    /// Appends lines (each with its end) to `NAME.log`, whole ones only. What could be written is taken off `lines`.
    ///
    /// # Errors
    /// The first that could not be written is why.
    pub(super) fn append(&self, name: &str, lines: &mut &[String]) -> io::Result<()> {
        let mut may_rotate = true;
        while !lines.is_empty() {
            let file = self.open(&self.file(name, 0))?;
            let size = file.metadata()?.len();
            let fitting = if may_rotate { self.fitting(size, lines) } else { lines.len() };
            if fitting == 0 {
                // Where that is another's turn, the file gets larger than it should.
                may_rotate = self.rotate(name, &file)?;
                continue;
            }
            let (now, later) = lines.split_at(fitting);
            write_whole(file, size, &now.concat())?;
            *lines = later;
        }
        Ok(())
    }

    /// How many of these lines a file of that size takes; an empty one takes any.
    fn fitting(&self, size: u64, lines: &[String]) -> usize {
        let mut total = size;
        let fits = |line: &&String| {
            total += line.len() as u64;
            total <= self.max_bytes
        };
        let count = lines.iter().take_while(fits).count();
        if size == 0 { count.max(1) } else { count }
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
                open()
            }
            opened => opened,
        }
    }

    /// Gives each file the next number; what there is too many of goes. False if another process does it right now.
    fn rotate(&self, name: &str, full: &File) -> io::Result<bool> {
        let folder = File::open(&self.path)?;
        // Where a file system has no locks, there is hardly another process either.
        if matches!(folder.try_lock(), Err(fs::TryLockError::WouldBlock)) {
            return Ok(false);
        }
        let inode = full.metadata()?.ino();
        if !fs::metadata(self.file(name, 0)).is_ok_and(|present| present.ino() == inode) {
            return Ok(true); // somebody has just moved it away
        }
        let mut last = self.max_files.max(1) - 1;
        while fs::remove_file(self.file(name, last)).is_ok() {
            last += 1;
        }
        for number in (1..self.max_files).rev() {
            match fs::rename(self.file(name, number - 1), self.file(name, number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(true)
    }

    /// `NAME.log`, and the older ones: `NAME.log.1`, `NAME.log.2`.
    fn file(&self, name: &str, number: usize) -> PathBuf {
        match number {
            0 => self.path.join(format!("{name}.log")),
            _ => self.path.join(format!("{name}.log.{number}")),
        }
    }
}

/// Writes all of it, or as good as nothing: half a line would spoil the next.
fn write_whole(mut file: File, size: u64, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes()).inspect_err(|_| drop(file.set_len(size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn folder(max_bytes: u64, max_files: usize) -> (TempDir, Folder) {
        let temp = TempDir::new().unwrap();
        let path = temp.path().join("logs");
        (temp, Folder { path, max_bytes, max_files })
    }

    fn append(folder: &Folder, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        folder.append("x", &mut lines.as_slice()).unwrap();
    }

    fn read(folder: &Folder, number: usize) -> String {
        fs::read_to_string(folder.file("x", number)).unwrap_or_default()
    }

    #[test]
    fn a_file_that_is_full_makes_room_and_the_oldest_goes() {
        let (_temp, folder) = folder(12, 3);
        for pair in [["one", "two"], ["three", "four"], ["five", "six"], ["seven", "eight"]] {
            append(&folder, &pair);
        }
        assert_eq!([read(&folder, 0), read(&folder, 1)], ["seven\neight\n", "five\nsix\n"]);
        assert_eq!([read(&folder, 2), read(&folder, 3)], ["three\nfour\n", ""]);
        let fewer = Folder { max_files: 1, ..folder };
        append(&fewer, &["nine"]);
        assert_eq!([read(&fewer, 0), read(&fewer, 1), read(&fewer, 2)], ["nine\n", "", ""]);
    }

    #[test]
    fn a_line_that_is_larger_than_a_file_has_one_of_its_own() {
        let (_temp, folder) = folder(4, 3);
        append(&folder, &["a", "bbbbbbbb", "c"]);
        assert_eq!([read(&folder, 2), read(&folder, 1), read(&folder, 0)], ["a\n", "bbbbbbbb\n", "c\n"]);
    }

    #[test]
    fn nobody_else_reads_them() {
        let (_temp, folder) = folder(4, 3);
        append(&folder, &["a"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path), mode(&folder.file("x", 0))), (0o700, 0o600));
    }

    #[test]
    fn a_file_that_was_moved_away_and_a_folder_that_vanished_begin_anew() {
        let (_temp, folder) = folder(100, 3);
        append(&folder, &["one"]);
        fs::rename(folder.file("x", 0), folder.path.join("moved")).unwrap();
        append(&folder, &["two"]);
        assert_eq!(read(&folder, 0), "two\n");
        fs::remove_dir_all(&folder.path).unwrap();
        append(&folder, &["three"]);
        assert_eq!(read(&folder, 0), "three\n");
    }

    #[test]
    fn what_does_not_fit_on_the_disk_is_left_with_who_asked() {
        let (_temp, folder) = folder(100, 3);
        fs::create_dir(&folder.path).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.file("x", 0)).unwrap();
        let lines = ["one\n".to_string(), "two\n".to_string()];
        let mut left = lines.as_slice();
        let error = folder.append("x", &mut left).unwrap_err();
        assert_eq!((error.kind(), left.len()), (ErrorKind::StorageFull, 2));
    }

    #[test]
    fn another_process_that_rotates_is_not_disturbed() {
        let (_temp, folder) = folder(4, 3);
        append(&folder, &["one"]);
        let theirs = File::open(&folder.path).unwrap();
        theirs.lock().unwrap();
        append(&folder, &["two"]);
        assert_eq!([read(&folder, 0), read(&folder, 1)], ["one\ntwo\n", ""]);
        drop(theirs);
        append(&folder, &["three"]);
        assert_eq!([read(&folder, 0), read(&folder, 1)], ["three\n", "one\ntwo\n"]);
    }
}
