//! What is kept of sessions so that they outlive the process: a session's id says itself what it is ([`token`]), so a
//! client's next request works after a restart of the proxy, or at another proxy that has the same key. Beside it lie,
//! in the state folder, what does not fit into an id ([`records`]) and which sessions were ended ([`ended`]).

mod ended;
mod key;
mod records;
mod signer;
mod token;

use crate::limits::Limits;
use crate::protocol::revision::Revision;
use ended::Ended;
use key::Key;
pub use records::Record;
use records::Records;
pub use signer::Signer;
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
pub use token::Claims;

/// Issues session ids, recognises them, and keeps what belongs to them. May be shared by several processes.
pub struct Ledger {
    key: Key,
    max_age_seconds: u64,
    ended: Ended,
    records: Records,
    amending: Mutex<()>,
}

/// Whom an id is for. It is nobody else's: under another name or for another client it is as good as forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'o> {
    /// The server's name.
    pub server: &'o str,
    /// The authenticated client; empty where none is asked who it is.
    pub principal: &'o str,
}

impl Ledger {
    /// Opens what lies in the state folder. The key is that of `key_file`, else the folder's own, which is made if
    /// there is none.
    ///
    /// # Errors
    /// There is no key that can be used; the text says why and what to do.
    pub fn open(state_dir: &Path, key_file: Option<&Path>, limits: &Limits) -> Result<Ledger, String> {
        let key = match key_file {
            Some(file) => Key::read(file)?,
            None => Key::of_folder(state_dir)?,
        };
        let max_age_seconds = limits.session_max_age_seconds;
        let ended = Ended::open(state_dir.join("ended-sessions"), limits.max_ended_sessions);
        let records = Records::open(state_dir.join("sessions"), limits.max_session_records, max_age_seconds);
        Ok(Ledger { key, max_age_seconds, ended, records, amending: Mutex::default() })
    }

    /// Signs what has another purpose than sessions; all who share the key of session ids share it.
    pub fn signer(&self, purpose: &str) -> Signer {
        Signer::new(&self.key, purpose)
    }

    /// A new session of this owner, and its id. `capabilities` are bits whose meaning is the caller's.
    pub fn issue(&self, owner: Owner<'_>, revision: Revision, capabilities: u8) -> (Claims, String) {
        let claims = Claims { nonce: rand::random(), issued: now(), revision, capabilities };
        let id = token::write(&claims, owner, &self.key);
        (claims, id)
    }

    /// What an id says, if it was issued for this owner by who has our key, is not too old, and its session was not
    /// ended.
    pub fn verify(&self, id: &str, owner: Owner<'_>) -> Option<Claims> {
        let claims = token::read(id, owner, &self.key)?;
        let is_young = now() < self.expiry(&claims);
        (is_young && !self.ended.contains(claims.nonce)).then_some(claims)
    }

    /// The session is over, for all processes that share the state folder and for those that come after this one. When
    /// this returns it is on the disk.
    ///
    /// # Errors
    /// It could not be written: the session is over for this process only.
    pub fn end(&self, claims: &Claims) -> io::Result<()> {
        self.records.remove(claims.nonce);
        self.ended.add(claims.nonce, self.expiry(claims), now())
    }

    /// Whether the session was ended, here or by another process that shares the folder.
    pub fn has_ended(&self, claims: &Claims) -> bool {
        self.ended.contains(claims.nonce)
    }

    /// The nonces of those sessions that are over: ended, here or by another process that shares the folder, or too
    /// old.
    pub fn over(&self, all: &[Claims]) -> HashSet<u128> {
        let (now, nonces) = (now(), all.iter().map(|claims| claims.nonce));
        let mut over = self.ended.among(nonces);
        over.extend(all.iter().filter(|claims| self.expiry(claims) <= now).map(|claims| claims.nonce));
        over
    }

    /// Changes what is kept. One change of any session at a time, so that none is lost.
    pub fn amend(&self, claims: &Claims, change: impl FnOnce(&mut Record)) {
        let _one = self.amending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = self.recall(claims).unwrap_or_default();
        change(&mut record);
        self.remember(claims, &record);
    }

    /// Keeps what does not fit into the id, instead of what was kept before. Its loss is harmless, so a failure is
    /// only logged.
    pub fn remember(&self, claims: &Claims, record: &Record) {
        self.records.write(claims.nonce, record);
    }

    /// What was kept; nothing if it was lost.
    pub fn recall(&self, claims: &Claims) -> Option<Record> {
        self.records.read(claims.nonce)
    }

    /// Nothing is kept.
    #[cfg(any(test, fuzzing))]
    pub fn for_tests() -> Ledger {
        let nowhere = |name: &str| Path::new("/dev/null").join(name);
        Ledger {
            key: Key::for_tests([1; 32]),
            max_age_seconds: 100,
            ended: Ended::open(nowhere("ended"), 1),
            records: Records::open(nowhere("sessions"), 1, 100),
            amending: Mutex::default(),
        }
    }

    fn expiry(&self, claims: &Claims) -> u64 {
        claims.issued.saturating_add(self.max_age_seconds)
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::revision::{ASSUMED, NEWEST_LEGACY};

    const OWNER: Owner<'_> = Owner { server: "notes", principal: "" };

    fn open(folder: &Path) -> Ledger {
        Ledger::open(folder, None, &Limits::default()).unwrap()
    }

    #[test]
    fn an_id_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let (claims, id) = open(folder.path()).issue(OWNER, ASSUMED, 5);
        assert_eq!(open(folder.path()).verify(&id, OWNER), Some(claims));
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(open(elsewhere.path()).verify(&id, OWNER), None);
    }

    #[test]
    fn an_id_that_is_too_old_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (_, id) = open(folder.path()).issue(OWNER, NEWEST_LEGACY, 0);
        let limits = Limits { session_max_age_seconds: 0, ..Limits::default() };
        assert_eq!(Ledger::open(folder.path(), None, &limits).unwrap().verify(&id, OWNER), None);
    }

    #[test]
    fn a_session_that_was_ended_stays_so() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(folder.path()), open(folder.path()));
        let (claims, id) = one.issue(OWNER, NEWEST_LEGACY, 0);
        one.remember(&claims, &Record { level: Some("info".into()), ..Record::default() });
        assert!(other.verify(&id, OWNER).is_some() && other.recall(&claims).is_some());
        one.end(&claims).unwrap();
        assert!(one.has_ended(&claims) && other.has_ended(&claims));
        assert_eq!(open(folder.path()).verify(&id, OWNER), None);
        assert!(other.recall(&claims).is_none());
    }

    #[test]
    fn a_key_can_be_shared_without_the_folder() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = one.path().join("shared");
        std::fs::write(&file, "a secret of more than thirty-two bytes\n").unwrap();
        let open = |folder: &Path| Ledger::open(folder, Some(&file), &Limits::default()).unwrap();
        let (claims, id) = open(one.path()).issue(OWNER, NEWEST_LEGACY, 0);
        assert_eq!(open(other.path()).verify(&id, OWNER), Some(claims));
    }
}
