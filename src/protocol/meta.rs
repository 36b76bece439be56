//! `_meta`: the names the protocol reserves in it, and how they are put in and taken out of raw text.

use super::json::{self, Change};

/// In a request: the revision it speaks. It is the claim that makes a message modern.
pub(super) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// In a request: what its client can be asked for.
pub(super) const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// In a request: who asks.
pub(super) const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// In a request: the least severe log message it wants to see.
pub(super) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// All that a request says about itself and its client.
pub(super) const REQUEST: [&str; 4] = [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL];
/// In a result: who answers.
pub(super) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// In what comes on a `subscriptions/listen` stream: the id of that request.
pub(super) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The entry `name` of the `_meta` of `params`, as raw text.
pub(super) fn entry<'t>(params: Option<&'t str>, name: &str) -> Option<&'t str> {
    json::member(of(params)?, name)
}

/// The `_meta` of `params`: the last, where it stands twice. Large arguments without one are not parsed.
pub(super) fn of(params: Option<&str>) -> Option<&str> {
    let params = params.filter(|params| json::may_name(params, "_meta"))?;
    json::member(params, "_meta")
}

/// What becomes of a `_meta` that loses the entries `names`: it goes too if nothing else stands in it.
pub(super) fn strip(meta: &str, names: &[&str]) -> Change {
    let reserved = |key: &str| names.iter().any(|name| json::spells(key, name));
    let Some(entries) = json::entries(meta) else { return Change::Keep };
    let change = |key: &str, _: &str| if reserved(key) { Change::Drop } else { Change::Keep };
    match entries.iter().filter(|(key, _)| reserved(key)).count() {
        0 => Change::Keep,
        all if all == entries.len() => Change::Drop,
        _ => Change::Replace(json::edit_read(meta, &entries, &[], change)),
    }
}

/// A copy of `object` with `members` at its end and `entries` in its `_meta`, which is added if there is none (a
/// `_meta` that is no object counts as none and goes). Neither may be there yet. `None` if it is no object.
pub(super) fn put(
    object: &str,
    members: &[(&'static str, &str)],
    entries: &[(&'static str, &str)],
) -> Option<String> {
    Some(put_read(object, &json::entries(object)?, members, entries))
}

/// The same for an object whose [`json::entries`] were read before.
pub(super) fn put_read(
    object: &str,
    read: &[(&str, &str)],
    members: &[(&'static str, &str)],
    entries: &[(&'static str, &str)],
) -> String {
    if entries.is_empty() {
        return json::edit_read(object, read, members, |_, _| Change::Keep);
    }
    let last = last(read).and_then(|meta| Some((meta, json::entries(meta)?)));
    let change = |key: &str, value: &str| match &last {
        Some((meta, own)) if std::ptr::eq(*meta, value) => {
            Change::Replace(json::edit_read(meta, own, entries, |_, _| Change::Keep))
        }
        None if json::spells(key, "_meta") => Change::Drop,
        _ => Change::Keep,
    };
    let own = last.is_none().then(|| json::edit_read("{}", &[], entries, |_, _| Change::Keep));
    let own = own.as_ref().map(|own| ("_meta", own.as_str()));
    let members: Vec<_> = members.iter().copied().chain(own).collect();
    json::edit_read(object, read, &members, change)
}

/// The last `_meta` among the entries of an object.
pub(super) fn last<'t>(read: &[(&str, &'t str)]) -> Option<&'t str> {
    read.iter().rfind(|(key, _)| json::spells(key, "_meta")).map(|(_, meta)| *meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["a", "b"];

    #[test]
    fn a_meta_goes_when_nothing_else_stands_in_it() {
        assert_eq!(strip(r#"{"a":1,"\u0062":2}"#, &NAMES), Change::Drop);
        assert_eq!(strip(r#"{"a":1, "c":2}"#, &NAMES), Change::Replace(r#"{"c":2}"#.into()));
        for kept in ["{}", r#"{"c":2}"#, "null", "[1]"] {
            assert_eq!(strip(kept, &NAMES), Change::Keep, "{kept}");
        }
    }

    #[test]
    fn entries_join_the_last_meta() {
        let put = |object| put(object, &[("m", "1")], &[("e", "2")]).unwrap();
        assert_eq!(put("{}"), r#"{"m":1,"_meta":{"e":2}}"#);
        assert_eq!(
            put(r#"{"_meta":{}, "_meta": {"x":1.0} }"#),
            r#"{"_meta":{}, "_meta": {"x":1.0,"e":2},"m":1 }"#
        );
        assert_eq!(put(r#"{"_meta":null,"k":1}"#), r#"{"k":1,"m":1,"_meta":{"e":2}}"#);
    }
}
