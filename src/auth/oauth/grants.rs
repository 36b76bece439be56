//! What the owner has agreed to, in one small file of the state folder. A token is good only as long as its grant stands
//! there. Several processes may share the file: each change is made under a lock and replaces it as a whole, and each
//! look sees whether it was replaced.

use super::resource::Resource;
use crate::config::{Stamp, is_private, lock_beside, read_small, replace};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many are kept; the one unused longest makes room.
pub const MOST_GRANTS: usize = 100;
/// One that is not used for so long is over.
pub const IDLE_SECONDS: u64 = 90 * 24 * 3600;
/// The refresh token before the newest is still taken for so long: clients refresh twice at once, or lose the answer.
pub const OVERLAP_SECONDS: u64 = 30;
/// A grant that has ended is remembered for so long: more than a form and its code live.
const ENDED_SECONDS: u64 = 3600;
const FILE_NAME: &str = "oauth-grants.json";

/// One client's access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What the client calls itself.
    pub name: String,
    /// Where its code was sent: `claude.ai`.
    pub place: String,
    /// What for.
    pub resource: Resource,
    /// The digest of the client's id.
    pub client: String,
    /// When it began, in seconds since 1970.
    pub issued: u64,
    /// When a token was last issued for it.
    pub used: u64,
    /// The number of the newest refresh token.
    pub turn: u64,
    /// When it was revoked; what is over stays for a while, so that its code does not open it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

impl Grant {
    /// What people call it by: the beginning of its id.
    pub fn label(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }

    fn is_live(&self, now: u64) -> bool {
        self.ended.is_none() && now < self.used.saturating_add(IDLE_SECONDS)
    }
}

/// What comes of a refresh token.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// The newest one from now on, or still.
    Now(Grant),
    /// It was used before, by somebody else or by a thief: the grant is over.
    Reused(Grant),
    /// There is no such grant (any more).
    None,
}

/// The file, and what was read last.
pub struct Grants {
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// From which state of the file.
    read: Option<Stamp>,
    all: Vec<Grant>,
}

impl Grants {
    /// # Errors
    /// The file is there and cannot be used, or others can read it.
    pub fn open(state_dir: &Path) -> Result<Grants, String> {
        let grants = Grants { file: state_dir.join(FILE_NAME), known: Mutex::default() };
        grants.all(0)?;
        Ok(grants)
    }

    /// Those that are good at this time, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn all(&self, now: u64) -> Result<Vec<Grant>, String> {
        Ok(self.look()?.all.iter().filter(|grant| grant.is_live(now)).cloned().collect())
    }

    /// The one of this id, if it is good.
    pub fn find(&self, id: &str, now: u64) -> Option<Grant> {
        let known = self.look().inspect_err(|error| log::error!(event = "oauth-grants"; "{error}")).ok()?;
        known.all.iter().find(|grant| grant.id == id && grant.is_live(now)).cloned()
    }

    /// Whether there is or was one of this id.
    pub fn is_known(&self, id: &str) -> bool {
        self.look().is_ok_and(|known| known.all.iter().any(|grant| grant.id == id))
    }

    /// Keeps a new one; false if there was one of this id: then it is over, as its code was used twice (OAuth 2.1,
    /// 4.1.3).
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn begin(&self, new: Grant) -> Result<bool, String> {
        let now = new.issued;
        self.change(now, |all| match all.iter_mut().find(|grant| grant.id == new.id) {
            Some(grant) => {
                grant.ended.get_or_insert(now);
                false
            }
            None => {
                all.push(new);
                true
            }
        })
    }

    /// The next refresh token of this client's grant, for the one of number `turn`.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn turn(&self, id: &str, turn: u64, client: &str, now: u64) -> Result<Turn, String> {
        self.change(now, |all| {
            let found =
                all.iter_mut().find(|grant| grant.id == id && grant.client == client && grant.is_live(now));
            let Some(grant) = found.filter(|grant| turn <= grant.turn) else { return Turn::None };
            if turn == grant.turn {
                (grant.turn, grant.used) = (turn + 1, now);
            } else if turn + 1 < grant.turn || now >= grant.used.saturating_add(OVERLAP_SECONDS) {
                grant.ended = Some(now);
                return Turn::Reused(grant.clone());
            }
            Turn::Now(grant.clone())
        })
    }

    /// Ends one; false if there is none of this id. `id` may be the beginning of it, if that is of one alone.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn revoke(&self, id: &str, now: u64) -> Result<bool, String> {
        self.change(now, |all| {
            let mut found = all
                .iter_mut()
                .filter(|grant| grant.is_live(now) && !id.is_empty() && grant.id.starts_with(id));
            match (found.next(), found.next()) {
                (Some(grant), None) => grant.ended.replace(now).is_none(),
                _ => false,
            }
        })
    }

    /// One change at a time, of all processes.
    fn change<T>(&self, now: u64, work: impl FnOnce(&mut Vec<Grant>) -> T) -> Result<T, String> {
        let _lock = lock_beside(&self.file).map_err(|error| self.fault("written", &error))?;
        let mut known = self.look()?;
        let mut all = known.all.clone();
        let result = work(&mut all);
        if all != known.all {
            tidy(&mut all, now);
            self.write(&all)?;
            known.all = all;
            known.read = Stamp::of(&self.file);
        }
        Ok(result)
    }

    fn write(&self, all: &[Grant]) -> Result<(), String> {
        let store = || replace(&self.file, &serde_json::to_vec_pretty(all)?);
        store().map_err(|error| self.fault("written", &error))
    }

    /// What the file says now.
    fn look(&self) -> Result<MutexGuard<'_, Known>, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.file);
        if stamp != known.read {
            known.all = self.read()?;
            known.read = stamp;
        }
        Ok(known)
    }

    fn read(&self) -> Result<Vec<Grant>, String> {
        match fs::metadata(&self.file) {
            Ok(file) if !is_private(&file) => Err(format!(
                "{} can be read or written by others: chmod 600 it, or remove it (clients have to be allowed again then)",
                self.file.display()
            )),
            Ok(_) => read_small(&self.file)
                .and_then(|text| Ok(serde_json::from_str(&text)?))
                .map_err(|error| self.fault("read", &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.fault("read", &error)),
        }
    }

    fn fault(&self, what: &str, error: &io::Error) -> String {
        format!("{} cannot be {what}: {error}; what clients were allowed stands there", self.file.display())
    }
}

/// What is over goes when its code is, and the one unused longest when there are too many.
fn tidy(all: &mut Vec<Grant>, now: u64) {
    all.retain(|grant| match grant.ended {
        Some(ended) => now < ended.saturating_add(ENDED_SECONDS),
        None => grant.is_live(now),
    });
    while all.len() > MOST_GRANTS {
        let oldest = all.iter().enumerate().min_by_key(|(_, grant)| (grant.ended.is_none(), grant.used));
        let Some((at, _)) = oldest else { return };
        all.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn grant(id: u32, issued: u64) -> Grant {
        Grant {
            id: format!("{id:032x}"),
            name: "Claude".to_string(),
            place: "claude.ai".to_string(),
            resource: Resource::All,
            client: "c".to_string(),
            issued,
            used: issued,
            turn: 0,
            ended: None,
        }
    }

    fn open(folder: &TempDir) -> Grants {
        Grants::open(folder.path()).unwrap()
    }

    fn live(grants: &Grants, id: u32, now: u64) -> bool {
        grants.find(&grant(id, 0).id, now).is_some()
    }

    #[test]
    fn what_was_agreed_to_is_known_to_other_processes_and_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(&folder), open(&folder));
        assert!(one.begin(grant(1, 10)).unwrap());
        assert!(live(&other, 1, 10) && live(&open(&folder), 1, 10));
        assert!(other.revoke("0000", 11).unwrap() && !live(&one, 1, 11));
        assert!(one.is_known(&grant(1, 0).id) && one.all(11).unwrap().is_empty());
        let mode = fs::metadata(folder.path().join(FILE_NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_begins_twice_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let grants = open(&folder);
        assert!(grants.begin(grant(1, 10)).unwrap());
        assert!(!grants.begin(grant(1, 20)).unwrap());
        assert!(!live(&grants, 1, 20));
        assert!(!open(&folder).begin(grant(1, 30)).unwrap());
    }

    #[test]
    fn a_refresh_token_is_good_once_and_for_a_moment_more() {
        let folder = tempfile::tempdir().unwrap();
        let grants = open(&folder);
        grants.begin(grant(1, 10)).unwrap();
        let id = grant(1, 0).id;
        let turn = |turn, now| match grants.turn(&id, turn, "c", now).unwrap() {
            Turn::Now(grant) => grant.turn,
            Turn::Reused(_) => 100,
            Turn::None => 200,
        };
        assert_eq!(turn(0, 20), 1);
        assert_eq!(turn(0, 20 + OVERLAP_SECONDS - 1), 1);
        assert_eq!(turn(1, 60), 2);
        assert_eq!(turn(7, 60), 200);
        assert!(matches!(grants.turn(&id, 2, "another", 60).unwrap(), Turn::None));
        assert_eq!(turn(0, 61), 100);
        assert_eq!(turn(2, 61), 200);
        grants.begin(grant(2, 10)).unwrap();
        let late = |turn, now| grants.turn(&grant(2, 0).id, turn, "c", now).unwrap();
        assert!(matches!(late(0, 20), Turn::Now(_)));
        assert!(matches!(late(0, 20 + OVERLAP_SECONDS), Turn::Reused(_)));
    }

    #[test]
    fn there_are_no_more_grants_than_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let grants = open(&folder);
        for id in 0..=MOST_GRANTS as u32 {
            grants.begin(grant(id, u64::from(id))).unwrap();
        }
        assert_eq!(grants.all(200).unwrap().len(), MOST_GRANTS);
        assert!(!live(&grants, 0, 200) && live(&grants, 1, 200));
        assert!(!live(&grants, 1, IDLE_SECONDS + 1) && live(&grants, 2, IDLE_SECONDS + 1));
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_broken_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let grants = open(&folder);
        grants.begin(grant(1, 10)).unwrap();
        let file = folder.path().join(FILE_NAME);
        fs::write(&file, "{").unwrap();
        assert!(!live(&grants, 1, 10) && grants.begin(grant(2, 10)).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
        fs::remove_file(&file).unwrap();
        grants.begin(grant(1, 10)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Grants::open(folder.path()).err().unwrap().contains("chmod 600"));
    }

    #[test]
    fn changes_of_many_at_once_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for id in 0..8 {
                let folder = &folder;
                scope.spawn(move || open(folder).begin(grant(id, 10)).unwrap());
            }
        });
        assert_eq!(open(&folder).all(10).unwrap().len(), 8);
    }
}
