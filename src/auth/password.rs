//! The owner's password: what `mcp-proxy passwd` sets and the pages ask for. Only its hash is kept, in a file of
//! the state folder.

use super::digest::are_same;
use crate::config::{is_private, read_small, replace};
use crate::protocol::base64;
use scrypt::{Params, scrypt};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A shorter one is refused. A longer sentence is better than odd characters (NIST SP 800-63B).
pub const LEAST_CHARS: usize = 12;
/// A longer one is refused.
pub const MOST_BYTES: usize = 1024;
/// What a try costs: 16 MiB of memory, 5 times (OWASP's equal of 128 MiB once, which a small machine does not have).
const COST: (u8, u32, u32) = (14, 8, 5);
/// Tries that wait for the one that is made; more are turned away.
const MOST_WAITING: usize = 8;
const FILE_NAME: &str = "password";

/// What comes of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// That is the password.
    Right,
    /// It is not.
    Wrong,
    /// Too many tries at once.
    Busy,
}

/// The file with the hash.
pub struct Password {
    file: PathBuf,
    /// One try at a time: each takes memory and a processor.
    one: Mutex<()>,
    waiting: AtomicUsize,
}

impl Password {
    /// The one of this state folder; there may be none yet.
    pub fn of_folder(state_dir: &Path) -> Password {
        Password { file: state_dir.join(FILE_NAME), one: Mutex::default(), waiting: AtomicUsize::new(0) }
    }

    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        self.file.exists()
    }

    /// Keeps the hash of this one.
    ///
    /// # Errors
    /// It is too short or too long, or cannot be written.
    pub fn set(&self, password: &str) -> Result<(), String> {
        if password.chars().count() < LEAST_CHARS {
            return Err(format!(
                "the password needs at least {LEAST_CHARS} characters: whoever knows it can use every server"
            ));
        }
        if password.len() > MOST_BYTES {
            return Err(format!("the password has more than {MOST_BYTES} bytes"));
        }
        replace(&self.file, format!("{}\n", hash(password)?).as_bytes())
            .map_err(|error| format!("{} cannot be written: {error}", self.file.display()))
    }

    /// Whether that is the password. Takes some tenths of a second.
    ///
    /// # Errors
    /// The file cannot be read, or others can read it.
    pub fn check(&self, password: &str) -> Result<Verdict, String> {
        let kept = self.read()?;
        if password.len() > MOST_BYTES {
            return Ok(Verdict::Wrong);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Ok(Verdict::Busy);
        }
        let one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = verify(password, kept.trim_end());
        drop(one);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let place = self.file.display();
        match is_right {
            Some(true) => Ok(Verdict::Right),
            Some(false) => Ok(Verdict::Wrong),
            None => Err(format!("{place} is no hash of a password; set it again: mcp-proxy passwd")),
        }
    }

    /// What is kept, as it is; empty if there is nothing.
    pub(super) fn kept(&self) -> String {
        read_small(&self.file).unwrap_or_default()
    }

    fn read(&self) -> Result<String, String> {
        let place = self.file.display();
        let error = |error: io::Error| format!("{place} cannot be read: {error}");
        if !is_private(&fs::metadata(&self.file).map_err(error)?) {
            return Err(format!(
                "{place} can be read or written by others: chmod 600 it, then set the password anew: mcp-proxy passwd"
            ));
        }
        read_small(&self.file).map_err(error)
    }
}

/// `$scrypt$ln=14,r=8,p=5$SALT$HASH`, both in base64url.
fn hash(password: &str) -> Result<String, String> {
    let salt = rand::random::<[u8; 16]>();
    let derived = derive(password, &salt, COST).ok_or("scrypt does not take its own parameters")?;
    let (log_n, r, p) = COST;
    let [salt, derived] = [&salt[..], &derived].map(base64::encode_url);
    Ok(format!("$scrypt$ln={log_n},r={r},p={p}${salt}${derived}"))
}

/// None if that is no hash.
fn verify(password: &str, kept: &str) -> Option<bool> {
    let ["", "scrypt", cost, salt, hash] = kept.split('$').collect::<Vec<_>>()[..] else { return None };
    let [log_n, r, p] = cost.split(',').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, name: &str| text.strip_prefix(name)?.parse::<u32>().ok();
    let cost = (u8::try_from(number(log_n, "ln=")?).ok()?, number(r, "r=")?, number(p, "p=")?);
    let hash = base64::decode_url(hash)?;
    let derived = derive(password, &base64::decode_url(salt)?, cost)?;
    Some(are_same(&derived, &hash))
}

fn derive(password: &str, salt: &[u8], (log_n, r, p): (u8, u32, u32)) -> Option<[u8; 32]> {
    let mut derived = [0; 32];
    scrypt(password.as_bytes(), salt, &Params::new(log_n, r, p).ok()?, &mut derived).ok()?;
    Some(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_is_kept_as_a_hash_and_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::of_folder(folder.path());
        assert!(!password.is_set() && password.check("x").is_err());
        password.set("correct horse battery").unwrap();
        assert_eq!(password.check("correct horse battery"), Ok(Verdict::Right));
        assert_eq!(Password::of_folder(folder.path()).check("correct horse batterY"), Ok(Verdict::Wrong));
        assert_eq!(password.check(&"x".repeat(MOST_BYTES + 1)), Ok(Verdict::Wrong));
        let file = folder.path().join(FILE_NAME);
        assert!(!fs::read_to_string(&file).unwrap().contains("horse"));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(password.check("correct horse battery").unwrap_err().contains("chmod 600"));
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::of_folder(folder.path());
        assert!(password.set("eleven char").is_err() && password.set(&"x".repeat(MOST_BYTES + 1)).is_err());
        assert!(!password.is_set());
    }

    #[test]
    fn what_is_no_hash_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::of_folder(folder.path());
        for text in
            ["", "plain", "$scrypt$ln=14,r=8,p=5$x", "$scrypt$ln=99,r=8,p=5$AAAA$AAAA", "$argon2id$a$b$c"]
        {
            replace(&password.file, format!("{text}\n").as_bytes()).unwrap();
            assert!(password.check("x").unwrap_err().contains("mcp-proxy passwd"), "{text}");
        }
    }

    /// RFC 7914, 12: the third vector, which has our block size.
    #[test]
    fn a_known_hash() {
        let derived = derive("pleaseletmein", b"SodiumChloride", (14, 8, 1)).unwrap();
        assert_eq!(derived[..4], [0x70, 0x23, 0xbd, 0xcb]);
    }

    #[test]
    fn tries_wait_for_each_other_but_not_many_do() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::of_folder(folder.path());
        password.set("correct horse battery").unwrap();
        let held = password.one.lock().unwrap();
        std::thread::scope(|scope| {
            let tries: Vec<_> = (0..MOST_WAITING).map(|_| scope.spawn(|| password.check("wrong"))).collect();
            while password.waiting.load(Ordering::Relaxed) < MOST_WAITING {
                std::thread::yield_now();
            }
            assert_eq!(password.check("wrong"), Ok(Verdict::Busy));
            drop(held);
            tries.into_iter().for_each(|it| assert_eq!(it.join().unwrap(), Ok(Verdict::Wrong)));
        });
    }
}
