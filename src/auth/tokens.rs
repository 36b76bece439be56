//! The tokens that open this proxy, as its files say now: those that commands have made, and those of `token_file`.
//! What a command changes counts within a second, at all proxies that share the folder.

use super::book::{Book, Token};
use super::digest::Digest;
use super::{Caller, Scope};
use crate::config::{Stamp, read_small, secret_file};
use crate::ledger::now;
use crate::secrets;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The files are looked at once in this time; at once if a token is not among those that are known.
const LOOK: Duration = Duration::from_secs(1);
/// A process notes the use of a token once in so many seconds.
const NOTED: u64 = 3600;
/// A shorter one in `token_file` could be guessed.
const LEAST_BYTES: usize = 32;
/// Who brings a token of `token_file`. No token of a command can be called so.
const PRINCIPAL_OF_FILE: &str = "token-file";

/// What a token was found to be.
pub(super) enum Found {
    /// It opens something.
    Good(Caller),
    /// It did until its time was over.
    Expired,
    /// Nobody here has made it, or it was taken away.
    Unknown,
}

/// All of them.
pub struct Tokens {
    book: Book,
    file: Option<PathBuf>,
    seen: Mutex<Seen>,
}

/// What was read, and from which state of the files.
#[derive(Default)]
struct Seen {
    looked: Option<Instant>,
    stamps: [Option<Stamp>; 2],
    list: Arc<Vec<Known>>,
    /// There were tokens once: whoever takes their file away does not open the door with that.
    were_any: bool,
}

struct Known {
    digest: Digest,
    caller: Caller,
    expires: Option<u64>,
    /// Where its use is noted.
    name: Option<String>,
    /// When that was done, in seconds since 1970.
    noted: AtomicU64,
}

impl Tokens {
    /// Of this state folder, and of `file`.
    ///
    /// # Errors
    /// What is there cannot be used; the text says why and what to do.
    pub fn open(state_dir: &Path, file: Option<PathBuf>) -> Result<Tokens, String> {
        let tokens = Tokens { book: Book::of(state_dir), file, seen: Mutex::default() };
        let (list, were_any) = tokens.read()?;
        let seen =
            Seen { looked: Some(Instant::now()), stamps: tokens.stamps(), list: Arc::new(list), were_any };
        *tokens.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(tokens)
    }

    /// Whether a token was ever made here: from then on one is asked for, even if none is left.
    pub fn are_in_use(&self) -> bool {
        self.look(LOOK).1
    }

    /// Whether at least one opens something now.
    pub fn are_any_good(&self) -> bool {
        let now = now();
        self.look(LOOK).0.iter().any(|known| !known.is_over(now))
    }

    pub(super) fn find(&self, token: &[u8]) -> Found {
        let digest = Digest::of(token);
        let list = self.look(LOOK).0;
        let list = if place(&list, &digest).is_some() { list } else { self.look(Duration::ZERO).0 };
        match place(&list, &digest).map(|place| &list[place]) {
            None => Found::Unknown,
            Some(known) if known.is_over(now()) => Found::Expired,
            Some(known) => {
                self.note(known, token);
                Found::Good(known.caller.clone())
            }
        }
    }

    /// Who has the token of this digest, while it is good.
    pub(super) fn holder(&self, digest: &Digest) -> Option<Caller> {
        let list = self.look(LOOK).0;
        let known = place(&list, digest).map(|place| &list[place])?;
        (!known.is_over(now())).then(|| known.caller.clone())
    }

    /// Now and then it is noted that it is used; and from the first time on it is masked, wherever it turns up.
    fn note(&self, known: &Known, token: &[u8]) {
        let (now, noted) = (now(), known.noted.load(Ordering::Relaxed));
        if now.saturating_sub(noted) < NOTED {
            return;
        }
        known.noted.store(now, Ordering::Relaxed);
        secrets::keep([String::from_utf8_lossy(token).into_owned()]);
        if let Some(name) = &known.name {
            self.book.note_use(name);
        }
    }

    /// What there is, not older than that.
    fn look(&self, age: Duration) -> (Arc<Vec<Known>>, bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.is_none_or(|looked| looked.elapsed() >= age) {
            let stamps = self.stamps();
            if stamps != seen.stamps {
                self.take_up(&mut seen);
                seen.stamps = stamps;
            }
            seen.looked = Some(Instant::now());
        }
        (Arc::clone(&seen.list), seen.were_any)
    }

    /// A file that cannot be used any more opens nothing.
    fn take_up(&self, seen: &mut Seen) {
        let (list, are_any) = self.read().unwrap_or_else(|problem| {
            log::error!(event = "tokens"; "no token is good until that is mended: {problem}");
            (Vec::new(), true)
        });
        seen.list = Arc::new(list);
        seen.were_any |= are_any;
    }

    fn read(&self) -> Result<(Vec<Known>, bool), String> {
        let made = self.book.read()?;
        let are_any = made.is_some() || self.file.is_some();
        let mut all: Vec<Known> = made.iter().flatten().filter_map(Known::of).collect();
        if let Some(file) = &self.file {
            all.extend(given(file)?);
        }
        Ok((all, are_any))
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [Stamp::of(&self.book.file()), self.file.as_deref().and_then(Stamp::of)]
    }
}

impl Known {
    fn of(token: &Token) -> Option<Known> {
        let caller = Caller::new(&format!("token:{}", token.name), token.scope());
        let (digest, name) = (token.digest()?, Some(token.name.clone()));
        Some(Known { digest, caller, expires: token.expires, name, noted: AtomicU64::new(0) })
    }

    fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Where the token of this digest is. All of them are compared: how long it takes says nothing of which it was.
fn place(list: &[Known], digest: &Digest) -> Option<usize> {
    list.iter().enumerate().fold(None, |found, (place, known)| match known.digest.is(digest) {
        true => Some(place),
        false => found,
    })
}

/// The lines of `token_file`, each a token for all servers: two while one takes the other's place.
fn given(file: &Path) -> Result<Vec<Known>, String> {
    let text = Zeroizing::new(
        read_small(file).map_err(|error| format!("token_file {} cannot be read: {error}", file.display()))?,
    );
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty()
        || lines.iter().any(|line| line.len() < LEAST_BYTES || line.contains(char::is_whitespace))
    {
        return Err(format!(
            "token_file {} has to hold tokens, one a line, of {LEAST_BYTES} characters or more (head -c 32 /dev/urandom | base64)",
            file.display()
        ));
    }
    if secret_file::is_open_to_others(file) {
        log::debug!(event = "open-file"; "{} can be read by others", file.display());
    }
    secrets::keep(lines.iter().map(ToString::to_string));
    let caller = Caller::new(PRINCIPAL_OF_FILE, Scope::everything());
    let known = |line: &&str| Known {
        digest: Digest::of(line.as_bytes()),
        caller: caller.clone(),
        expires: None,
        name: None,
        noted: AtomicU64::new(0),
    };
    Ok(lines.iter().map(known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn is_good(tokens: &Tokens, token: &str) -> bool {
        matches!(tokens.find(token.as_bytes()), Found::Good(_))
    }

    #[test]
    fn what_a_command_changes_counts() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path(), None).unwrap();
        assert!(!tokens.are_in_use() && !is_good(&tokens, "mcp_x"));
        let book = Book::of(folder.path());
        let (name, token) = book.add(None, Scope::everything(), None, 10).unwrap();
        assert!(is_good(&tokens, &token), "at once");
        assert!(!is_good(&tokens, &token[..46]) && tokens.are_in_use() && tokens.are_any_good());
        assert!(secrets::mask(&token).starts_with("***"));
        book.revoke(&name).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while is_good(&tokens, &token) && Instant::now() < end {
            std::thread::yield_now();
        }
        assert!(!is_good(&tokens, &token) && tokens.are_in_use() && !tokens.are_any_good());
        fs::remove_file(book.file()).unwrap();
        assert!(matches!(tokens.find(b"mcp_x"), Found::Unknown) && tokens.are_in_use());
    }

    #[test]
    fn time_passes() {
        let folder = tempfile::tempdir().unwrap();
        let add =
            |expires| Book::of(folder.path()).add(None, Scope::everything(), Some(expires), 10).unwrap().1;
        let (old, new) = (add(now()), add(now() + 1000));
        let tokens = Tokens::open(folder.path(), None).unwrap();
        assert!(matches!(tokens.find(old.as_bytes()), Found::Expired) && is_good(&tokens, &new));
    }

    #[test]
    fn a_file_may_hold_tokens_that_others_have_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("given");
        let (one, two) = ("one-".repeat(8), "two-".repeat(8));
        fs::write(&file, format!("{one}\n{two}\r\n\n")).unwrap();
        let tokens = Tokens::open(folder.path(), Some(file.clone())).unwrap();
        assert!(is_good(&tokens, &one) && is_good(&tokens, &two) && !is_good(&tokens, ""));
        fs::write(&file, "three-".repeat(6)).unwrap();
        assert!(is_good(&tokens, &"three-".repeat(6)));
        fs::remove_file(&file).unwrap();
        assert!(!is_good(&tokens, "unknown") && !is_good(&tokens, &one) && tokens.are_in_use());
        for wrong in ["", "short", &"with a space in the middle of it".repeat(2)] {
            fs::write(&file, wrong).unwrap();
            assert!(Tokens::open(folder.path(), Some(file.clone())).is_err(), "{wrong}");
        }
    }
}
