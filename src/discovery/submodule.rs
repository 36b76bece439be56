//! A folder without anything in it is most likely a git submodule that was not fetched.

use super::rules::Refusal;
use crate::config::read_small;
use std::path::Path;

/// How far up a repository may begin.
const MOST_LEVELS: usize = 16;

/// Says so, with the command that fetches it.
pub(super) fn empty(folder: &Path) -> Refusal {
    match root(folder) {
        Some((root, path)) => Refusal::new(
            "empty: a git submodule that is not there yet",
            format!("run git submodule update --init {path} in {}", root.display()),
        ),
        None => Refusal::new("empty", "if it is a git submodule run git submodule update --init"),
    }
}

/// The repository that names the folder as a submodule, and the path it gives it.
fn root(folder: &Path) -> Option<(&Path, String)> {
    folder.ancestors().skip(1).take(MOST_LEVELS).find_map(|root| {
        let text = read_small(&root.join(".gitmodules")).ok()?;
        let inside = folder.strip_prefix(root).ok()?.to_str()?;
        let mut paths = text
            .lines()
            .filter_map(|line| Some(line.trim().strip_prefix("path")?.trim().strip_prefix('=')?.trim()));
        paths.any(|path| path.trim_matches('"') == inside).then(|| (root, inside.to_string()))
    })
}
