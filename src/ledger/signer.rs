//! Signed texts for other purposes than sessions: what a signer has sealed it opens again, after a restart and at every
//! proxy with the same key, and nobody else can make one.

use super::key::{Key, MAC_BYTES};
use crate::protocol::base64;

/// Seals and opens texts of one purpose, each of a kind.
pub struct Signer(Key);

impl Signer {
    pub(super) fn new(key: &Key, purpose: &str) -> Signer {
        Signer(key.for_purpose(purpose))
    }

    /// The bytes and their signature as one word of letters, digits, `-` and `_`. They can be read by anybody.
    pub fn seal(&self, kind: &str, bytes: &[u8]) -> String {
        base64::encode_url(&[bytes, &self.mac(kind, bytes)].concat())
    }

    /// The bytes, if [`Signer::seal`] has made this word of them for the same kind.
    pub fn open(&self, kind: &str, word: &str) -> Option<Vec<u8>> {
        let mut bytes = base64::decode_url(word)?;
        let mac = bytes.split_off(bytes.len().checked_sub(MAC_BYTES)?);
        self.0.verify(&parts(kind, &bytes), &mac).then_some(bytes)
    }

    /// A secret that belongs to these bytes.
    pub fn mac(&self, kind: &str, bytes: &[u8]) -> [u8; MAC_BYTES] {
        self.0.sign(&parts(kind, bytes))
    }

    /// Whether that is the secret of these bytes; takes the same time wherever it differs.
    pub fn is_mac(&self, kind: &str, bytes: &[u8], mac: &[u8]) -> bool {
        self.0.verify(&parts(kind, bytes), mac)
    }

    /// With a key that others have too.
    #[cfg(test)]
    pub fn for_tests() -> Signer {
        Signer::new(&Key::for_tests([1; 32]), "tests")
    }
}

/// The length keeps one kind from reaching into the bytes of another.
fn parts(kind: &str, bytes: &[u8]) -> [Vec<u8>; 3] {
    [(kind.len() as u64).to_be_bytes().to_vec(), kind.as_bytes().to_vec(), bytes.to_vec()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_is_good_for_its_kind_and_purpose_alone() {
        let key = Key::for_tests([1; 32]);
        let (signer, other) = (Signer::new(&key, "a"), Signer::new(&key, "b"));
        let word = signer.seal("code", b"what");
        assert_eq!(signer.open("code", &word).unwrap(), b"what");
        assert_eq!(signer.open("codew", &word), None);
        assert_eq!(other.open("code", &word), None);
        assert_eq!(Signer::new(&Key::for_tests([2; 32]), "a").open("code", &word), None);
        assert!(!key.verify(&parts("code", b"what"), &signer.mac("code", b"what")));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(bytes in prop::collection::vec(any::<u8>(), 0..100), kind in "\\PC*") {
            let signer = Signer::for_tests();
            prop_assert_eq!(signer.open(&kind, &signer.seal(&kind, &bytes)).unwrap(), bytes);
        }

        #[test]
        fn a_changed_letter_opens_nothing(bytes in prop::collection::vec(any::<u8>(), 0..40), at: prop::sample::Index) {
            let signer = Signer::for_tests();
            let word = signer.seal("code", &bytes);
            let at = at.index(word.len());
            let other = if &word[at..=at] == "A" { "B" } else { "A" };
            prop_assert_eq!(signer.open("code", &[&word[..at], other, &word[at + 1..]].concat()), None);
            prop_assert_eq!(signer.open("code", &word[..at]), None);
        }

        #[test]
        fn whatever_comes_is_judged(word in "\\PC*") {
            prop_assert_eq!(Signer::for_tests().open("code", &word), None);
        }
    }
}
