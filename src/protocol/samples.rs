//! Generated JSON text for property tests: with all that a parser and printer would change.

use proptest::prelude::*;

/// Keys that mean something somewhere, plain ones, and spellings with escapes, one of which spells no text.
const KEYS: &[&str] = &[
    "a",
    "b",
    "_meta",
    "_meta",
    "\\u005fmeta",
    "\\ud800",
    "progressToken",
    "resultType",
    "ttlMs",
    "cacheScope",
    "requestState",
    "inputResponses",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol\\/clientCapabilities",
    "io.modelcontextprotocol/clientInf\\u006f",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/serverInfo",
    "io.modelcontextprotocol/subscriptionId",
];

const LEAVES: &[&str] = &[
    "null",
    "true",
    "1.0",
    "-0",
    "1e400",
    "123456789012345678901234567890",
    "\"\"",
    "\"\\ud800 \\u00e9 \\/ \\\"}\"",
    "\"\u{200d}é\u{10ffff}\"",
    "{}",
    "[ ]",
];

const SPACES: &[&str] = &["", "", "", " ", "\n\t"];

/// Raw text of any value, nesting at most `depth` levels.
pub(super) fn any_json(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_string);
    leaf.prop_recursive(depth, 24, 5, |inner| prop_oneof![object_of(inner.clone()), array_of(inner)]).boxed()
}

/// Raw text of any object: keys may stand twice, with or without escapes.
pub(super) fn any_object(depth: u32) -> BoxedStrategy<String> {
    object_of(any_json(depth).boxed())
}

fn object_of(value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let member = (prop::sample::select(KEYS), space(), space(), value, space())
        .prop_map(|(key, before, colon, value, after)| format!("{before}\"{key}\"{colon}: {value}{after}"));
    (prop::collection::vec(member, 0..5), space())
        .prop_map(|(members, end)| format!("{{{}{end}}}", members.join(",")))
        .boxed()
}

fn array_of(value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop::collection::vec(value, 0..3).prop_map(|items| format!("[{}]", items.join(" ,"))).boxed()
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SPACES)
}

/// Whether all bytes of `part` stand in `whole` in their order: nothing was changed, only added.
pub(super) fn is_within(part: &str, whole: &str) -> bool {
    let mut whole = whole.bytes();
    part.bytes().all(|byte| whole.any(|other| other == byte))
}
