//! Tools by their names: for which a call is, and lists without those that are not to be seen. What is not taken away
//! stays byte for byte.
//!
//! Whatever is read here is read as its strictest and as its most lenient reader would: a name that stands twice counts
//! twice, and there are parsers (Go's `encoding/json`) to which `Name` is `name`.

use super::json;
use super::message::{Kind, Message};
use std::ops::Range;

/// What some reader could take for the members of an envelope.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// Not one JSON-RPC message nor a batch of them, or one that not everybody reads alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Whether everybody finds the same members in the envelope of a message.
pub fn is_plain(message: &Message<'_>) -> bool {
    let entries = json::entries(message.text).unwrap_or_default();
    let is_odd = |key: &str, name: &&str| is_like(key, name) && !json::spells(key, name);
    !entries.iter().any(|(key, _)| ENVELOPE.iter().any(|name| is_odd(key, name)))
}

/// The names of the tool that a call with these parameters is for: more than one where it stands more than once.
///
/// # Errors
/// There is none, or one that is no text.
pub fn called(params: Option<&str>) -> Result<Vec<String>, Unreadable> {
    names(params.ok_or(Unreadable)?)
}

/// The text of an answer without the tools that `shows` says nothing for; `None` if that is the text as it is. Only
/// the member `tools` of a result is looked at.
///
/// # Errors
/// It is no answer that can be read.
pub fn shown(text: &str, shows: &dyn Fn(&str) -> bool) -> Result<Option<String>, Unreadable> {
    let messages = match text.trim_start().starts_with('[') {
        true => json::items(text).ok_or(Unreadable)?,
        false => vec![text],
    };
    let mut cuts = Vec::new();
    for message in messages {
        cuts.extend(hidden(text, message, shows)?);
    }
    Ok((!cuts.is_empty()).then(|| json::without(text, &cuts)))
}

fn hidden(whole: &str, message: &str, shows: &dyn Fn(&str) -> bool) -> Result<Vec<Range<usize>>, Unreadable> {
    let message = Message::parse(message, usize::MAX).map_err(|_| Unreadable)?;
    if !is_plain(&message) {
        return Err(Unreadable);
    }
    let Kind::Response { result: Some(result), .. } = message.kind else { return Ok(Vec::new()) };
    let mut cuts = Vec::new();
    for (key, tools) in json::entries(result).unwrap_or_default() {
        // There are servers that write null for no tools.
        if is_like(key, "tools") && tools != "null" {
            let is_shown = |tool: &str| is_shown(tool, shows);
            cuts.extend(json::cuts(whole, tools, is_shown).ok_or(Unreadable)?);
        }
    }
    Ok(cuts)
}

fn is_shown(tool: &str, shows: &dyn Fn(&str) -> bool) -> bool {
    names(tool).is_ok_and(|names| names.iter().all(|name| shows(name)))
}

/// Every value of `name` in an object, of which there is at least one.
fn names(object: &str) -> Result<Vec<String>, Unreadable> {
    let entries = json::entries(object).ok_or(Unreadable)?;
    let named = entries.into_iter().filter(|(key, _)| is_like(key, "name"));
    let names: Option<Vec<String>> = named.map(|(_, value)| json::string(value)).collect();
    names.filter(|names| !names.is_empty()).ok_or(Unreadable)
}

/// Whether some reader takes a raw key for this name, which is in lower case.
fn is_like(key: &str, name: &str) -> bool {
    let plain = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match plain.filter(|plain| plain.is_ascii() && !plain.contains('\\')) {
        Some(plain) => plain.eq_ignore_ascii_case(name),
        None => json::string(key).is_some_and(|key| folded(&key) == folded(name)),
    }
}

/// Without upper and lower case, the long s and the Kelvin sign included.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{any_json, any_object, is_within};
    use super::*;
    use proptest::prelude::*;

    fn reads(name: &str) -> bool {
        name.starts_with("read")
    }

    fn answer(tools: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1.0,"result":{{"nextCursor":"2", "tools" : {tools},"x":1e400}}}}"#)
    }

    #[track_caller]
    fn is_left(tools: &str, left: &str) {
        let shown = shown(&answer(tools), &reads).unwrap();
        assert_eq!(shown.unwrap_or_else(|| answer(tools)), answer(left));
    }

    #[test]
    fn tools_that_are_hidden_go_with_one_comma_each() {
        is_left(
            r#"[ {"name":"read_a","x":1.0} , {"name":"write"},{"name":"read_b"} ]"#,
            r#"[ {"name":"read_a","x":1.0},{"name":"read_b"} ]"#,
        );
        is_left(r#"[ {"name":"write"}, {"name":"read"} ]"#, r#"[ {"name":"read"} ]"#);
        is_left(r#"[{"name":"write"},{"name":"erase"}]"#, "[]");
        is_left("[]", "[]");
        is_left("null", "null");
    }

    #[test]
    fn a_name_is_what_any_reader_takes_for_one() {
        is_left(r#"[{"na\u006de":"\u0072ead"}]"#, r#"[{"na\u006de":"\u0072ead"}]"#);
        for hidden in [
            r#"{"name":"read","name":"write"}"#,
            r#"{"name":"write","name":"read"}"#,
            r#"{"name":"read","Name":"write"}"#,
            r#"{"n\u0061me":"write"}"#,
            r#"{"name":"\ud800"}"#,
            r#"{"name":7}"#,
            r#"{"title":"read"}"#,
            r#""read""#,
            r#"["read"]"#,
        ] {
            is_left(&format!("[{hidden}]"), "[]");
        }
    }

    #[test]
    fn a_batch_of_answers_is_filtered_too() {
        let batch = |tools| format!("[{}, {}]", answer(tools), answer("[]"));
        assert_eq!(shown(&batch(r#"[{"name":"write"}]"#), &reads), Ok(Some(batch("[]"))));
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        let tools = r#"{"tools":[{"name":"write"}]}"#;
        for text in [
            "".to_string(),
            "tools: write".to_string(),
            tools.to_string(),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"result":{tools}}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"Result":{tools}}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"re\u017fult":{tools}}}"#),
            answer(r#"{"name":"write"}"#),
        ] {
            assert_eq!(shown(&text, &reads), Err(Unreadable), "{text}");
        }
        let upper = answer("[]").replace("\"tools\"", "\"Tools\":[{\"name\":\"write\"}],\"tools\"");
        assert!(!shown(&upper, &reads).unwrap().unwrap().contains("write"));
    }

    #[test]
    fn nothing_else_is_looked_at() {
        for text in [
            r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"tools":[{"name":"write"}]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"tools":[{"name":"write"}]}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"tools":[{"name":"write"}]}}}"#,
        ] {
            assert_eq!(shown(text, &reads), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_call_is_for_every_name_it_gives() {
        let called = |params| called(Some(params));
        assert_eq!(called(r#"{"arguments":{"name":"x"},"name":"a"}"#).unwrap(), ["a"]);
        assert_eq!(called(r#"{"name":"a","na\u006de":"b","NAME":"c"}"#).unwrap(), ["a", "b", "c"]);
        for none in ["{}", r#"["a"]"#, r#"{"name":null}"#, r#"{"name":"a","name":1}"#] {
            assert_eq!(called(none), Err(Unreadable), "{none}");
        }
    }

    #[test]
    fn an_envelope_that_is_read_in_two_ways_is_not_plain() {
        let is_plain = |member: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping",{member}:"tools/call"}}"#);
            is_plain(&Message::parse(&text, 9).unwrap())
        };
        assert!(is_plain(r#""x""#) && is_plain(r#""_method""#));
        assert!(!is_plain(r#""Method""#) && !is_plain(r#""paramſ""#) && !is_plain(r#""\u0049d""#));
    }

    fn tool() -> impl Strategy<Value = (String, bool)> {
        let name = prop_oneof!["read_[a-z]{0,3}", "write_[a-z]{0,3}"];
        (name, any_json(2), any::<bool>()).prop_map(|(name, rest, is_last)| {
            let shown = name.starts_with("read");
            let name = format!(r#""name" : "{name}""#);
            let rest = format!(r#""schema":{rest}"#);
            let members = if is_last { [rest, name] } else { [name, rest] };
            (format!("{{{}}}", members.join(" ,")), shown)
        })
    }

    proptest! {
        #[test]
        fn what_is_shown_stays_in_its_order_and_its_bytes(tools in prop::collection::vec(tool(), 0..6)) {
            let text = answer(&format!("[{}]", tools.iter().map(|(tool, _)| tool.as_str()).collect::<Vec<_>>().join(" ,")));
            let left = shown(&text, &reads).unwrap();
            prop_assert_eq!(left.is_none(), tools.iter().all(|(_, shown)| *shown));
            let left = left.unwrap_or_else(|| text.clone());
            prop_assert!(is_within(&left, &text));
            let array = json::member(json::member(&left, "result").unwrap(), "tools").unwrap();
            let expected: Vec<&str> = tools.iter().filter(|(_, shown)| *shown).map(|(tool, _)| tool.as_str()).collect();
            prop_assert_eq!(json::items(array).unwrap(), expected);
            let (before, behind) = text.split_once('[').unwrap();
            prop_assert!(left.starts_with(before) && left.ends_with(behind.rsplit_once(']').unwrap().1));
        }

        #[test]
        fn no_hidden_name_is_left_and_nothing_panics(result in any_object(3), text in "\\PC*") {
            let _ = shown(&text, &reads);
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            prop_assert_eq!(shown(&text, &reads), Ok(None));
        }
    }
}
