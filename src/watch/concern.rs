//! Which servers a change concerns that is not one of their configuration.

use super::plan::entry;
use crate::config::spec::{ChildSpec, Launch, ServerSpec};
use std::collections::BTreeSet;
use std::path::Path;

/// What these say is in the specification, whole: if that is the same, so is the server.
const DECLARATIONS: [&str; 2] = ["server.toml", ".env"];

/// The names of the servers, among those in the folder `servers`, whose program is another now that these paths have
/// changed: what it is started from, or something in the folder it runs in. What stands in no server's folder and yet
/// in one entry of `servers` (a workspace with several) concerns all in that entry.
pub fn concerned<'s>(
    servers: &Path,
    specs: impl IntoIterator<Item = &'s ServerSpec>,
    changed: impl IntoIterator<Item = impl AsRef<Path>>,
) -> BTreeSet<String> {
    let children = specs.into_iter().filter_map(|spec| match &spec.launch {
        Launch::Child(child) => Some((spec.name.as_str(), child)),
        Launch::Remote(_) => None,
    });
    let children: Vec<(&str, &ChildSpec)> = children.collect();
    let of_path = |path: &Path| {
        let started = children.iter().filter(|(_, child)| starts_from(child, |file| file == path));
        let entry = entry(servers, path);
        let within = |child: &ChildSpec| {
            entry.as_deref().is_some_and(|entry| {
                child.cwd.starts_with(entry) || starts_from(child, |file| file.starts_with(entry))
            })
        };
        let group: Vec<_> = children.iter().filter(|(_, child)| within(child)).collect();
        let own: Vec<_> = group.iter().filter(|(_, child)| path.starts_with(&child.cwd)).copied().collect();
        let meant = if own.is_empty() { group } else { own };
        started.chain(meant).map(|(name, _)| (*name).to_string()).collect::<Vec<_>>()
    };
    let programs = changed.into_iter().filter(|path| !is_declaration(path.as_ref()));
    programs.flat_map(|path| of_path(path.as_ref())).collect()
}

fn is_declaration(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| DECLARATIONS.contains(&name))
}

/// Whether the program, or a file among its arguments, is meant.
fn starts_from(child: &ChildSpec, is_meant: impl Fn(&Path) -> bool) -> bool {
    child.ways.iter().any(|way| {
        let words = way.args.iter().chain([&way.command]);
        // An argument that is no path is one of a file that does not exist.
        words.map(|word| child.cwd.join(word.trim_start_matches("./"))).any(|path| is_meant(&path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::spec::Way;
    use crate::config::{Defaults, ServerTable};
    use std::path::PathBuf;

    fn server(name: &str, cwd: &str, command: &str, args: &[&str]) -> ServerSpec {
        let args = args.iter().map(ToString::to_string).collect();
        let way = Way { command: command.into(), args, ..Way::default() };
        ServerSpec {
            name: name.into(),
            origin: String::new(),
            launch: Launch::Child(ChildSpec {
                ways: vec![way],
                cwd: PathBuf::from(cwd),
                ..ChildSpec::default()
            }),
            options: ServerTable::default().options(&Defaults::default()),
        }
    }

    fn names(changed: &[&str]) -> Vec<String> {
        let servers = [
            server("notes", "/s/notes", "node", &["dist/index.js"]),
            server("rust", "/s/rust", "/s/rust/target/release/rust", &[]),
            server("repo-a", "/s/repo/packages/a", "node", &["a.js"]),
            server("repo-b", "/s/repo/packages/b", "node", &["b.js"]),
            server("tool", "/s", "/s/tool.sh", &[]),
            server("away", "/data", "/s/away/run", &[]),
            server("other", "/p", "node", &["/p/other.js"]),
        ];
        concerned(Path::new("/s"), &servers, changed).into_iter().collect()
    }

    #[test]
    fn a_change_concerns_the_server_whose_folder_it_is_in() {
        assert_eq!(names(&["/s/notes/src/deep/x.js"]), ["notes"]);
        assert_eq!(names(&["/s/rust/target/release/rust"]), ["rust"]);
        assert_eq!(names(&["/s/new/index.js", "/s/team.json", "/p/proxy.toml"]), [""; 0]);
    }

    #[test]
    fn in_a_workspace_the_member_or_else_all_of_them() {
        assert_eq!(names(&["/s/repo/packages/a/x.js"]), ["repo-a"]);
        assert_eq!(names(&["/s/repo/packages/common/x.js"]), ["repo-a", "repo-b"]);
    }

    #[test]
    fn a_program_concerns_those_that_are_started_from_it() {
        assert_eq!(names(&["/s/tool.sh"]), ["tool"]);
        assert_eq!(names(&["/s/away/lib.sh"]), ["away"]);
        assert_eq!(names(&["/p/other.js"]), ["other"]);
    }

    #[test]
    fn what_the_specification_says_whole_is_left_to_it() {
        assert_eq!(names(&["/s/notes/server.toml", "/s/notes/.env"]), [""; 0]);
        assert_eq!(names(&["/s/notes/server.toml", "/s/notes/package.json"]), ["notes"]);
    }
}
