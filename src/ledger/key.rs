//! The key that signs session ids: 32 random bytes in the state folder, or a secret that several proxies share.

use crate::config::{is_private, open_regular, sync_folder_of, write_beside};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Length of a signature.
pub(super) const MAC_BYTES: usize = 32;
/// A shorter secret could be guessed.
const LEAST_BYTES: usize = 32;
/// A longer one is no secret but some other file.
const MOST_BYTES: u64 = 4096;
const FILE_NAME: &str = "session.key";

/// A key for HMAC-SHA-256 (RFC 2104), ready to sign.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    /// The folder's own, made if there is none.
    ///
    /// # Errors
    /// It cannot be read or made, or others can read it.
    pub(super) fn of_folder(state_dir: &Path) -> Result<Key, String> {
        let file = state_dir.join(FILE_NAME);
        if !file.exists() {
            make(&file).map_err(|error| {
                format!(
                    "{} cannot be written: {error}; choose another folder with --state-dir",
                    file.display()
                )
            })?;
        }
        if fs::metadata(&file).is_ok_and(|file| !is_private(&file)) {
            return Err(format!(
                "{} can be read by others, so sessions could be forged: chmod 600 it, or remove it (sessions begin anew then)",
                file.display()
            ));
        }
        Key::read(&file)
    }

    /// The secret in this file, white space at its end not counted.
    ///
    /// # Errors
    /// It cannot be read, or is too short or too long for a key.
    pub(super) fn read(file: &Path) -> Result<Key, String> {
        let place = file.display();
        let mut secret = Vec::new();
        open_regular(file)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut secret))
            .map_err(|error| format!("the key of session ids cannot be read: {place}: {error}"))?;
        let length = secret.trim_ascii_end().len();
        if length < LEAST_BYTES || secret.len() as u64 > MOST_BYTES {
            return Err(format!(
                "{place} is no key of session ids: it has to have {LEAST_BYTES} to {MOST_BYTES} bytes (head -c 32 /dev/urandom | base64)"
            ));
        }
        Ok(Key::of(&secret[..length]))
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn for_tests(secret: [u8; 32]) -> Key {
        Key::of(&secret)
    }

    fn of(secret: &[u8]) -> Key {
        // HMAC takes keys of any length, so this never falls back.
        Key(Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// A key of its own for another purpose: what it signs says nothing here, and the other way round.
    pub(super) fn for_purpose(&self, purpose: &str) -> Key {
        Key::of(&self.sign(&[b"mcp-proxy key: ".to_vec(), purpose.as_bytes().to_vec()]))
    }

    /// The signature of these parts, one behind the other.
    pub(super) fn sign(&self, parts: &[Vec<u8>]) -> [u8; MAC_BYTES] {
        self.fed(parts).finalize().into_bytes().into()
    }

    /// Whether that is their signature; takes the same time wherever it differs.
    pub(super) fn verify(&self, parts: &[Vec<u8>], mac: &[u8]) -> bool {
        self.fed(parts).verify_slice(mac).is_ok()
    }

    fn fed(&self, parts: &[Vec<u8>]) -> Hmac<Sha256> {
        let mut hmac = self.0.clone();
        parts.iter().for_each(|part| hmac.update(part));
        hmac
    }
}

/// Of several processes that come at the same time one makes it, and all use that one's.
fn make(file: &Path) -> io::Result<()> {
    let secret = format!("{:032x}{:032x}\n", rand::random::<u128>(), rand::random::<u128>());
    let (written, beside) = write_beside(file, secret.as_bytes())?;
    written.sync_all()?;
    let linked = fs::hard_link(&beside, file);
    fs::remove_file(&beside)?;
    linked.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
    sync_folder_of(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::fs::PermissionsExt;

    fn parts() -> [Vec<u8>; 1] {
        [b"what".to_vec()]
    }

    #[test]
    fn the_folders_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mac = Key::of_folder(folder.path()).unwrap().sign(&parts());
        assert!(Key::of_folder(folder.path()).unwrap().verify(&parts(), &mac));
        let file = folder.path().join(FILE_NAME);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Key::of_folder(folder.path()).err().unwrap();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn many_that_begin_together_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let sign = || Key::of_folder(folder.path()).unwrap().sign(&parts());
        let macs = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(sign)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(macs.iter().all(|mac| *mac == macs[0]));
    }

    #[test]
    fn a_secret_is_neither_short_nor_a_book() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        for (length, fits) in [(31, false), (32, true), (4000, true), (5000, false)] {
            fs::write(&file, "k".repeat(length) + "\n").unwrap();
            assert_eq!(Key::read(&file).is_ok(), fits, "{length}");
        }
        assert!(Key::read(folder.path()).is_err());
    }

    /// RFC 4231, 4.3, test case 2, with a key that is padded here: so the library is called rightly.
    #[test]
    fn a_known_signature() {
        let mac = Key::of(b"Jefe").sign(&[b"what do ya want ".to_vec(), b"for nothing?".to_vec()]);
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
