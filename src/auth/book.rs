//! `tokens.json` in the state folder: which tokens there are and what each may use; of the tokens themselves only
//! digests. Commands write it, one at a time; running proxies read it.

use super::Scope;
use super::digest::{Digest, new_token};
use crate::config::{Pattern, is_private, lock_beside, read_small, replace};
use crate::ledger::now;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

const FILE_NAME: &str = "tokens.json";
/// Beside it a file for each token, empty: its age says when the token was used last.
const USES: &str = "tokens-used";
/// A use is noted once in this time.
const GRAIN: Duration = Duration::from_secs(3600);
const LONGEST_NAME: usize = 63;

/// What is kept of one token. Times in seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// How it is called by its owner; no two have the same name.
    pub name: String,
    sha256: String,
    /// The servers it opens.
    pub servers: Vec<Pattern>,
    /// Of those the tools.
    pub tools: Vec<Pattern>,
    /// When it was made.
    pub created: u64,
    /// When it ceases to open anything, if ever.
    pub expires: Option<u64>,
}

impl Token {
    /// What it may use.
    pub fn scope(&self) -> Scope {
        Scope { servers: self.servers.clone(), tools: self.tools.clone() }
    }

    /// What the token itself is recognised by; `None` if the file was spoilt.
    pub fn digest(&self) -> Option<Digest> {
        Digest::from_hex(&self.sha256)
    }
}

/// The file as a whole.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    tokens: Vec<Token>,
}

/// The tokens of one state folder.
pub struct Book {
    folder: PathBuf,
}

impl Book {
    /// Whether there is one or not.
    pub fn of(state_dir: &Path) -> Book {
        Book { folder: state_dir.to_path_buf() }
    }

    /// Where it is kept.
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// All tokens, expired ones too; `None` if none was ever made.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or it is not what was written.
    pub fn read(&self) -> Result<Option<Vec<Token>>, String> {
        let file = self.file();
        let metadata = match fs::metadata(&file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        if !is_private(&metadata) {
            return Err(format!("{} is open to others than its owner: chmod 600 it", file.display()));
        }
        let text =
            read_small(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        let content: Content = serde_json::from_str(&text).map_err(|error| {
            format!("{} is spoilt ({error}): bring back a copy, or write {{\"tokens\":[]}} into it and make new tokens", file.display())
        })?;
        Ok(Some(content.tokens))
    }

    /// Makes a token and keeps what is needed to know it again. Without a name it gets `token-1` or the next free one.
    ///
    /// # Errors
    /// The name is taken or none, there are `most` tokens already, or the file cannot be read or written.
    pub fn add(
        &self,
        name: Option<&str>,
        scope: Scope,
        expires: Option<u64>,
        most: usize,
    ) -> Result<(String, Zeroizing<String>), String> {
        self.change(|tokens| {
            if tokens.len() >= most {
                return Err(format!("there are {most} tokens already: mcp-proxy token revoke NAME, or raise max_tokens in [limits]"));
            }
            let name = chosen(name, tokens)?;
            let token = new_token();
            let sha256 = Digest::of(token.as_bytes()).to_hex();
            let Scope { servers, tools } = scope;
            tokens.push(Token { name: name.clone(), sha256, servers, tools, created: now(), expires });
            Ok((name, token))
        })
    }

    /// Takes a token away. The file stays, even if that was the last: without tokens nobody may enter.
    ///
    /// # Errors
    /// There is no such token, or the file cannot be read or written.
    pub fn revoke(&self, name: &str) -> Result<(), String> {
        self.change(|tokens| match tokens.iter().position(|token| token.name == name) {
            Some(place) => {
                tokens.remove(place);
                Ok(())
            }
            None => Err(format!("no token is called {name}; there are: {}", names(tokens))),
        })?;
        let _ = fs::remove_file(self.uses(name)); // never used is as good
        Ok(())
    }

    /// Notes that it is used, unless that was done within the hour. Its loss is harmless.
    pub fn note_use(&self, name: &str) {
        let now = SystemTime::now();
        let is_noted = |then: SystemTime| now.duration_since(then).is_ok_and(|age| age < GRAIN);
        if self.last_used(name).is_some_and(is_noted) {
            return;
        }
        let noted = fs::create_dir_all(self.folder.join(USES))
            .and_then(|()| {
                OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.uses(name))
            })
            .and_then(|file| file.set_modified(now));
        if let Err(error) = noted {
            log::debug!(event = "not-kept"; "the use of a token cannot be noted: {error}");
        }
    }

    /// When it was used last, to the hour.
    pub fn last_used(&self, name: &str) -> Option<SystemTime> {
        fs::metadata(self.uses(name)).and_then(|file| file.modified()).ok()
    }

    fn uses(&self, name: &str) -> PathBuf {
        self.folder.join(USES).join(name)
    }

    /// Reads, changes and writes, while no other command does.
    fn change<T>(&self, work: impl FnOnce(&mut Vec<Token>) -> Result<T, String>) -> Result<T, String> {
        let file = self.file();
        let failed = |error: io::Error| {
            format!("{} cannot be written: {error}; name another folder with --state-dir", file.display())
        };
        let _lock = lock_beside(&file).map_err(failed)?;
        let mut tokens = self.read()?.unwrap_or_default();
        let outcome = work(&mut tokens)?;
        let text = serde_json::to_vec_pretty(&Content { tokens }).map_err(|error| error.to_string())?;
        replace(&file, &text).map_err(failed)?;
        Ok(outcome)
    }
}

fn names(tokens: &[Token]) -> String {
    match tokens {
        [] => "none".to_string(),
        _ => tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn chosen(name: Option<&str>, tokens: &[Token]) -> Result<String, String> {
    let is_taken = |name: &str| tokens.iter().any(|token| token.name == name);
    let Some(name) = name else {
        let free = (1..).map(|number| format!("token-{number}")).find(|name| !is_taken(name));
        return Ok(free.unwrap_or_default());
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.starts_with('.') || name.len() > LONGEST_NAME || !name.chars().all(fits) {
        return Err(format!(
            "`{name}` is no name for a token: use letters, digits, - and _, {LONGEST_NAME} at most"
        ));
    }
    match is_taken(name) {
        true => Err(format!(
            "a token is called {name} already: choose another name, or mcp-proxy token revoke {name}"
        )),
        false => Ok(name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::PermissionsExt;

    fn add(book: &Book, name: Option<&str>) -> Result<(String, Zeroizing<String>), String> {
        book.add(name, Scope::everything(), None, 100)
    }

    #[test]
    fn a_token_is_made_known_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::of(&folder.path().join("state"));
        assert!(book.read().unwrap().is_none());
        let (name, token) = add(&book, None).unwrap();
        let tokens = book.read().unwrap().unwrap();
        assert_eq!((name.as_str(), tokens.len()), ("token-1", 1));
        assert!(tokens[0].digest().unwrap().is(&Digest::of(token.as_bytes())));
        let text = fs::read_to_string(book.file()).unwrap();
        assert!(!text.contains(&token[4..]), "{text}");
        assert_eq!(fs::metadata(book.file()).unwrap().mode() & 0o777, 0o600);
        book.note_use("token-1");
        assert!(book.last_used("token-1").is_some());
        book.revoke("token-1").unwrap();
        assert!(book.read().unwrap().unwrap().is_empty() && book.last_used("token-1").is_none());
    }

    #[test]
    fn names_are_unique_and_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::of(folder.path());
        add(&book, Some("phone")).unwrap();
        assert!(add(&book, Some("phone")).unwrap_err().contains("already"));
        assert!(book.revoke("fone").unwrap_err().contains("there are: phone"));
        for wrong in ["", "..", ".x", "a/b", "a b", "ä", &"x".repeat(64)] {
            assert!(add(&book, Some(wrong)).unwrap_err().contains("no name for a token"), "{wrong}");
        }
    }

    #[test]
    fn there_are_no_more_tokens_than_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::of(folder.path());
        for _ in 0..3 {
            book.add(None, Scope::everything(), None, 3).unwrap();
        }
        assert!(book.add(None, Scope::everything(), None, 3).unwrap_err().contains("max_tokens"));
    }

    #[test]
    fn commands_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..5).for_each(|_| drop(add(&Book::of(folder.path()), None).unwrap())));
            }
        });
        assert_eq!(Book::of(folder.path()).read().unwrap().unwrap().len(), 40);
    }

    #[test]
    fn what_others_can_read_or_was_spoilt_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::of(folder.path());
        add(&book, None).unwrap();
        fs::set_permissions(book.file(), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(book.read().unwrap_err().contains("chmod 600"));
        fs::set_permissions(book.file(), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(book.file(), "{").unwrap();
        assert!(book.read().unwrap_err().contains("spoilt"));
    }
}
