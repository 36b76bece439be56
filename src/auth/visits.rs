//! Visits to the status page: who has signed in there is known again by a signed cookie, for some hours. Nothing is kept
//! of a visit but that it was ended; a changed password or a revoked token ends all that began with it.
//!
//! A byte that says who it is, 8 of the time until when it is good, 16 of chance, 32 of what it began with, 32 of
//! signature, in base64url.

use super::digest::{Digest, new_token};
use super::owner::Owner;
use crate::ledger::{Signer, now};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a visit lasts.
pub const VISIT_SECONDS: u64 = 12 * 3600;
/// How long a link to sign in by is good.
pub const LINK_SECONDS: u64 = 120;
/// Links that wait to be used; the oldest go first.
const MOST_LINKS: usize = 8;
/// Visits that were ended and are remembered as such; the oldest go first.
const MOST_ENDED: usize = 1000;
/// What a cookie is signed as, and what a form of the page.
const COOKIE: &str = "cookie";
const FORM: &str = "form";

/// Who visits.
#[derive(Clone, Debug)]
pub(super) enum Visitor {
    /// The owner, by password or by link.
    Owner,
    /// Who has the token of this digest.
    Holder(Digest),
}

/// Begins visits and knows them again.
pub struct Visits {
    signer: Signer,
    owner: Arc<Owner>,
    links: Mutex<VecDeque<(Digest, Instant)>>,
    ended: Mutex<VecDeque<[u8; 16]>>,
}

impl Visits {
    /// Signed by this one.
    pub fn new(signer: Signer, owner: Arc<Owner>) -> Visits {
        Visits { signer, owner, links: Mutex::default(), ended: Mutex::default() }
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The cookie of a visit that begins now.
    pub(super) fn begin(&self, visitor: &Visitor) -> String {
        let (kind, key) = match visitor {
            Visitor::Owner => (0, self.owner.stamp()),
            Visitor::Holder(token) => (1, token.clone()),
        };
        let until = (now() + VISIT_SECONDS).to_be_bytes();
        let nonce = rand::random::<[u8; 16]>();
        self.signer.seal(COOKIE, &[&[kind][..], &until, &nonce, key.bytes()].concat())
    }

    /// Who comes with this cookie, while the visit lasts.
    pub(super) fn visitor(&self, cookie: &str) -> Option<Visitor> {
        let (kind, until, nonce, key) = self.read(cookie)?;
        let is_over = now() >= until || lock(&self.ended).contains(&nonce);
        match kind {
            _ if is_over => None,
            0 => key.is(&self.owner.stamp()).then_some(Visitor::Owner),
            _ => Some(Visitor::Holder(key)),
        }
    }

    /// What the forms of this visit bring back, so that no other page can send one.
    pub fn word(&self, cookie: &str) -> String {
        crate::protocol::base64::encode_url(&self.signer.mac(FORM, cookie.as_bytes()))
    }

    /// Whether a form brings that.
    pub fn is_word(&self, cookie: &str, word: &str) -> bool {
        let mac = crate::protocol::base64::decode_url(word).unwrap_or_default();
        self.signer.is_mac(FORM, cookie.as_bytes(), &mac)
    }

    /// The visit is over, at this proxy; its browser forgets the cookie.
    pub fn end(&self, cookie: &str) {
        if let Some((.., nonce, _)) = self.read(cookie) {
            let mut ended = lock(&self.ended);
            ended.push_back(nonce);
            let surplus = ended.len().saturating_sub(MOST_ENDED);
            ended.drain(..surplus);
        }
    }

    /// A code that lets the owner in once, within [`LINK_SECONDS`].
    pub fn link(&self) -> Zeroizing<String> {
        let code = new_token();
        let mut links = lock(&self.links);
        links.push_back((Digest::of(code.as_bytes()), Instant::now() + Duration::from_secs(LINK_SECONDS)));
        let surplus = links.len().saturating_sub(MOST_LINKS);
        links.drain(..surplus);
        code
    }

    /// Whether that is such a code. It is none from then on.
    pub(super) fn redeem(&self, code: &str) -> bool {
        let code = Digest::of(code.as_bytes());
        let mut links = lock(&self.links);
        let at = links.iter().position(|(known, _)| known.is(&code));
        at.and_then(|at| links.remove(at)).is_some_and(|(_, until)| Instant::now() < until)
    }

    fn read(&self, cookie: &str) -> Option<(u8, u64, [u8; 16], Digest)> {
        let bytes = self.signer.open(COOKIE, cookie)?;
        let (kind, rest) = bytes.split_first()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, key) = rest.split_first_chunk::<16>()?;
        Some((*kind, u64::from_be_bytes(*until), *nonce, Digest::from_bytes(key)?))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Password;
    use proptest::prelude::*;

    fn visits(folder: &std::path::Path) -> Visits {
        Visits::new(Signer::for_tests(), Arc::new(Owner::of_folder(folder)))
    }

    #[test]
    fn a_visit_lasts_until_it_is_ended_or_the_password_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (visits(folder.path()), visits(folder.path()));
        let (cookie, left) = (one.begin(&Visitor::Owner), one.begin(&Visitor::Owner));
        assert!(matches!(other.visitor(&cookie), Some(Visitor::Owner)), "after a restart, too");
        one.end(&left);
        assert!(one.visitor(&left).is_none() && one.visitor(&cookie).is_some());
        Password::of_folder(folder.path()).set("correct horse battery").unwrap();
        assert!(one.visitor(&cookie).is_none());
        assert!(one.visitor(&one.begin(&Visitor::Owner)).is_some());
    }

    #[test]
    fn a_visit_has_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let visits = visits(folder.path());
        let key = visits.owner.stamp();
        let at = |until: u64| {
            let bytes = [&[0][..], &until.to_be_bytes(), &[7; 16], key.bytes()].concat();
            visits.visitor(&visits.signer.seal(COOKIE, &bytes)).is_some()
        };
        assert!(at(now() + 60) && !at(now()) && !at(0));
    }

    #[test]
    fn a_link_is_good_once_and_the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let visits = visits(folder.path());
        let first = visits.link();
        let code = visits.link();
        assert!(!visits.redeem("mcp_x") && visits.redeem(&code) && !visits.redeem(&code));
        (0..MOST_LINKS).for_each(|_| drop(visits.link()));
        assert!(!visits.redeem(&first));
    }

    #[test]
    fn a_form_is_of_one_visit() {
        let folder = tempfile::tempdir().unwrap();
        let visits = visits(folder.path());
        let word = visits.word("a");
        assert!(visits.is_word("a", &word) && !visits.is_word("b", &word) && !visits.is_word("a", ""));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(cookie in "\\PC*") {
            let folder = std::path::Path::new("/dev/null");
            prop_assert!(visits(folder).visitor(&cookie).is_none());
        }
    }
}
