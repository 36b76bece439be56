//! The thread `log`, which writes log files. Whoever logs leaves a line in its inbox and never waits for a disk: when
//! too much waits there, lines are left out and counted.

use super::folder::Folder;
use crate::thread;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::io;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Bytes of lines that wait to be written; what is more is left out.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// So many lines are written at once.
const BATCH: usize = 1000;
/// That lines are missing is told no more often.
const PERIOD: Duration = Duration::from_secs(60);
/// The file for what is about no server.
const PROXY: &str = "proxy";

/// The handle on the thread.
pub(super) struct Files {
    inbox: Sender<Order>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Bytes in the inbox.
    waiting: AtomicUsize,
    /// Lines that are in no file, and of which nothing was told yet.
    lost: AtomicU64,
}

/// What the thread is asked for.
enum Order {
    /// A line with its end, for the file of that server.
    Line { server: Option<String>, text: String },
    /// Tells when everything before it has been written.
    Flush(Sender<()>),
}

impl Files {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(folder: Folder) -> io::Result<Files> {
        let (inbox, orders) = unbounded();
        let shared = Arc::<Shared>::default();
        let writer = Writer { folder, shared: Arc::clone(&shared), failure: None, told: None };
        thread::spawn("log", move || writer.run(&orders))?;
        Ok(Files { inbox, shared })
    }

    /// Has a line written, soon. Never waits.
    pub(super) fn put(&self, server: Option<&str>, text: String) {
        let size = text.len();
        if self.shared.waiting.fetch_add(size, Ordering::Relaxed) + size > MAX_WAITING_BYTES {
            self.shared.waiting.fetch_sub(size, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let server = server.filter(|name| is_file_name(name)).map(str::to_string);
        let _ = self.inbox.send(Order::Line { server, text }); // the thread ends after this handle only
    }

    /// Waits until everything so far has been written, but no longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let (done, written) = bounded(1);
        let _ = self.inbox.send(Order::Flush(done)); // as above
        let _ = written.recv_timeout(patience); // a disk that hangs may keep the last lines
    }
}

/// Names come from ourselves, and are those of routes; none leads out of the folder or hides in it.
fn is_file_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=63).contains(&name.len()) && name.bytes().all(is_plain)
}

struct Writer {
    folder: Folder,
    shared: Arc<Shared>,
    /// Why lines could not be written, as far as that was not told.
    failure: Option<io::Error>,
    told: Option<Instant>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            let mut files = BTreeMap::<String, Vec<String>>::new();
            let mut flushes = Vec::new();
            for order in iter::once(first).chain(orders.try_iter()).take(BATCH) {
                match order {
                    Order::Line { server, text } => {
                        let name = server.unwrap_or_else(|| PROXY.to_string());
                        files.entry(name).or_default().push(text);
                    }
                    Order::Flush(done) => flushes.push(done),
                }
            }
            files.iter().for_each(|(name, lines)| self.write(name, lines));
            for done in flushes {
                let _ = done.send(()); // who waited may be gone
            }
            self.tell();
        }
    }

    fn write(&mut self, name: &str, lines: &[String]) {
        let mut left = lines;
        if let Err(error) = self.folder.append(name, &mut left) {
            self.failure = Some(error);
            self.shared.lost.fetch_add(left.len() as u64, Ordering::Relaxed);
        }
        let size = lines.iter().map(String::len).sum();
        self.shared.waiting.fetch_sub(size, Ordering::Relaxed);
    }

    /// Says on stderr what is in no file. Our own line comes back here, and may be lost as well: so it is told once in
    /// a while only.
    fn tell(&mut self) {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= PERIOD);
        if !is_due || self.shared.lost.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.told = Some(Instant::now());
        let (count, folder) = (self.shared.lost.swap(0, Ordering::Relaxed), self.folder.path.display());
        let why = match self.failure.take() {
            Some(error) => error.to_string(),
            None => "more was to be written than the disk took".to_string(),
        };
        log::warn!(event = "log-lost", count; "{count} lines are missing in the log files in {folder}: {why} (this is said once a minute)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn files(max_bytes: u64) -> (TempDir, Files) {
        let temp = TempDir::new().unwrap();
        let folder = Folder { path: temp.path().to_path_buf(), max_bytes, max_files: 1000 };
        (temp, Files::start(folder).unwrap())
    }

    /// The lines of all files of a name, oldest first.
    fn lines(temp: &TempDir, name: &str) -> Vec<String> {
        let mut files: Vec<(usize, String)> = fs::read_dir(temp.path())
            .unwrap()
            .filter_map(|entry| {
                let entry = entry.unwrap();
                let file = entry.file_name().into_string().unwrap();
                let number = file.strip_prefix(&format!("{name}.log"))?.trim_start_matches('.');
                Some((number.parse().unwrap_or(0), fs::read_to_string(entry.path()).unwrap()))
            })
            .collect();
        files.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        files.iter().flat_map(|(_, text)| text.lines().map(str::to_string)).collect()
    }

    #[test]
    fn many_writers_lose_and_split_nothing_while_files_rotate() {
        let (temp, files) = files(1000);
        let files = Arc::new(files);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let files = Arc::clone(&files);
                let write = move || {
                    for number in 0..500 {
                        files.put(Some("notes"), format!("{writer} {number} {}\n", "x".repeat(number % 50)));
                    }
                };
                thread::spawn("test", write).unwrap()
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        files.flush(Duration::from_secs(60));
        let all = lines(&temp, "notes");
        assert_eq!(all.len(), 2000);
        for writer in 0..4 {
            let own = all.iter().filter(|line| line.starts_with(&format!("{writer} ")));
            let expected = (0..500).map(|number| format!("{writer} {number} {}", "x".repeat(number % 50)));
            assert!(own.eq(expected.collect::<Vec<_>>().iter()), "the lines of writer {writer}");
        }
        assert_eq!(files.shared.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn each_server_has_its_file_and_no_name_leads_elsewhere() {
        let (temp, files) = files(1000);
        for server in [Some("notes"), None, Some("../notes"), Some(""), Some("a/b")] {
            files.put(server, format!("{server:?}\n"));
        }
        files.flush(Duration::from_secs(60));
        assert_eq!(lines(&temp, "notes"), ["Some(\"notes\")"]);
        assert_eq!(lines(&temp, "proxy").len(), 4);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_waits_to_be_written_is_bounded_and_what_is_lost_counted() {
        let (inbox, orders) = unbounded();
        let files = Files { inbox, shared: Arc::default() };
        (0..MAX_WAITING_BYTES / 1024 + 5).for_each(|_| files.put(None, "x".repeat(1024)));
        assert_eq!(orders.len(), MAX_WAITING_BYTES / 1024);
        assert_eq!(files.shared.lost.load(Ordering::Relaxed), 5);
    }
}
