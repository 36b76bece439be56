//! The live folder (`--dev`): what changes in the servers folder and in `proxy.toml` is told, once it is at rest.
//!
//! The truth is a snapshot: what stands in the folders that matter, with time and size of each file. A bell (inotify)
//! says when to look again and which files are still being written; without one the folders are looked at once a
//! second. What is told is the difference between two snapshots, so what came and went in between (an editor's
//! temporary files) was never there, and nothing that the bell missed is lost.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))] // where nothing rings, nobody listens

mod bell;
mod concern;
mod desk;
mod habits;
mod heed;
mod plan;
mod snapshot;
mod watcher;

pub use concern::concerned;
pub use plan::Plan;

use crate::thread;
use bell::Bell;
use crossbeam_channel::{Sender, bounded};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use watcher::{Event, Watcher};

/// Files and folders that are new, other or gone.
#[derive(Debug)]
pub struct Changes(pub BTreeSet<PathBuf>);

/// What the bell may be ahead of the thread `watch`; then the kernel keeps it, and tells if it was too much.
const INBOX: usize = 256;

/// The handle on the thread `watch`, which goes on as long as the proxy.
pub struct Watch {
    inbox: Sender<Event>,
}

impl Watch {
    /// Starts the thread. What is there when this returns is the beginning: all changes after it are told.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start<E>(plan: Plan, most_folders: usize, events: Sender<E>) -> io::Result<Watch>
    where
        E: From<Changes> + Send + 'static,
    {
        let (inbox, received) = bounded(INBOX);
        // Who is told may be gone: then all ends.
        let tell = move |changes: Changes| drop(events.send(changes.into()));
        let bell = Bell::hang(plan.servers(), inbox.clone());
        let watcher = Watcher::new(plan, most_folders, bell, Box::new(tell));
        thread::spawn("watch", move || watcher.run(&received))?;
        Ok(Watch { inbox })
    }

    /// From now on this is what matters.
    pub fn attend(&self, plan: Plan) {
        let _ = self.inbox.send(Event::Attend(plan)); // the thread does not end
    }
}
