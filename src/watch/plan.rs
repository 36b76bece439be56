//! What matters: the servers folder, and single files wherever they lie.

use super::heed;
use crate::config::spec::{Launch, ServerSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What is looked at. All paths are absolute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The servers folder.
    servers: PathBuf,
    /// Configuration, and the programs that servers are started from.
    files: BTreeSet<PathBuf>,
    /// What the servers' own `watch_ignore` says, by their entry of the servers folder.
    ignored: BTreeMap<PathBuf, Vec<String>>,
}

impl Plan {
    /// The servers folder and the files that say how it is to be served.
    pub fn new(servers: &Path, files: impl IntoIterator<Item = PathBuf>) -> Plan {
        let files = files.into_iter().map(|file| absolute(&file)).collect();
        Plan { servers: absolute(servers), files, ignored: BTreeMap::new() }
    }

    /// Adds what belongs to these servers: the program, even where nothing else is looked at (`target/release/NAME`),
    /// and their `watch_ignore`.
    #[must_use]
    pub fn with<'s>(mut self, servers: impl IntoIterator<Item = &'s ServerSpec>) -> Plan {
        for spec in servers {
            let Launch::Child(child) = &spec.launch else { continue };
            let commands = child.ways.iter().map(|way| Path::new(&way.command));
            self.files.extend(commands.filter(|command| command.is_absolute()).map(Path::to_path_buf));
            if let Some(entry) = self.entry(&child.cwd) {
                self.ignored.entry(entry).or_default().extend(spec.options.watch_ignore.iter().cloned());
            }
        }
        self
    }

    /// The servers folder.
    pub fn servers(&self) -> &Path {
        &self.servers
    }

    /// The entry of the servers folder that `path` is, or lies in.
    pub(super) fn entry(&self, path: &Path) -> Option<PathBuf> {
        entry(&self.servers, path)
    }

    /// What may come to be, or go, outside of the servers folder.
    pub(super) fn points(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().chain([&self.servers]).map(PathBuf::as_path)
    }

    /// Whether it matters what stands at `path`.
    pub(super) fn heeds(&self, path: &Path, is_folder: bool) -> bool {
        // A folder on the way to one of the points may be the one that was missing.
        if self.points().any(|point| point.starts_with(path)) {
            return true;
        }
        let (Some(entry), Ok(inside)) = (self.entry(path), path.strip_prefix(&self.servers)) else {
            return false;
        };
        let more = self.ignored.get(&entry).map_or(&[][..], Vec::as_slice);
        let names: Option<Vec<&str>> = inside.components().map(name).collect();
        let Some((last, folders)) = names.as_ref().and_then(|names| names.split_last()) else { return false };
        let is_entry = folders.is_empty();
        let last_is_heeded = match is_folder {
            true => is_entry && is_served(last) || !is_entry && heed::heeds_folder(last, more),
            false => heed::heeds_file(last, more) && !(is_entry && last.starts_with('.')),
        };
        let mut way = folders.iter().enumerate();
        last_is_heeded
            && way.all(
                |(depth, name)| if depth == 0 { is_served(name) } else { heed::heeds_folder(name, more) },
            )
    }
}

/// Whether an entry of the servers folder can be a server: the same as discovery says.
fn is_served(name: &str) -> bool {
    !name.starts_with('.') && name != "node_modules"
}

fn name<'p>(component: Component<'p>) -> Option<&'p str> {
    component.as_os_str().to_str()
}

pub(super) fn entry(servers: &Path, path: &Path) -> Option<PathBuf> {
    let first = path.strip_prefix(servers).ok()?.components().next()?;
    Some(servers.join(first))
}

fn absolute(path: &Path) -> PathBuf {
    let path = Path::new(".").join(path);
    std::path::absolute(&path).unwrap_or(path).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let files = ["/p/proxy.toml", "/p/servers/rust/target/release/rust"].map(PathBuf::from);
        let mut plan = Plan::new(Path::new("/p/servers"), files);
        plan.ignored.insert("/p/servers/notes".into(), vec!["state/".into()]);
        plan
    }

    #[test]
    fn what_is_in_the_servers_folder_matters_but_for_what_is_ignored() {
        let plan = plan();
        let heeds = |path: &str| plan.heeds(Path::new(path), path.ends_with('/'));
        for path in [
            "/p/servers/",
            "/p/servers/data/",
            "/p/servers/a.json",
            "/p/servers/data/x.py",
            "/p/servers/a/src/deep/x.js",
        ] {
            assert!(heeds(path), "{path}");
        }
        for path in [
            "/p/other",
            "/p/servers/.git/",
            "/p/servers/.git/HEAD",
            "/p/servers/a/node_modules/x/index.js",
            "/p/servers/a/x.log",
        ] {
            assert!(!heeds(path), "{path}");
        }
    }

    #[test]
    fn so_do_single_files_and_the_folders_on_the_way_to_them() {
        let plan = plan();
        let heeds = |path: &str| plan.heeds(Path::new(path), false);
        assert!(heeds("/p/proxy.toml") && heeds("/p/servers/rust/target/release/rust"));
        assert!(heeds("/p") && heeds("/p/servers/rust/target"));
        assert!(!heeds("/p/proxy.toml.bak") && !heeds("/p/servers/rust/target/release/other"));
    }

    #[test]
    fn a_server_s_own_rules_are_for_its_folder_alone() {
        let plan = plan();
        assert!(!plan.heeds(Path::new("/p/servers/notes/state/x.json"), false));
        assert!(plan.heeds(Path::new("/p/servers/other/state/x.json"), false));
    }
}
