//! What stands in the folders that matter, at one moment.

use super::plan::Plan;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// More files than people write; a folder that would exceed it is not looked into.
const MOST_FILES: usize = 65_536;

/// What tells a file from what it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Its times say what its files say too.
    Folder { inode: (u64, u64) },
    /// Anything else.
    File { inode: (u64, u64), modified: (i64, i64), size: u64, mode: u32 },
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        let inode = (metadata.dev(), metadata.ino());
        if metadata.is_dir() {
            return Stamp::Folder { inode };
        }
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Stamp::File { inode, modified, size: metadata.size(), mode: metadata.mode() }
    }
}

/// Everything that matters and is there.
pub(super) type Snapshot = BTreeMap<PathBuf, Stamp>;

/// The paths that stand in one and not in the other, or otherwise.
pub(super) fn difference(old: &Snapshot, new: &Snapshot) -> BTreeSet<PathBuf> {
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    let other = new.iter().filter(|(path, stamp)| old.get(*path) != Some(*stamp)).map(|(path, _)| path);
    gone.chain(other).cloned().collect()
}

/// The outcome of [`look`].
#[derive(Default)]
pub(super) struct Look {
    pub(super) snapshot: Snapshot,
    /// Those that were looked into.
    pub(super) folders: BTreeSet<PathBuf>,
    /// The first that was not, because there were too many.
    pub(super) beyond: Option<PathBuf>,
    files: usize,
}

/// Looks at all of it, the outer folders first, and into at most `most` folders. `enter` is called with each before
/// it is listed, so that a bell put there misses nothing.
pub(super) fn look(plan: &Plan, most: usize, enter: &mut dyn FnMut(&Path)) -> Look {
    let mut look = Look::default();
    for point in plan.points() {
        // Where it would come to be, or the way to it.
        if let Some(lookout) = point.ancestors().skip(1).find(|folder| folder.is_dir()) {
            look.enter(lookout, enter);
        }
        if let Ok(metadata) = fs::metadata(point) {
            look.snapshot.insert(point.to_path_buf(), Stamp::of(&metadata));
        }
    }
    let mut queue = VecDeque::from([plan.servers().to_path_buf()]);
    while let Some(folder) = queue.pop_front() {
        if look.folders.len() >= most {
            look.beyond.get_or_insert(folder);
            break;
        }
        look.enter(&folder, enter);
        look.list(plan, &folder, &mut queue);
    }
    look
}

impl Look {
    fn enter(&mut self, folder: &Path, enter: &mut dyn FnMut(&Path)) {
        if self.folders.insert(folder.to_path_buf()) {
            enter(folder);
        }
    }

    /// What cannot be read is not there.
    fn list(&mut self, plan: &Plan, folder: &Path, queue: &mut VecDeque<PathBuf>) {
        let room = MOST_FILES - self.files;
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let found: Vec<_> = entries.filter_map(|entry| found(plan, &entry.path())).take(room + 1).collect();
        if found.len() > room {
            self.beyond.get_or_insert(folder.to_path_buf());
            return;
        }
        self.files += found.len();
        let own = folder == plan.servers();
        for (path, stamp, is_link) in found {
            // A link to a folder is a server if it stands among the servers, and else may lead round in circles.
            if matches!(stamp, Stamp::Folder { .. }) && (own || !is_link) {
                queue.push_back(path.clone());
            }
            self.snapshot.insert(path, stamp);
        }
    }
}

fn found(plan: &Plan, path: &Path) -> Option<(PathBuf, Stamp, bool)> {
    let own = fs::symlink_metadata(path).ok()?;
    let is_link = own.is_symlink();
    // A link that leads nowhere is one all the same.
    let metadata = if is_link { fs::metadata(path).unwrap_or(own) } else { own };
    plan.heeds(path, metadata.is_dir()).then(|| (path.to_path_buf(), Stamp::of(&metadata), is_link))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    fn site(files: &[&str]) -> (TempDir, Plan) {
        let site = tempfile::tempdir().unwrap();
        for file in files {
            let path = site.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let plan = Plan::new(&site.path().join("servers"), [site.path().join("proxy.toml")]);
        (site, plan)
    }

    fn names(site: &TempDir, paths: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
        let shown = |path: PathBuf| path.strip_prefix(site.path()).unwrap().to_str().unwrap().to_string();
        paths.into_iter().map(shown).collect()
    }

    #[test]
    fn only_what_matters_is_looked_at() {
        let (site, plan) =
            site(&["servers/a/index.js", "servers/a/node_modules/x/y.js", "servers/a/x.log", "other.toml"]);
        let look = look(&plan, 100, &mut |_| {});
        assert_eq!(names(&site, look.snapshot.into_keys()), ["servers", "servers/a", "servers/a/index.js"]);
        assert_eq!(names(&site, look.folders), ["", "servers", "servers/a"]);
    }

    #[test]
    fn differences() {
        let (site, plan) = site(&["servers/a/index.js", "servers/a/gone.js", "servers/a/same.js"]);
        let old = look(&plan, 100, &mut |_| {}).snapshot;
        fs::write(site.path().join("servers/a/index.js"), "longer").unwrap();
        fs::write(site.path().join("proxy.toml"), "").unwrap();
        fs::remove_file(site.path().join("servers/a/gone.js")).unwrap();
        let new = look(&plan, 100, &mut |_| {}).snapshot;
        let changed = names(&site, difference(&old, &new));
        assert_eq!(changed, ["proxy.toml", "servers/a/gone.js", "servers/a/index.js"]);
    }

    #[test]
    fn a_linked_server_is_followed_and_other_links_are_not() {
        let (site, plan) = site(&["servers/a/index.js", "elsewhere/b.js"]);
        symlink(site.path().join("elsewhere"), site.path().join("servers/b")).unwrap();
        symlink(site.path().join("servers"), site.path().join("servers/a/round")).unwrap();
        symlink("nowhere", site.path().join("servers/a/broken")).unwrap();
        let look = look(&plan, 100, &mut |_| {});
        let seen = names(&site, look.snapshot.into_keys());
        assert!(
            seen.contains(&"servers/b/b.js".to_string()) && !seen.iter().any(|path| path.contains("round/")),
            "{seen:?}"
        );
    }

    #[test]
    fn the_number_of_folders_is_bounded_and_the_outer_ones_come_first() {
        let (site, plan) = site(&["servers/a/deep/x.js", "servers/b/x.js"]);
        let look = look(&plan, 4, &mut |_| {});
        assert_eq!(names(&site, look.folders), ["", "servers", "servers/a", "servers/b"]);
        assert_eq!(names(&site, look.beyond), ["servers/a/deep"]);
    }

    #[test]
    fn what_is_not_there_yet_is_looked_out_for() {
        let site = tempfile::tempdir().unwrap();
        let plan = Plan::new(&site.path().join("not/there/servers"), []);
        let look = look(&plan, 100, &mut |_| {});
        assert!(look.folders.contains(site.path()), "{:?}", look.folders);
    }
}
