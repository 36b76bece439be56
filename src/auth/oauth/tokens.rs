//! Access and refresh tokens: words that say which grant they belong to, signed. Pure; whether that grant still is there
//! says [`super::grants`].
//!
//! 16 bytes of the grant's id, 8 of a number (until when an access token is good; which in turn a refresh token is), 32
//! of signature, in base64url behind a prefix that secret scanners and people recognise.

use crate::ledger::Signer;

/// How long an access token is good.
pub const ACCESS_SECONDS: u64 = 3600;

/// The two kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opens servers.
    Access,
    /// Gets the next access token.
    Refresh,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Kind::Access => "mcpo_",
            Kind::Refresh => "mcpr_",
        }
    }
}

/// The token of this kind for a grant.
pub fn write(kind: Kind, grant: &str, number: u64, signer: &Signer) -> String {
    let grant = u128::from_str_radix(grant, 16).unwrap_or_default();
    let bytes = [&grant.to_be_bytes()[..], &number.to_be_bytes()].concat();
    kind.prefix().to_string() + &signer.seal(kind.prefix(), &bytes)
}

/// The id of its grant and its number, if [`write()`] has made this token.
pub fn read(kind: Kind, token: &str, signer: &Signer) -> Option<(String, u64)> {
    let bytes = signer.open(kind.prefix(), token.strip_prefix(kind.prefix())?)?;
    let (grant, number) = bytes.split_first_chunk::<16>()?;
    let number = u64::from_be_bytes(number.try_into().ok()?);
    Some((format!("{:032x}", u128::from_be_bytes(*grant)), number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_of_one_kind() {
        let (signer, grant) = (Signer::for_tests(), format!("{:032x}", 7));
        let access = write(Kind::Access, &grant, 99, &signer);
        assert_eq!(read(Kind::Access, &access, &signer), Some((grant, 99)));
        assert_eq!(read(Kind::Refresh, &access, &signer), None);
        assert_eq!(read(Kind::Refresh, &access.replace("mcpo_", "mcpr_"), &signer), None);
        assert!(access.len() < 100, "{}", access.len());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(grant: u128, number: u64) {
            let (signer, grant) = (Signer::for_tests(), format!("{grant:032x}"));
            let token = write(Kind::Refresh, &grant, number, &signer);
            prop_assert_eq!(read(Kind::Refresh, &token, &signer), Some((grant, number)));
        }

        #[test]
        fn a_changed_letter_opens_nothing(at: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
            let signer = Signer::for_tests();
            let token = write(Kind::Access, &format!("{:032x}", 7), 99, &signer);
            let at = at.index(token.len());
            let changed = [&token[..at], &letter, &token[at + 1..]].concat();
            prop_assert_eq!(read(Kind::Access, &changed, &signer).is_some(), changed == token);
            prop_assert_eq!(read(Kind::Access, &token[..at], &signer), None);
        }

        #[test]
        fn whatever_comes_is_judged(token in "(mcpo_)?\\PC*") {
            prop_assert_eq!(read(Kind::Access, &token, &Signer::for_tests()), None);
        }
    }
}
