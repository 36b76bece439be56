//! HTTPS: the built proxy with a certificate, and clients that check it.
#![cfg(feature = "tls")]
// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod client;
mod files;
mod handshakes;
mod requests;

use harness::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// One of the files in `tests/tls/certificates`.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/certificates").join(name)
}

/// Lays an identity where the proxy looks for it, each file at once.
fn lay(site: &Path, identity: &str) {
    for kind in ["key", "pem"] {
        let new = site.join(format!("new.{kind}"));
        fs::copy(kept(&format!("{identity}.{kind}")), &new).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, site.join(format!("tls.{kind}"))).unwrap();
    }
}

/// A site with the identity `one`, a fake server, and more of `proxy.toml` (`[tls]` is open at its end).
fn site(more: &str) -> Site {
    let site = Site::new().config(&format!("{more}\n[tls]\ncert = 'tls.pem'\nkey = 'tls.key'\n"));
    lay(site.folder(), "one");
    site.fake("a", Fake::stdio())
}
