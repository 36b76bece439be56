//! Completion of what is typed: a short script for each shell, which asks here how a word may go on.

use super::arguments::{SHELLS, Shell};
use super::said::Said;
use super::table::{self, COMMANDS, Entry, Expects, GLOBAL, Opt};
use crate::auth::Book;
use crate::config::{Flags, Loaded, environment, load, state_dir};
use crate::discovery::discover;
use crate::log::printable;
use std::collections::BTreeSet;

/// What the shell is to read.
pub(super) fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("mcp-proxy.bash"),
        Shell::Zsh => include_str!("mcp-proxy.zsh"),
        Shell::Fish => include_str!("mcp-proxy.fish"),
    }
}

/// How the last of these words may go on, a line each: the word, a tab, what it means. Nothing where a file, or
/// anything, may stand.
pub(super) fn lines(words: &[String]) -> String {
    let Some((typed, before)) = words.split_last() else { return String::new() };
    let candidates = candidates(typed, before);
    let fitting = candidates.iter().filter(|(word, _)| word.starts_with(typed.as_str()));
    fitting.map(|(word, what)| format!("{}\t{what}\n", printable(word))).collect()
}

type Candidate = (String, &'static str);

fn candidates(typed: &str, before: &[String]) -> Vec<Candidate> {
    if before.iter().any(|word| word == "--") {
        return Vec::new();
    }
    if let Some(option) = before.last().and_then(|word| waiting(word)) {
        return values(option);
    }
    let Ok(said) = Said::read(before) else { return Vec::new() };
    let entry = table::find(&said.words).filter(|_| !said.words.is_empty());
    if typed.starts_with('-') {
        return options(entry);
    }
    match entry {
        None => commands(&said.words),
        Some(entry) if said.words.len() == entry.name.split(' ').count() => {
            arguments(entry.expects, &said.flags().unwrap_or_default())
        }
        Some(_) => Vec::new(),
    }
}

/// The option that this word is, if it waits for its value.
fn waiting(word: &str) -> Option<&'static Opt> {
    let is = |option: &Opt| match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(long), _) => option.long == long,
        (_, Some(letters)) => option.short.is_some_and(|short| letters.ends_with(short)),
        _ => false,
    };
    table::any_option(is).filter(|option| option.value.is_some())
}

fn values(option: &Opt) -> Vec<Candidate> {
    match option.long {
        "log-format" => ["text", "json"].map(|form| (form.to_string(), "")).into(),
        _ => Vec::new(),
    }
}

fn options(entry: Option<&Entry>) -> Vec<Candidate> {
    let own = entry.map(|entry| entry.options).unwrap_or_default();
    own.iter().chain(GLOBAL).map(|option| (format!("--{}", option.long), option.what)).collect()
}

/// The next word of all commands that begin with these.
fn commands(words: &[String]) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    let next = |entry: &'static Entry| {
        let name: Vec<&str> = entry.name.split(' ').collect();
        let follows = name.len() > words.len() && name.iter().zip(words).all(|(part, word)| part == word);
        let whole = name.len() == words.len() + 1;
        follows.then(|| (name[words.len()].to_string(), if whole { entry.what } else { "…" }))
    };
    COMMANDS.iter().filter_map(next).filter(|(word, _)| seen.insert(word.clone())).collect()
}

fn arguments(expects: Expects, flags: &Flags) -> Vec<Candidate> {
    let loaded = || load(flags, &environment()).ok();
    match expects {
        Expects::Server => loaded().map(|loaded| servers(&loaded)).unwrap_or_default(),
        Expects::Token => loaded().and_then(|loaded| tokens(&loaded)).unwrap_or_default(),
        Expects::Shell => SHELLS.map(|shell| (shell.to_string(), "")).into(),
        Expects::Nothing | Expects::Anything => Vec::new(),
    }
}

fn servers(loaded: &Loaded) -> Vec<Candidate> {
    let found = discover(&loaded.config, &loaded.dir).unwrap_or_default();
    found.servers.into_iter().map(|spec| (spec.name, "")).collect()
}

fn tokens(loaded: &Loaded) -> Option<Vec<Candidate>> {
    let folder = state_dir(&loaded.config, &loaded.dir, &environment()).ok()?;
    let tokens = Book::of(&folder).read().ok()??;
    Some(tokens.into_iter().map(|token| (token.name, "")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn words(line: &str) -> Vec<String> {
        let typed: Vec<String> = line.split(' ').map(String::from).collect();
        lines(&typed).lines().map(|line| line.split('\t').next().unwrap().to_string()).collect()
    }

    #[test]
    fn commands_options_and_values() {
        assert!(words("").contains(&"logs".to_string()) && words("").contains(&"token".to_string()));
        assert_eq!(words("re"), ["restart", "reload"]);
        assert_eq!(words("token "), ["new", "list", "revoke"]);
        assert_eq!(words("token re"), ["revoke"]);
        assert_eq!(words("--dev --log-format x --st"), ["--state-dir"]);
        assert_eq!(words("--log-format "), ["text", "json"]);
        assert_eq!(words("logs --f"), ["--follow"]);
        assert_eq!(words("completions "), ["bash", "zsh", "fish"]);
        assert_eq!(words("--config "), [""; 0], "a file may stand there");
        assert_eq!(words("add notes -- "), [""; 0]);
        assert_eq!(words("check "), [""; 0]);
        assert!(lines(&["chec".to_string()]).starts_with("check\twhat was found"));
    }

    #[test]
    fn names_of_servers_are_those_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["notes", "note-book", "steam"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("server.toml"), "command = 'sh'\n").unwrap();
        }
        let folder = folder.path().display();
        assert_eq!(words(&format!("--servers {folder} logs -f no")), ["note-book", "notes"]);
        assert_eq!(words(&format!("--servers {folder} restart notes ")), [""; 0], "one is enough");
    }
}
