//! Session ids: signed tokens of one form, 56 bytes as 112 hexadecimal digits. Pure.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | nonce, random |
//! | 1 | form of the token: 1 |
//! | 5 | time of issue, in seconds since 1970 |
//! | 1 | revision of the protocol: the place in the list of those that begin with `initialize` |
//! | 1 | what the client can be asked, as bits |
//! | 32 | HMAC-SHA-256 over all of these, the server's name and the client's |
//!
//! `Mcp-Session-Id` has to be visible ASCII, unique and hard to guess (2025-11-25, basic, transports, Session Management).

use super::Owner;
use super::key::{Key, MAC_BYTES};
use crate::protocol::revision::Revision;

/// The only form there is so far.
const FORM: u8 = 1;
const CLAIM_BYTES: usize = 24;
const TOKEN_BYTES: usize = CLAIM_BYTES + MAC_BYTES;

/// What an id says of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Tells it from all other sessions.
    pub nonce: u128,
    /// When it began, in seconds since 1970; 40 bits of it are kept.
    pub issued: u64,
    /// What was negotiated.
    pub revision: Revision,
    /// What the client can be asked.
    pub capabilities: u8,
}

impl Claims {
    /// The parameters of an `initialize` as far as an id knows them; `capabilities` (raw JSON) is what its bits mean.
    pub fn hello(&self, capabilities: &str) -> String {
        let revision = self.revision.as_str();
        let client = r#"{"name":"unknown","version":"0"}"#;
        format!(r#"{{"protocolVersion":"{revision}","capabilities":{capabilities},"clientInfo":{client}}}"#)
    }
}

/// The id of a session.
pub(super) fn write(claims: &Claims, owner: Owner<'_>, key: &Key) -> String {
    let mut bytes = [0; TOKEN_BYTES];
    let (said, mac) = bytes.split_at_mut(CLAIM_BYTES);
    said[..16].copy_from_slice(&claims.nonce.to_be_bytes());
    said[16] = FORM;
    said[17..22].copy_from_slice(&claims.issued.to_be_bytes()[3..]);
    said[22] = claims.revision.index();
    said[23] = claims.capabilities;
    mac.copy_from_slice(&key.sign(&signed(said, owner)));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an id says, if it is one that [`write()`] has made for this owner with this key.
pub(super) fn read(id: &str, owner: Owner<'_>, key: &Key) -> Option<Claims> {
    let bytes = decode(id)?;
    let (said, mac) = bytes.split_at(CLAIM_BYTES);
    if said[16] != FORM || !key.verify(&signed(said, owner), mac) {
        return None;
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    Some(Claims {
        nonce: number(&said[..16]),
        issued: number(&said[17..22]) as u64,
        revision: Revision::at(said[22])?,
        capabilities: said[23],
    })
}

/// What is signed. The lengths keep one name from reaching into the other.
fn signed<'s>(said: &'s [u8], owner: Owner<'s>) -> [Vec<u8>; 4] {
    let counted = |text: &str| [&(text.len() as u64).to_be_bytes(), text.as_bytes()].concat();
    [b"mcp-proxy session".to_vec(), said.to_vec(), counted(owner.server), counted(owner.principal)]
}

/// Only the digits that [`write()`] uses: an id has one spelling.
fn decode(id: &str) -> Option<[u8; TOKEN_BYTES]> {
    let digits = id.as_bytes();
    if digits.len() != 2 * TOKEN_BYTES {
        return None;
    }
    let mut bytes = [0; TOKEN_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::revision::NEWEST_LEGACY;
    use proptest::prelude::*;

    const OWNER: Owner<'_> = Owner { server: "notes", principal: "ann" };

    fn key(seed: u8) -> Key {
        Key::for_tests([seed; 32])
    }

    fn claims(nonce: u128, issued: u64, capabilities: u8) -> Claims {
        Claims { nonce, issued, revision: NEWEST_LEGACY, capabilities }
    }

    #[test]
    fn an_id_is_for_its_owner_alone() {
        let said = claims(7, 1_800_000_000, 3);
        let id = write(&said, OWNER, &key(1));
        assert_eq!(read(&id, OWNER, &key(1)), Some(said));
        assert!(id.len() <= 200 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let others = [("note", "sann"), ("notes", "bob"), ("notes", ""), ("notesann", ""), ("", "notesann")];
        for (server, principal) in others {
            assert_eq!(read(&id, Owner { server, principal }, &key(1)), None, "{server} {principal}");
        }
        assert_eq!(read(&id, OWNER, &key(2)), None);
    }

    #[test]
    fn whatever_is_not_the_id_to_the_letter_is_none() {
        let id = write(&claims(u128::MAX, 1, 0), OWNER, &key(1));
        for at in 0..id.len() {
            let other = if &id[at..=at] == "0" { "1" } else { "0" };
            assert_eq!(read(&[&id[..at], other, &id[at + 1..]].concat(), OWNER, &key(1)), None, "{at}");
            assert_eq!(read(&id[..at], OWNER, &key(1)), None, "{at}");
        }
        for wrong in
            [format!("{id}0"), format!("{id}00"), id.to_uppercase(), format!(" {id}"), "ä".repeat(56)]
        {
            assert_eq!(read(&wrong, OWNER, &key(1)), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(nonce: u128, issued in 0u64..1 << 40, capabilities: u8) {
            let said = claims(nonce, issued, capabilities);
            prop_assert_eq!(read(&write(&said, OWNER, &key(1)), OWNER, &key(1)), Some(said));
        }

        #[test]
        fn whatever_comes_is_judged(id in "\\PC*", hex in "[0-9a-f]{112}") {
            prop_assert_eq!(read(&id, OWNER, &key(1)), None);
            prop_assert_eq!(read(&hex, OWNER, &key(1)), None);
        }
    }
}
