//! The files of `[tls]`: what is wrong with them, and how they are changed.

use crate::client::{BOTH, Talk, config};
use crate::harness::*;
use crate::{kept, lay, site};
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn certificate(identity: &str) -> Vec<u8> {
    CertificateDer::from_pem_file(kept(&format!("{identity}.pem"))).unwrap().to_vec()
}

/// Opens connections until one is under this identity.
#[track_caller]
fn wait_identity(proxy: &Proxy, identity: &str) {
    let wanted = certificate(identity);
    eventually(DEADLINE, || Talk::open(proxy.address()).certificate() == wanted);
}

#[test]
fn a_new_certificate_is_taken_up_and_connections_go_on() {
    let proxy = site("").start();
    let mut old = Talk::open(proxy.address());
    assert_eq!(old.certificate(), certificate("one"));
    lay(proxy.site.folder(), "two");
    wait_identity(&proxy, "two");
    assert!(old.get("/health").0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_bad_pair_changes_nothing_and_is_told_once() {
    let proxy = site("").start();
    let key = proxy.site.folder().join("tls.key");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
    let kept_one = |line: &str| line.contains("the certificate of before is kept");
    eventually(DEADLINE, || {
        assert_eq!(Talk::open(proxy.address()).certificate(), certificate("one"));
        proxy.log().iter().any(|line| kept_one(line))
    });
    // A certificate that the key does not belong to, as between two steps of a renewal.
    fs::copy(kept("one.key"), &key).unwrap();
    lay(proxy.site.folder(), "two");
    wait_identity(&proxy, "two");
    let log = proxy.log();
    assert_eq!(
        log.iter().filter(|line| kept_one(line) && line.contains("cannot be used")).count(),
        1,
        "{log:?}"
    );
    assert!(!log.iter().any(|line| line.contains("c2VjcmV0")));
}

#[test]
fn a_reload_reads_the_files_again() {
    let proxy = site("").start();
    proxy.wait_log(|line| line.contains("ready"));
    lay(proxy.site.folder(), "two");
    proxy.signal(Signal::HUP);
    proxy.wait_log(|line| line.contains("the certificate was read again"));
    assert_eq!(Talk::open(proxy.address()).certificate(), certificate("two"));
}

/// What the program says when it refuses to start.
#[track_caller]
fn refusal(site: &Site) -> String {
    let output = site.run(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_key_that_everybody_can_read_is_refused() {
    let site = site("");
    let key = site.folder().join("tls.key");
    for (mode, refused) in [(0o604, true), (0o606, true), (0o644, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let said = refusal(&site);
        assert_eq!(said.contains("can be read by everybody") && said.contains("chmod o="), refused, "{said}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let proxy = site.start();
    assert!(Talk::with(proxy.address(), &config(BOTH)).is_ok(), "its group may: Debian's ssl-cert");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let cases: [(&str, &str, &str); 7] = [
        ("cert = 'none.pem'\nkey = 'tls.key'", "", "[tls] cert: "),
        ("cert = 'tls.pem'\nkey = 'none.key'", "", "none.key cannot be read: "),
        ("cert = 'tls.pem'", "", "[tls] key is missing"),
        ("key = 'tls.key'", "", "[tls] cert is missing"),
        ("redirect_listen = '127.0.0.1:0'", "", "[tls] cert is missing"),
        ("cert = 'tls.key'\nkey = 'tls.key'", "", "holds no certificate"),
        ("cert = 'tls.pem'\nkey = 'tls.key'", "two", "is not the key of this certificate"),
    ];
    for (keys, other, expected) in cases {
        let site = Site::new().config(&format!("[tls]\n{keys}\n"));
        lay(site.folder(), "one");
        if !other.is_empty() {
            fs::copy(kept(&format!("{other}.pem")), site.folder().join("tls.pem")).unwrap();
        }
        let said = refusal(&site);
        assert!(said.contains(expected), "{keys}: {said}");
    }
}
