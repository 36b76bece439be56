//! What an id says of how its session began, for when all else about it is lost.

use crate::protocol::json;
use crate::protocol::revision::{NEWEST_LEGACY, Revision};

/// Marks the ids of sessions that an HTTP server keeps itself, among the bits of what a client can be asked: the
/// sessions of the bridge do without it.
pub(in crate::forward) const OF_SERVER: u8 = 0x80;
/// What a client can be asked, and its bit.
const ASKABLE: [(&str, u8); 3] = [("roots", 1), ("sampling", 2), ("elicitation", 4)];

/// The revision that `initialize` asks for, and the bits of its session's id.
pub(in crate::forward) fn said(params: Option<&str>) -> (Revision, u8) {
    let member = |name| json::member(params?, name);
    let revision = member("protocolVersion").and_then(json::string);
    let revision = revision.and_then(|revision| Revision::parse(&revision)).unwrap_or(NEWEST_LEGACY);
    let capabilities = member("capabilities").unwrap_or("{}");
    let declared = ASKABLE.iter().filter(|(name, _)| json::member(capabilities, name).is_some());
    (revision, declared.fold(OF_SERVER, |bits, (_, bit)| bits | bit))
}

/// The `capabilities` of an `initialize` that says the same, raw JSON.
pub(in crate::forward) fn declaration(bits: u8) -> String {
    let declared = ASKABLE.iter().filter(|(_, bit)| bits & bit != 0);
    let declared: Vec<String> = declared.map(|(name, _)| json::quoted(name)).collect();
    json::object(declared.iter().map(|name| (name.as_str(), "{}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_enough_for_a_handshake() {
        let params = r#"{"protocolVersion":"2025-06-18","capabilities":{"sampling":{"x":1},"roots":{}}}"#;
        let (revision, capabilities) = said(Some(params));
        assert_eq!((revision.as_str(), capabilities), ("2025-06-18", OF_SERVER | 1 | 2));
        assert_eq!(declaration(capabilities), r#"{"roots":{},"sampling":{}}"#);
        assert_eq!(said(None), (NEWEST_LEGACY, OF_SERVER));
    }
}
