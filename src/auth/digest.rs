//! Secrets as they are kept and compared: never themselves, only their SHA-256. A token has 256 random bits, so its
//! digest cannot be turned back by guessing, and needs no salt and no slow hash.

use crate::protocol::base64;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Every token begins so: whoever finds one, a person or a scanner of repositories, sees what it is.
const PREFIX: &str = "mcp_";

/// What is kept of a secret.
#[derive(Clone, Debug)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of this secret.
    pub fn of(secret: &[u8]) -> Digest {
        Digest(Sha256::digest(secret).into())
    }

    /// Whether both are of the same secret; takes the same time wherever they differ.
    pub fn is(&self, other: &Digest) -> bool {
        are_same(&self.0, &other.0)
    }

    /// The 32 bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of [`Digest::bytes`].
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Digest> {
        bytes.try_into().ok().map(Digest)
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // a String takes it all
            text
        })
    }

    /// Reads what [`Digest::to_hex`] has written.
    pub fn from_hex(text: &str) -> Option<Digest> {
        let mut bytes = [0; 32];
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(pair?, 16).ok()?;
        }
        (text.len() == 64 && Digest(bytes).to_hex() == text).then_some(Digest(bytes))
    }
}

/// Whether two secrets are the same; takes the same time wherever they differ.
pub(super) fn are_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// A token nobody has had before: `mcp_` and 43 characters of base64url (RFC 4648, section 5), 256 bits.
pub fn new_token() -> Zeroizing<String> {
    let bits = Zeroizing::new(rand::random::<[u8; 32]>());
    let digits = Zeroizing::new(base64::encode_url(&bits[..]));
    Zeroizing::new([PREFIX, &digits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_digest_is_written_and_read() {
        let digest = Digest::of(b"abc");
        assert!(digest.to_hex().starts_with("ba7816bf8f01cfea414140de5dae2223"), "{}", digest.to_hex());
        assert!(Digest::from_hex(&digest.to_hex()).unwrap().is(&digest));
        assert!(!Digest::of(b"abd").is(&digest));
        for wrong in ["", "ba", &"g".repeat(64), &"é".repeat(32), &"+a".repeat(32), &digest.to_hex()[1..]] {
            assert!(Digest::from_hex(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let all: HashSet<String> = (0..1000).map(|_| new_token().to_string()).collect();
        assert_eq!(all.len(), 1000);
        let digits: HashSet<char> = all.iter().flat_map(|token| token[4..].chars()).collect();
        assert_eq!(digits.len(), 64, "every digit is used");
        assert!(all.iter().all(|token| token.len() == 47 && token.starts_with("mcp_")));
    }
}
