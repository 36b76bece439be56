//! What several targets need.

use std::str;

/// The same bytes in pieces: one by one, and cut at a few places.
pub fn splits(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut splits: Vec<Vec<&[u8]>> = [1, 2, 7].iter().map(|size| bytes.chunks(*size).collect()).collect();
    let halves = [1, bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)];
    splits.extend(halves.iter().filter(|at| **at <= bytes.len()).map(|at| {
        let (left, right) = bytes.split_at(*at);
        vec![left, right]
    }));
    splits
}

/// The input as text, if it is some.
pub fn text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok()
}

/// Whether it is JSON, without a look into its strings and numbers.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether all bytes of `part` stand in `whole` in their order: nothing was changed, only added.
pub fn is_within(part: &str, whole: &str) -> bool {
    let mut whole = whole.bytes();
    part.bytes().all(|byte| whole.any(|other| other == byte))
}
