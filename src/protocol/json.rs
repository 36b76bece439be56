//! JSON text as text: its depth, the members of an object, splicing.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Whether arrays and objects nest deeper than `max`. Brackets inside strings do not count.
/// Works on any text, valid JSON or not.
pub fn is_deeper_than(text: &str, max: usize) -> bool {
    if text.len() <= max {
        return false;
    }
    let mut depth = 0usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

/// The raw text of every value that `key` has in `object` (duplicates included), or nothing if it is no object.
pub fn members<'t>(object: &'t str, key: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    let whole = choose(object, |raw| spells(raw, key).then_some(0), |_, value| found.push(value));
    whole.map(|()| found).unwrap_or_default()
}

/// The last value that `key` has in `object`: what a parser that keeps the last of duplicates sees.
pub fn member<'t>(object: &'t str, key: &str) -> Option<&'t str> {
    let [value] = picked(object, [key]);
    value
}

/// The same of several keys, read once.
pub fn picked<'t, const N: usize>(object: &'t str, keys: [&str; N]) -> [Option<&'t str>; N] {
    let mut found = [None; N];
    let place = |raw: &str| keys.iter().position(|key| spells(raw, key));
    let whole = choose(object, place, |place, value| found[place] = Some(value));
    whole.map_or([None; N], |()| found)
}

/// `None` if it is no object to its end.
fn choose<'t>(
    object: &'t str,
    place: impl Fn(&str) -> Option<usize>,
    put: impl FnMut(usize, &'t str),
) -> Option<()> {
    serde_json::Deserializer::from_str(object).deserialize_map(Chosen { place, put }).ok()
}

/// Cheap first look: in a text without the name (or an escape that could spell it) no member has it.
pub fn may_name(text: &str, name: &str) -> bool {
    text.contains(name) || text.contains('\\')
}

/// The members of an object in their order, keys and values as raw text; `None` if it is no object.
pub fn entries(object: &str) -> Option<Vec<(&str, &str)>> {
    serde_json::Deserializer::from_str(object).deserialize_map(Entries).ok()
}

/// An object of these members, keys and values being raw text.
pub fn object<'t>(entries: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
    let members = entries.into_iter().map(|(key, value)| format!("{key}:{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The elements of an array as raw text; `None` if it is no array.
pub fn items(array: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// What is to be cut out of `whole`, of which `array` must be a slice, so that the items go which `keep` says nothing
/// for, and one comma with each; `None` if it is no array.
pub fn cuts<'t>(
    whole: &str,
    array: &'t str,
    mut keep: impl FnMut(&'t str) -> bool,
) -> Option<Vec<Range<usize>>> {
    let items = items(array)?;
    let mut cuts = Vec::new();
    // Where the item before this one ends, and whether any before it stays.
    let (mut end, mut is_first) = (0, true);
    for (n, item) in items.iter().enumerate() {
        let place = span(whole, item);
        let next = items.get(n + 1).map_or(place.end, |next| span(whole, next).start);
        match keep(item) {
            true => is_first = false,
            // The comma before it goes, or the one behind where nothing is left before it.
            false if is_first => cuts.push(place.start..next),
            false => cuts.push(end..place.end),
        }
        end = place.end;
    }
    Some(cuts)
}

/// A copy of `text` without these parts, which follow each other.
pub fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        left.push_str(&text[from..cut.start]);
        from = cut.end;
    }
    left.push_str(&text[from..]);
    left
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    match text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        true => serde_json::Value::from(text).to_string(),
        false => ["\"", text, "\""].concat(),
    }
}

/// What becomes of one member when an object is edited.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is.
    Keep,
    /// It goes, and one comma with it.
    Drop,
    /// It gets this value (raw text).
    Replace(String),
}

/// A copy of `object` in which `change` decides about each member (raw key, raw value) and `added` follow the last;
/// all other bytes are kept, white space too. Added names are plain text that needs no escapes, values raw text.
/// `None` if it is no object.
pub fn edit<'t>(
    object: &'t str,
    added: &[(&'static str, &str)],
    change: impl FnMut(&'t str, &'t str) -> Change,
) -> Option<String> {
    Some(edit_read(object, &entries(object)?, added, change))
}

/// The same for an object whose [`entries`] were read before.
pub fn edit_read<'t>(
    object: &'t str,
    entries: &[(&'t str, &'t str)],
    added: &[(&'static str, &str)],
    mut change: impl FnMut(&'t str, &'t str) -> Change,
) -> String {
    let added_len: usize = added.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut edited = String::with_capacity(object.len() + added_len);
    // Up to where the object is copied (or cut), and where the member before this one ends.
    let (mut from, mut end, mut is_empty) = (0, object.find('{').map_or(0, |brace| brace + 1), true);
    for (n, &(key, value)) in entries.iter().enumerate() {
        let place = span(object, value);
        match change(key, value) {
            Change::Keep => is_empty = false,
            Change::Replace(new) => {
                edited.push_str(&object[from..place.start]);
                edited.push_str(&new);
                (from, is_empty) = (place.end, false);
            }
            // The comma before it goes, or the one behind where nothing is left before it.
            Change::Drop => {
                let next = entries.get(n + 1).map_or(place.end, |(next, _)| span(object, next).start);
                let cut = if is_empty { span(object, key).start..next } else { end..place.end };
                edited.push_str(&object[from..cut.start]);
                from = cut.end;
            }
        }
        end = place.end;
    }
    let end = end.max(from);
    edited.push_str(&object[from..end]);
    for (name, value) in added {
        let comma = if is_empty { "" } else { "," };
        edited.extend([comma, "\"", name, "\":", value]);
        is_empty = false;
    }
    edited.push_str(&object[end..]);
    edited
}

/// The text of a JSON string, unescaped; `None` if `raw` is not a string.
pub fn string(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// The same for a value of a text that was read before, borrowed where it has no escapes.
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.contains('\\') {
        true => string(raw).map(Cow::Owned),
        false => raw.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed),
    }
}

/// Whether the JSON string `raw` spells `text`. One with half a surrogate pair spells no text at all.
pub fn spells(raw: &str, text: &str) -> bool {
    self::text(raw).as_deref() == Some(text)
}

struct Entries;

impl<'t> Visitor<'t> for Entries {
    type Value = Vec<(&'t str, &'t str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some((key, value)) = map.next_entry::<&'t RawValue, &'t RawValue>()? {
            all.push((key.get(), value.get()));
        }
        Ok(all)
    }
}

/// Hands on the raw value of each member whose raw key has a place.
struct Chosen<P, F> {
    place: P,
    put: F,
}

impl<'t, P, F> Visitor<'t> for Chosen<P, F>
where
    P: Fn(&str) -> Option<usize>,
    F: FnMut(usize, &'t str),
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&'t RawValue>()? {
            match (self.place)(key.get()) {
                Some(place) => (self.put)(place, map.next_value::<&'t RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Where `part` stands in `whole`, of which it must be a slice.
pub fn span(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    debug_assert!(start + part.len() <= whole.len(), "not a slice of the text");
    start..start + part.len()
}

/// A copy of `text` on one line, as stdio wants it, with `replacement` in the place of each of `cuts`.
/// Line ends can only be white space between tokens (a JSON string holds none), so they become spaces.
pub fn splice_line(text: &str, cuts: &mut [Range<usize>], replacement: &str) -> Vec<u8> {
    cuts.sort_by_key(|cut| cut.start);
    let mut line = Vec::with_capacity(text.len() + cuts.len() * replacement.len() + 1);
    let mut from = 0;
    for cut in cuts.iter() {
        line.extend_from_slice(&text.as_bytes()[from..cut.start]);
        line.extend_from_slice(replacement.as_bytes());
        from = cut.end;
    }
    line.extend_from_slice(&text.as_bytes()[from..]);
    if text.as_bytes().contains(&b'\n') || text.as_bytes().contains(&b'\r') {
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::super::samples::any_object;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        assert!(!is_deeper_than(r#"{"a":["]{[["]}"#, 2));
        assert!(is_deeper_than(r#"{"a":[[1]]}"#, 2));
        assert!(!is_deeper_than(r#""\"[[[""#, 0));
        assert!(is_deeper_than(&"[".repeat(100_000), 512));
    }

    #[test]
    fn members_keep_their_text_and_their_duplicates() {
        let object = r#"{"k":1.0,"x":{"k":2},"\u006b": 1e400 }"#;
        assert_eq!(members(object, "k"), ["1.0", "1e400"]);
        assert!(members("[1]", "k").is_empty());
    }

    #[test]
    fn the_last_of_duplicates_is_picked_for_each_key() {
        let object = r#"{"a":1,"b":[2],"\u0061":3,"c":4}"#;
        assert_eq!(picked(object, ["b", "a", "d"]), [Some("[2]"), Some("3"), None]);
        assert_eq!(picked(r#"{"a":1,"b"}"#, ["a"]), [None]);
        assert_eq!(member("[1]", "a"), None);
    }

    #[test]
    fn a_key_that_is_no_text_hides_nothing() {
        let object = r#"{"\ud800":1,"k\udfff":2,"k":3}"#;
        assert_eq!(members(object, "k"), ["3"]);
        assert_eq!(super::object(entries(object).unwrap()), object);
    }

    #[test]
    fn an_object_can_be_rebuilt_from_its_entries() {
        let text = r#"{"b":1.0,"a\"\u0061":[1, 2],"b":{}}"#;
        assert_eq!(object(entries(text).unwrap()), text);
        assert!(entries("[]").is_none());
    }

    #[test]
    fn an_edit_takes_one_comma_with_each_member_that_goes() {
        let without = |object: &'static str, gone: &str| {
            let change = |key: &str, _: &str| if gone.contains(key) { Change::Drop } else { Change::Keep };
            edit(object, &[], change).unwrap()
        };
        let object = r#"{ "a" : 1 , "b":2 ,"c": 3 }"#;
        assert_eq!(without(object, ""), object);
        assert_eq!(without(object, r#""a""#), r#"{ "b":2 ,"c": 3 }"#);
        assert_eq!(without(object, r#""b""#), r#"{ "a" : 1 ,"c": 3 }"#);
        assert_eq!(without(object, r#""c""#), r#"{ "a" : 1 , "b":2 }"#);
        assert_eq!(without(object, r#""a""b""#), r#"{ "c": 3 }"#);
        assert_eq!(without(object, r#""b""c""#), r#"{ "a" : 1 }"#);
        assert_eq!(without(object, r#""a""c""#), r#"{ "b":2 }"#);
        assert_eq!(without(object, r#""a""b""c""#), "{  }");
    }

    #[test]
    fn an_edit_replaces_and_adds() {
        let change = |key: &str, _: &str| match key {
            r#""a""# => Change::Drop,
            r#""b""# => Change::Replace("[]".into()),
            _ => Change::Keep,
        };
        let edited = |object| edit(object, &[("x", "1e400"), ("y", "{}")], change);
        assert_eq!(edited(r#"{"a":1,"b":2 }"#).unwrap(), r#"{"b":[],"x":1e400,"y":{} }"#);
        assert_eq!(edited(r#" {"a":1 } "#).unwrap(), r#" {"x":1e400,"y":{} } "#);
        assert_eq!(edited("{ }").unwrap(), r#"{"x":1e400,"y":{} }"#);
        assert_eq!(edited("[1]"), None);
        assert_eq!(edited("null"), None);
    }

    #[test]
    fn items_keep_their_text() {
        assert_eq!(items("[1.0, {\"a\":1e400},[]]").unwrap(), ["1.0", "{\"a\":1e400}", "[]"]);
        assert!(items("{}").is_none());
    }

    #[test]
    fn splicing_keeps_all_other_bytes() {
        let text = "{\"id\": 7,\r\n\"m\":\"\\n\"}";
        let id = span(text, &text[7..8]);
        assert_eq!(splice_line(text, &mut [id], "\"x\""), b"{\"id\": \"x\",  \"m\":\"\\n\"}\n");
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_text(text in "\\PC*", key in "\\PC{0,3}") {
            is_deeper_than(&text, 3);
            members(&text, &key);
            items(&text);
            edit(&text, &[("a", "1")], |_, _| Change::Drop);
        }

        #[test]
        fn what_is_added_can_be_dropped_again(object in any_object(2)) {
            prop_assume!(members(&object, "added").is_empty());
            let added = edit(&object, &[("added", "1.0")], |_, _| Change::Keep).unwrap();
            prop_assert_eq!(members(&added, "added"), ["1.0"]);
            let change = |key: &str, _: &str| if spells(key, "added") { Change::Drop } else { Change::Keep };
            prop_assert_eq!(edit(&added, &[], change).unwrap(), object);
        }
    }
}
