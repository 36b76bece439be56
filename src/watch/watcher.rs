//! The thread `watch`: listens to the bell, looks when all is at rest, tells what is different. Never waits for those
//! it tells.

use super::Changes;
use super::bell::{Bell, NoBell, Ring, What};
use super::desk::Desk;
use super::habits::Habits;
use super::plan::Plan;
use super::snapshot::{Look, Snapshot, Stamp, difference, look};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From one look to the next where there is no bell.
const POLL: Duration = Duration::from_secs(1);

/// What the thread reacts to.
pub(super) enum Event {
    Attend(Plan),
    Ring(Ring),
}

pub(super) struct Watcher {
    plan: Plan,
    most_folders: usize,
    /// None: polling.
    bell: Option<Bell>,
    /// As it was told last.
    told: Snapshot,
    /// As it was seen last.
    seen: Snapshot,
    desk: Desk,
    habits: Habits,
    /// The folder that was one too many, when that was said.
    beyond: Option<PathBuf>,
    tell: Box<dyn Fn(Changes) + Send>,
}

impl Watcher {
    /// Takes what is there now as the beginning. Without a bell it polls.
    pub(super) fn new(
        plan: Plan,
        most_folders: usize,
        bell: Result<Bell, NoBell>,
        tell: Box<dyn Fn(Changes) + Send>,
    ) -> Watcher {
        let bell = bell.map_err(|why| poll_because(&why)).ok();
        let mut watcher = Watcher {
            plan,
            most_folders,
            bell,
            told: Snapshot::new(),
            seen: Snapshot::new(),
            desk: Desk::default(),
            habits: Habits::default(),
            beyond: None,
            tell,
        };
        watcher.look();
        watcher.told = watcher.seen.clone();
        watcher
    }

    pub(super) fn run(mut self, inbox: &Receiver<Event>) {
        loop {
            let event = match self.timer() {
                Some(at) => inbox.recv_deadline(at),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Attend(plan)) => self.attend(plan),
                Ok(Event::Ring(ring)) => self.heard(&ring, Instant::now()),
                Err(RecvTimeoutError::Timeout) => self.time_is_up(Instant::now()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn timer(&self) -> Option<Instant> {
        let poll = self.bell.is_none().then(|| Instant::now() + POLL);
        self.desk.due().into_iter().chain(poll).min()
    }

    /// Another plan: what did not matter until now has no past, and what matters no more is no change.
    fn attend(&mut self, plan: Plan) {
        if self.plan == plan {
            return;
        }
        let before = std::mem::replace(&mut self.plan, plan);
        if self.look() {
            self.desk.note(Instant::now());
        }
        let is_folder = |stamp: &Stamp| matches!(stamp, Stamp::Folder { .. });
        self.told.retain(|path, stamp| self.plan.heeds(path, is_folder(stamp)));
        let new = self.seen.iter().filter(|(path, stamp)| !before.heeds(path, is_folder(stamp)));
        self.told.extend(new.map(|(path, stamp)| (path.clone(), stamp.clone())));
    }

    fn heard(&mut self, ring: &Ring, now: Instant) {
        let Some(bell) = &mut self.bell else { return };
        let (what, paths) = bell.heard(ring);
        if what == What::Lost {
            log::debug!(event = "watch-overflow"; "more has changed than was told: looking at everything");
            return self.desk.note(now);
        }
        let heeded = paths.into_iter().filter(|path| self.plan.heeds(path, ring.is_folder));
        for path in heeded.collect::<Vec<_>>() {
            if self.held(&path, now).is_some() {
                continue;
            }
            if ring.is_folder && what == What::Changed {
                self.enter(&path);
            }
            match what {
                What::Written => self.desk.opened(path, now),
                _ => self.desk.closed(&path, now),
            }
        }
    }

    /// A folder may be new: what is being written in it is to be heard of at once. One that cannot be watched is met
    /// again at the next look.
    fn enter(&mut self, folder: &Path) {
        if let Some(bell) = self.bell.as_mut().filter(|bell| bell.count() < self.most_folders) {
            let _ = bell.watch(folder);
        }
    }

    /// Until when a change of this file waits.
    fn held(&self, path: &Path, now: Instant) -> Option<Instant> {
        self.habits.holds(&self.home(path), path, now)
    }

    /// The server's folder that a path lies in; one outside of all is its own.
    fn home(&self, path: &Path) -> PathBuf {
        self.plan.entry(path).unwrap_or_else(|| path.to_path_buf())
    }

    fn time_is_up(&mut self, now: Instant) {
        if self.look() {
            // Half of it may still be to come. What is the same at the next look is at rest.
            self.desk.note(now);
        }
        if self.desk.due().is_some_and(|due| due <= now) {
            self.take(now);
        }
    }

    /// Tells what is different, but for what has to wait.
    fn take(&mut self, now: Instant) {
        let changed = difference(&self.told, &self.seen);
        let (held, free): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) =
            changed.into_iter().partition(|path| self.held(path, now).is_some());
        self.desk.clear(held.iter().filter_map(|path| self.held(path, now)).min());
        for path in &free {
            match self.seen.get(path) {
                Some(stamp) => drop(self.told.insert(path.clone(), stamp.clone())),
                None => drop(self.told.remove(path)),
            }
        }
        self.remember(&free, now);
        if !free.is_empty() {
            (self.tell)(Changes(free));
        }
    }

    fn remember(&mut self, paths: &BTreeSet<PathBuf>, now: Instant) {
        let mut homes: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        for path in paths {
            homes.entry(self.home(path)).or_default().push(path.clone());
        }
        for (home, paths) in homes {
            if self.habits.took(&home, &paths, now) {
                let (home, path) = (home.display(), paths[0].display());
                log::warn!(event = "writes-itself"; "{path} (or its like) changed soon after each of the last restarts: if the server in {home} writes it, name it in its server.toml, as watch_ignore = [\"*.json\", \"state/\"]; until then each such restart waits longer than the one before");
            }
        }
    }

    /// Sees what is there now, with a watch on each folder; true if it has come upon something that no bell has told.
    fn look(&mut self) -> bool {
        let (mut bell, mut failure, mut untold) = (self.bell.take(), None, false);
        let mut enter = |folder: &Path| {
            if let Some(bell) = bell.as_mut().filter(|_| failure.is_none()) {
                match bell.watch(folder) {
                    Ok(is_new) => untold |= is_new,
                    Err(why) => failure = Some(why),
                }
            }
        };
        let look = look(&self.plan, self.most_folders, &mut enter);
        if let Some(bell) = &mut bell {
            let none = BTreeSet::new();
            bell.keep(if failure.is_none() { &look.folders } else { &none });
            log::debug!(event = "watching"; "{} folders are watched", bell.count());
        }
        self.bell = bell.filter(|_| failure.is_none());
        if let Some(why) = failure {
            poll_because(&why);
        }
        self.mind_bound(&look);
        let other = look.snapshot != self.seen;
        self.seen = look.snapshot;
        untold || other && self.bell.is_none()
    }

    fn mind_bound(&mut self, look: &Look) {
        if let Some(beyond) = look.beyond.as_ref().filter(|_| look.beyond != self.beyond) {
            let (beyond, most) = (beyond.display(), self.most_folders);
            log::warn!(event = "watch-limit"; "{beyond} and what follows is not watched: max_watched_folders is {most}; raise it, name large folders in watch_ignore, or use mcp-proxy reload and restart");
        }
        self.beyond.clone_from(&look.beyond);
    }
}

fn poll_because(why: &NoBell) {
    log::warn!(event = "polling"; "changes are looked for once a second: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;
    use std::fs;
    use tempfile::TempDir;

    /// A watcher without a bell, whose clock is the test's.
    struct Stage {
        site: TempDir,
        watcher: Watcher,
        told: Receiver<Changes>,
        start: Instant,
    }

    impl Stage {
        fn new() -> Stage {
            let site = tempfile::tempdir().unwrap();
            fs::create_dir_all(site.path().join("servers/a")).unwrap();
            let (sender, told) = unbounded();
            let tell = Box::new(move |changes| sender.send(changes).unwrap());
            let plan = Plan::new(&site.path().join("servers"), [site.path().join("proxy.toml")]);
            let watcher = Watcher::new(plan, 100, Err(NoBell::Shared), tell);
            Stage { site, watcher, told, start: Instant::now() }
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.site.path().join("servers/a").join(path), text).unwrap();
        }

        /// What is told at this time.
        fn at(&mut self, ms: u64) -> Vec<String> {
            self.watcher.time_is_up(self.start + Duration::from_millis(ms));
            let paths = self.told.try_iter().flat_map(|Changes(paths)| paths);
            paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_string()).collect()
        }
    }

    #[test]
    fn what_is_the_same_at_two_looks_is_told_once() {
        let mut stage = Stage::new();
        assert_eq!(stage.at(0), [""; 0]);
        stage.write("x.js", "1");
        assert_eq!(stage.at(1000), [""; 0]);
        assert_eq!(stage.watcher.desk.due(), Some(stage.start + Duration::from_millis(1200)));
        assert_eq!(stage.at(1200), ["x.js"]);
        assert_eq!(stage.at(2200), [""; 0]);
    }

    #[test]
    fn what_grows_is_waited_for_but_not_for_ever() {
        let mut stage = Stage::new();
        let grow = |stage: &mut Stage, n: u64| {
            stage.write("x.js", &"1".repeat(usize::try_from(n).unwrap()));
            stage.at(n * 200)
        };
        assert_eq!((1..26).flat_map(|n| grow(&mut stage, n)).count(), 0);
        assert_eq!(grow(&mut stage, 26), ["x.js"]);
    }

    #[test]
    fn what_came_and_went_was_never_there() {
        let mut stage = Stage::new();
        stage.write("x.js", "1");
        stage.at(1000);
        fs::remove_file(stage.site.path().join("servers/a/x.js")).unwrap();
        stage.at(1200);
        assert_eq!(stage.at(1400), [""; 0]);
        assert_eq!(stage.watcher.desk.due(), None);
    }

    #[test]
    fn another_plan_is_no_change_and_loses_none() {
        let mut stage = Stage::new();
        fs::create_dir_all(stage.site.path().join("servers/a/target")).unwrap();
        stage.write("target/program", "1");
        stage.write("x.js", "1");
        let (servers, program) =
            (stage.site.path().join("servers"), stage.site.path().join("servers/a/target/program"));
        stage.watcher.attend(Plan::new(&servers, [program]));
        assert_eq!(stage.at(1000), ["x.js"]);
        stage.write("target/program", "other");
        stage.at(2000);
        assert_eq!(stage.at(2200), ["program"]);
        stage.watcher.attend(Plan::new(&servers, []));
        stage.at(3000);
        assert_eq!(stage.at(3200), [""; 0]);
    }

    #[test]
    fn what_a_server_writes_itself_waits_and_the_rest_does_not() {
        let mut stage = Stage::new();
        let turn = |stage: &mut Stage, n: u64, path: &str| {
            stage.write(path, &"1".repeat(usize::try_from(n).unwrap()));
            stage.at(n * 400);
            stage.at(n * 400 + 200)
        };
        assert!((1..=10).all(|n| turn(&mut stage, n, "state.txt") == ["state.txt"]));
        // Half a second after the tenth, and then a second after the eleventh.
        assert_eq!(turn(&mut stage, 11, "state.txt"), [""; 0]);
        assert_eq!(turn(&mut stage, 12, "state.txt"), ["state.txt"]);
        assert_eq!(turn(&mut stage, 13, "state.txt"), [""; 0]);
        assert_eq!(turn(&mut stage, 14, "x.js"), ["x.js"]);
        assert_eq!(stage.watcher.desk.due(), Some(stage.start + Duration::from_millis(6000)));
        assert_eq!(stage.at(6000), ["state.txt"]);
    }
}
