//! The certificate and the key of `[tls]`: read at the start, and again when their files have changed.

use crate::config::{MAX_FILE_BYTES, Stamp, TlsSection, open_regular};
use crate::http::{Identities, Identity, IdentityFault};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// The files of `[tls]` and what stood in them last.
#[derive(Debug)]
pub(super) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    identity: Identity,
    /// The files as they were at the last look, whatever came of it.
    seen: [Option<Stamp>; 2],
    looked: Instant,
}

impl Certificate {
    /// Reads what the section names; `None` if it names nothing.
    ///
    /// # Errors
    /// What is missing or wrong, and what to do about it.
    pub(super) fn open(section: &TlsSection, dir: &Path) -> Result<Option<Arc<Certificate>>, String> {
        match (section.cert.as_str(), section.key.as_str()) {
            ("", "") if section.redirect_listen.is_empty() => return Ok(None),
            ("", _) => return Err("[tls] cert is missing: name the PEM file with the certificate".into()),
            (_, "") => {
                return Err(
                    "[tls] key is missing: name the PEM file with the certificate's private key".into()
                );
            }
            _ => {}
        }
        let (cert, key) = (dir.join(&section.cert), dir.join(&section.key));
        let (seen, looked) = (stamps(&cert, &key), Instant::now());
        let identity = read(&cert, &key)?;
        Ok(Some(Arc::new(Certificate { cert, key, state: Mutex::new(State { identity, seen, looked }) })))
    }

    /// Reads the files again, whether they seem to have changed or not. What is not good leaves things as they were.
    pub(super) fn renew(&self) {
        let seen = stamps(&self.cert, &self.key);
        let outcome = read(&self.cert, &self.key);
        let mut state = self.state();
        state.seen = seen;
        match outcome {
            Ok(identity) => {
                state.identity = identity;
                log::info!(event = "certificate"; "the certificate was read again: {}", self.cert.display());
            }
            Err(problem) => {
                log::warn!(event = "certificate-refused"; "the certificate of before is kept: {problem}");
            }
        }
    }

    /// Whether the files are others than at the last look, which is some time ago.
    fn has_changed(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        if now.saturating_duration_since(state.looked) < LOOK {
            return false;
        }
        state.looked = now;
        let seen = state.seen;
        drop(state);
        stamps(&self.cert, &self.key) != seen
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identities for Certificate {
    fn current(&self) -> Identity {
        if self.has_changed() {
            self.renew();
        }
        self.state().identity.clone()
    }
}

fn stamps(cert: &Path, key: &Path) -> [Option<Stamp>; 2] {
    [cert, key].map(Stamp::of)
}

fn read(cert: &Path, key: &Path) -> Result<Identity, String> {
    let certificates =
        bytes(cert).map_err(|error| format!("[tls] cert: {} cannot be read: {error}", cert.display()))?;
    let text = key_text(key).map_err(|problem| format!("[tls] key: {} {problem}", key.display()))?;
    Identity::from_pem(&certificates, &text).map_err(|fault| match fault {
        IdentityFault::Certificates(why) => format!("[tls] cert: {} {why}", cert.display()),
        IdentityFault::Key(why) => format!("[tls] key: {} {why}", key.display()),
        IdentityFault::Absent => {
            "[tls] is set and this mcp-proxy was built without TLS: build it with the feature `tls`, or let a reverse proxy speak HTTPS".into()
        }
    })
}

/// What stands in the key's file. Its group may read it: so Debian's ssl-cert and others share a key.
fn key_text(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mode = fs::metadata(file).map_or(0, |file| file.mode());
    if mode & 0o007 != 0 {
        return Err("can be read by everybody, so the proxy could be impersonated: chmod o= it".into());
    }
    bytes(file).map_err(|error| format!("cannot be read: {error}"))
}

/// Read into memory of the right size at once, so that no part of it is left behind elsewhere.
fn bytes(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open_regular(file)?;
    let size = file.metadata()?.len().min(MAX_FILE_BYTES);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1));
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
