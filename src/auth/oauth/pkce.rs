//! Proof Key for Code Exchange (RFC 7636), method S256 only. Pure.

use crate::protocol::base64;
use sha2::{Digest, Sha256};

/// Whether it can be a challenge of method S256: 32 bytes in base64url.
pub fn is_challenge(challenge: &str) -> bool {
    base64::decode_url(challenge).is_some_and(|bytes| bytes.len() == 32)
}

/// Whether the challenge was made of this verifier.
pub fn proves(verifier: &str, challenge: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_verifier = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
    is_verifier && base64::encode_url(&Sha256::digest(verifier)) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, Appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_challenge_of_the_rfc_is_proved_by_its_verifier_alone() {
        assert!(is_challenge(CHALLENGE) && proves(VERIFIER, CHALLENGE));
        for wrong in
            ["", VERIFIER.trim_end_matches('k'), CHALLENGE, &format!("{VERIFIER}k"), &"x".repeat(200)]
        {
            assert!(!proves(wrong, CHALLENGE), "{wrong}");
        }
        for wrong in ["", "short", &format!("{CHALLENGE}="), &CHALLENGE.replace('-', "+")] {
            assert!(!is_challenge(wrong), "{wrong}");
        }
    }
}
