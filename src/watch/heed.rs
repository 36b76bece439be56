//! Which names matter: not those of what is downloaded, built aside, kept, logged, or an editor's own.

use crate::config::fits;

/// Never looked into: what version control, package managers and tools keep, and what a server is likely to write.
const FOLDERS: [&str; 14] = [
    ".*",
    "node_modules",
    "venv",
    "target",
    "__pycache__",
    "*.egg-info",
    "coverage",
    "logs",
    "log",
    "data",
    "cache",
    "tmp",
    "temp",
    "lost+found",
];
/// Folders with a dot in which a server may be declared.
const DECLARING_FOLDERS: [&str; 3] = [".vscode", ".cursor", ".mcp"];
/// What a server is likely to write, and what editors and downloads leave for a moment.
const FILES: [&str; 27] = [
    "*.log",
    "*.log.*",
    "*.db",
    "*.db-*",
    "*.db3",
    "*.sqlite",
    "*.sqlite-*",
    "*.sqlite3",
    "*.sqlite3-*",
    "*.pid",
    "*.lock",
    "*.sock",
    "*.pyc",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.bak",
    "*.orig",
    "*.swp",
    "*.swo",
    "*.swx",
    "*~",
    "#*#",
    ".#*",
    "4913",
    ".nfs*",
    ".DS_Store",
];

/// Whether a folder of this name, below a server's own, is looked into. `more` are patterns of the user's:
/// those that end with a slash are for folders, the others for files.
pub(super) fn heeds_folder(name: &str, more: &[String]) -> bool {
    let own = more.iter().filter_map(|pattern| pattern.strip_suffix('/'));
    let ignored = own.chain(FOLDERS).any(|pattern| fits(pattern, name));
    !ignored || DECLARING_FOLDERS.contains(&name)
}

/// The same for a file.
pub(super) fn heeds_file(name: &str, more: &[String]) -> bool {
    let own = more.iter().map(String::as_str).filter(|pattern| !pattern.ends_with('/'));
    !own.chain(FILES).any(|pattern| fits(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_declarations_matter() {
        for name in [
            "index.js",
            "server.py",
            ".env",
            ".mcp.json",
            "server.toml",
            "prompts.md",
            "state.json",
            "a.logic.ts",
        ] {
            assert!(heeds_file(name, &[]), "{name}");
        }
        for name in ["src", "dist", "build", "bin", ".vscode", ".cursor", "lib"] {
            assert!(heeds_folder(name, &[]), "{name}");
        }
    }

    #[test]
    fn what_is_kept_or_written_aside_does_not() {
        for name in
            [".git", ".venv", "venv", "node_modules", "target", "logs", "data", "__pycache__", ".cache"]
        {
            assert!(!heeds_folder(name, &[]), "{name}");
        }
        for name in [
            "a.log",
            "a.log.1",
            "notes.db",
            "notes.sqlite3-wal",
            ".index.js.swp",
            "index.js~",
            "4913",
            "#a.py#",
            ".#a.py",
        ] {
            assert!(!heeds_file(name, &[]), "{name}");
        }
    }

    #[test]
    fn the_user_adds_to_them() {
        let more = ["state/".to_string(), "*.json".to_string()];
        assert!(!heeds_folder("state", &more) && heeds_file("state", &more));
        assert!(!heeds_file("memory.json", &more) && heeds_folder("x.json", &more));
    }
}
