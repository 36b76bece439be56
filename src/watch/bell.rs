//! The bell: inotify, which rings when something changes in a folder. It watches folders, not files: an editor that
//! saves by renaming would end a file's watch with the first save. Where there is none the folders are polled.

use super::watcher::Event;
use crossbeam_channel::Sender;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// One ring, as the kernel tells it.
#[derive(Debug)]
pub(super) struct Ring {
    /// The watch.
    watch: i32,
    /// The name in its folder; empty if it is the folder itself.
    name: OsString,
    what: What,
    pub(super) is_folder: bool,
}

/// What has happened there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It is new, gone or other.
    Changed,
    /// It is being written.
    Written,
    /// Its writer has closed it.
    Closed,
    /// The watch is over: its folder is gone.
    Over,
    /// So much has happened that some of it is not told.
    Lost,
}

/// Why there is no bell.
#[derive(Debug)]
pub(super) enum NoBell {
    /// The system has none to give.
    Error(std::io::Error),
    /// It would not ring for changes made on another machine.
    Shared,
}

impl fmt::Display for NoBell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raise = |key, value| format!("raise it: sysctl fs.inotify.{key}={value}");
        match self {
            NoBell::Shared => out.write_str(
                "the folder is on a network or shared file system, which does not tell of all changes",
            ),
            NoBell::Error(error) => {
                let remedy = match error.kind() {
                    std::io::ErrorKind::StorageFull => raise("max_user_watches", 524_288),
                    std::io::ErrorKind::Unsupported => "this system has no inotify".to_string(),
                    _ => raise("max_user_instances", 512),
                };
                write!(out, "no more can be watched ({error}); {remedy}")
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::Bell;
#[cfg(not(target_os = "linux"))]
pub(super) use none::Bell;

#[cfg(target_os = "linux")]
mod linux {
    use super::{Event, NoBell, OsString, Path, PathBuf, Ring, Sender, What};
    use crate::thread;
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use rustix::io::Errno;
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::OsStr;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::Arc;

    /// File systems whose files may be changed by others than this kernel: NFS, SMB (three numbers), FUSE, 9P, Ceph.
    const SHARED: [u32; 7] =
        [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x00c3_6400];

    /// Watches on folders. The thread `bell` tells what they see, and ends with the inbox.
    pub(in crate::watch) struct Bell {
        inotify: Arc<OwnedFd>,
        /// By watch: a folder that is linked to is one watch and several paths.
        places: BTreeMap<i32, BTreeSet<PathBuf>>,
        watches: BTreeMap<PathBuf, i32>,
    }

    impl Bell {
        /// A bell without a watch, for what lies in `folder`.
        ///
        /// # Errors
        /// There is none to be had, or it would not ring for everything.
        pub(in crate::watch) fn hang(folder: &Path, inbox: Sender<Event>) -> Result<Bell, NoBell> {
            if is_shared(folder) {
                return Err(NoBell::Shared);
            }
            let inotify = inotify::init(CreateFlags::CLOEXEC).map_err(|error| NoBell::Error(error.into()))?;
            let inotify = Arc::new(inotify);
            let heard = Arc::clone(&inotify);
            thread::spawn("bell", move || listen(&heard, &inbox)).map_err(NoBell::Error)?;
            Ok(Bell { inotify, places: BTreeMap::new(), watches: BTreeMap::new() })
        }

        /// Watches this folder too; false if that was so. One that is gone already needs no watch, and one that may not
        /// be read has none.
        ///
        /// # Errors
        /// There are too many watches.
        pub(in crate::watch) fn watch(&mut self, folder: &Path) -> Result<bool, NoBell> {
            let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::ATTRIB;
            let writing = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
            let own = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
            match inotify::add_watch(&self.inotify, folder, changes | writing | own | WatchFlags::ONLYDIR) {
                Ok(watch) => Ok(self.place(folder, watch)),
                Err(error @ (Errno::NOSPC | Errno::NOMEM)) => Err(NoBell::Error(error.into())),
                Err(_) => Ok(false),
            }
        }

        /// Notes where a watch is; false if that was known.
        fn place(&mut self, folder: &Path, watch: i32) -> bool {
            let before = self.watches.insert(folder.to_path_buf(), watch);
            if before == Some(watch) {
                return false;
            }
            // What stood there was replaced.
            if let Some(paths) = before.and_then(|old| self.places.get_mut(&old)) {
                paths.remove(folder);
            }
            self.places.entry(watch).or_default().insert(folder.to_path_buf())
        }

        /// Ends the watches on all other folders.
        pub(in crate::watch) fn keep(&mut self, folders: &BTreeSet<PathBuf>) {
            self.watches.retain(|folder, _| folders.contains(folder));
            self.places.retain(|watch, paths| {
                paths.retain(|path| folders.contains(path));
                let kept = !paths.is_empty();
                if !kept {
                    let _ = inotify::remove_watch(&self.inotify, *watch); // it may have ended with its folder
                }
                kept
            });
        }

        /// The paths that a ring speaks of.
        pub(in crate::watch) fn heard(&mut self, ring: &Ring) -> (What, Vec<PathBuf>) {
            let places = self.places.get(&ring.watch).into_iter().flatten();
            let path = |folder: &PathBuf| {
                if ring.name.is_empty() { folder.clone() } else { folder.join(&ring.name) }
            };
            let paths = places.map(path).collect();
            if ring.what == What::Over {
                for folder in self.places.remove(&ring.watch).unwrap_or_default() {
                    self.watches.remove(&folder);
                }
            }
            (ring.what, paths)
        }

        /// Watches that are kept.
        pub(in crate::watch) fn count(&self) -> usize {
            self.places.len()
        }
    }

    fn is_shared(folder: &Path) -> bool {
        let there = folder.ancestors().find_map(|folder| rustix::fs::statfs(folder).ok());
        // Numbers of 32 bits, in a field that is signed and longer on some machines.
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)]
        there.is_some_and(|there| SHARED.contains(&(there.f_type as u32)))
    }

    /// The thread `bell`.
    fn listen(inotify: &OwnedFd, inbox: &Sender<Event>) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(inotify, &mut buffer);
        loop {
            let ring = match reader.next() {
                Ok(event) => ring(&event),
                Err(Errno::INTR) => continue,
                Err(error) => return log::error!(event = "watch-broken"; "inotify: {error}"),
            };
            if inbox.send(Event::Ring(ring)).is_err() {
                return;
            }
        }
    }

    fn ring(event: &inotify::Event<'_>) -> Ring {
        let flags = event.events();
        let what = match () {
            () if flags.contains(ReadFlags::QUEUE_OVERFLOW) => What::Lost,
            () if flags.contains(ReadFlags::IGNORED) => What::Over,
            () if flags.contains(ReadFlags::MODIFY) => What::Written,
            () if flags.contains(ReadFlags::CLOSE_WRITE) => What::Closed,
            () => What::Changed,
        };
        let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_os_string());
        let name: OsString = name.unwrap_or_default();
        let is_folder = flags.contains(ReadFlags::ISDIR) || name.is_empty();
        Ring { watch: event.wd(), name, what, is_folder }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use super::{Event, NoBell, Path, PathBuf, Ring, Sender, What};
    use std::collections::BTreeSet;
    use std::io;

    /// There is none here.
    pub(in crate::watch) enum Bell {}

    impl Bell {
        pub(in crate::watch) fn hang(_: &Path, _: Sender<Event>) -> Result<Bell, NoBell> {
            Err(NoBell::Error(io::ErrorKind::Unsupported.into()))
        }

        pub(in crate::watch) fn watch(&mut self, _: &Path) -> Result<bool, NoBell> {
            match *self {}
        }

        pub(in crate::watch) fn keep(&mut self, _: &BTreeSet<PathBuf>) {
            match *self {}
        }

        pub(in crate::watch) fn heard(&mut self, _: &Ring) -> (What, Vec<PathBuf>) {
            match *self {}
        }

        pub(in crate::watch) fn count(&self) -> usize {
            match *self {}
        }
    }
}
