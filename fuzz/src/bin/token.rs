//! Session ids: whatever verifies was issued, to the letter, for this server and this client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::revision::NEWEST_LEGACY;
use mcp_proxy::fuzzing::{Ledger, Owner};
use std::sync::LazyLock;

static LEDGER: LazyLock<Ledger> = LazyLock::new(Ledger::for_tests);
const OWNER: Owner<'_> = Owner { server: "notes", principal: "ann" };

/// The id with letters changed: each pair of bytes is a place and what stands there then.
fn changed(id: &str, bytes: &[u8]) -> Vec<u8> {
    let mut changed = id.as_bytes().to_vec();
    for pair in bytes.chunks_exact(2) {
        let place = usize::from(pair[0]) % changed.len();
        changed[place] = pair[1];
    }
    changed
}

fuzz_target!(|bytes: &[u8]| {
    let (claims, id) = LEDGER.issue(OWNER, NEWEST_LEGACY, bytes.first().copied().unwrap_or(0));
    assert_eq!(LEDGER.verify(&id, OWNER), Some(claims));
    if let Ok(other) = std::str::from_utf8(&changed(&id, bytes)) {
        assert_eq!(LEDGER.verify(other, OWNER).is_some(), other == id);
    }
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    assert_eq!(LEDGER.verify(text, OWNER), None);
    assert_eq!(LEDGER.verify(&format!("{id}{text}"), OWNER).is_some(), text.is_empty());
    // Names of any form, and any cut between the two.
    for (at, _) in text.char_indices() {
        let (server, principal) = text.split_at(at);
        let owner = Owner { server, principal };
        assert_eq!(LEDGER.verify(&id, owner).is_some(), owner == OWNER);
    }
});
