//! A modern server's words for a legacy client (up to 2025-11-25): the handshake is made of its discovery, requests
//! get what every modern one says about its client, answers lose what only modern ones carry, and an answer that asks
//! for input becomes requests. All else stays byte for byte.

use super::json::{self, Change};
use super::meta;
use super::revision::{MODERN, Revision};

/// What a modern answer carries besides the result itself.
const RESULT: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];
const RESULT_META: [&str; 2] = [meta::SERVER_INFO, meta::SUBSCRIPTION_ID];
/// What a server is called that does not say its name; `initialize` needs one.
const UNNAMED: &str = r#"{"name":"unknown","version":"0"}"#;

/// The answer to `initialize`, in `revision`, from a modern server's answer to `server/discover`. Extensions go from
/// its capabilities: the proxy speaks for the client there, and knows none.
pub fn initialize_result(discovery: &str, revision: Revision) -> String {
    let version = json::quoted(revision.as_str());
    let server_info = meta::entry(Some(discovery), meta::SERVER_INFO).filter(|info| info.starts_with('{'));
    let has_capabilities = json::member(discovery, "capabilities").is_some_and(|it| it.starts_with('{'));
    let mut members =
        vec![("protocolVersion", version.as_str()), ("serverInfo", server_info.unwrap_or(UNNAMED))];
    if !has_capabilities {
        members.push(("capabilities", "{}"));
    }
    let change = |key: &str, value: &str| match json::text(key).as_deref() {
        Some("protocolVersion" | "serverInfo" | "supportedVersions") => Change::Drop,
        Some("capabilities") => without(value, "extensions").map_or(Change::Drop, Change::Replace),
        _ => plain_member(key, value),
    };
    let own = json::edit(discovery, &members, change);
    own.or_else(|| json::edit("{}", &members, |_, _| Change::Keep)).unwrap_or_default()
}

fn without(object: &str, name: &str) -> Option<String> {
    json::edit(object, &[], |key, _| if json::spells(key, name) { Change::Drop } else { Change::Keep })
}

/// What a legacy client said about itself, as the requests made for it repeat it.
#[derive(Clone, Copy, Debug)]
pub struct Client<'c> {
    /// Its [`modern_capabilities`].
    pub capabilities: &'c str,
    /// Its `clientInfo`: a raw object.
    pub info: &'c str,
    /// The log level it set, by name; without one the server sends no log messages.
    pub level: Option<&'c str>,
}

/// The parameters of a legacy client's request as a modern server gets them: with `client` in `_meta`, whatever
/// stood there under the same names (2026-07-28, basic, `_meta`). Parameters that are no object stay as they are.
pub fn with_envelope(params: Option<&str>, client: &Client<'_>) -> String {
    let params = params.unwrap_or("{}");
    let Some(read) = json::entries(params) else { return params.to_string() };
    let version = json::quoted(MODERN);
    let level = client.level.map(json::quoted);
    let mut entries =
        vec![(meta::PROTOCOL_VERSION, version.as_str()), (meta::CLIENT_CAPABILITIES, client.capabilities)];
    entries.extend(client.info.starts_with('{').then_some((meta::CLIENT_INFO, client.info)));
    entries.extend(level.as_deref().map(|level| (meta::LOG_LEVEL, level)));
    let change = |key: &str, value: &str| match json::spells(key, "_meta") {
        true => meta::strip(value, &meta::REQUEST),
        false => Change::Keep,
    };
    match meta::last(&read) {
        None => meta::put_read(params, &read, &[], &entries),
        Some(_) => {
            let bare = json::edit_read(params, &read, &[], change);
            meta::put(&bare, &[], &entries).unwrap_or(bare)
        }
    }
}

/// The capabilities of a legacy client (raw) that a modern server can make use of: what it may ask for (2026-07-28, schema,
/// ClientCapabilities). Roots that change are not announced any more.
pub fn modern_capabilities(legacy: &str) -> String {
    let change = |key: &str, value: &str| match json::text(key).as_deref() {
        _ if !value.starts_with('{') => Change::Drop,
        Some("elicitation" | "sampling") => Change::Keep,
        Some("roots") => without(value, "listChanged").map_or(Change::Keep, Change::Replace),
        _ => Change::Drop,
    };
    json::edit(legacy, &[], change).unwrap_or_else(|| "{}".into())
}

/// A modern result as a legacy client gets it.
pub fn plain_result(result: &str) -> String {
    json::edit(result, &[], plain_member).unwrap_or_else(|| result.to_string())
}

fn plain_member(key: &str, value: &str) -> Change {
    match json::text(key).as_deref() {
        Some("_meta") => meta::strip(value, &RESULT_META),
        Some(name) if RESULT.contains(&name) => Change::Drop,
        _ => Change::Keep,
    }
}

/// A modern server's notification (the whole message) as a legacy client gets it: without the id of the
/// subscription, which only the proxy knows.
pub fn plain_notification(text: &str) -> String {
    let in_params = |key: &str, value: &str| match json::spells(key, "_meta") {
        true => meta::strip(value, &[meta::SUBSCRIPTION_ID]),
        false => Change::Keep,
    };
    let change = |key: &str, value: &str| match json::spells(key, "params") && value.contains("_meta") {
        true => json::edit(value, &[], in_params).map_or(Change::Keep, Change::Replace),
        false => Change::Keep,
    };
    json::edit(text, &[], change).unwrap_or_else(|| text.to_string())
}

/// One thing a server asks for before it can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Under which the server expects the result.
    pub key: String,
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`; empty if the server named none.
    pub method: String,
    /// Raw parameters.
    pub params: Option<String>,
}

/// An answer that asks for input (2026-07-28, basic, Multi Round-Trip Requests).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRequired {
    /// What is asked for; nothing means: make the call again.
    pub requests: Vec<Input>,
    /// `requestState`, which the retry has to repeat: raw JSON.
    pub state: Option<String>,
}

/// What `result` asks for, if it asks for input. A request whose key holds half a surrogate pair is left out.
pub fn input_required(result: &str) -> Option<InputRequired> {
    if !json::may_name(result, "input_required") {
        return None;
    }
    if json::string(json::member(result, "resultType")?)? != "input_required" {
        return None;
    }
    let requests = json::member(result, "inputRequests").and_then(json::entries).unwrap_or_default();
    let input = |(key, request): (&str, &str)| {
        let method = json::member(request, "method").and_then(json::string).unwrap_or_default();
        let params = json::member(request, "params").map(str::to_string);
        Some(Input { key: json::string(key)?, method, params })
    };
    let requests = requests.into_iter().filter_map(input).collect();
    Some(InputRequired { requests, state: json::member(result, "requestState").map(str::to_string) })
}

/// The parameters of a call made again: with the results (raw) of what the server asked for, by key, and the state
/// it gave; whatever stood there under these names goes.
pub fn retry_params(params: Option<&str>, answers: &[(String, String)], state: Option<&str>) -> String {
    let params = params.unwrap_or("{}");
    let answered: Vec<_> = answers.iter().map(|(key, result)| (json::quoted(key), result)).collect();
    let responses = json::object(answered.iter().map(|(key, result)| (key.as_str(), result.as_str())));
    let mut members = Vec::new();
    members.extend((!answers.is_empty()).then_some(("inputResponses", responses.as_str())));
    members.extend(state.map(|state| ("requestState", state)));
    let change = |key: &str, _: &str| match json::text(key).as_deref() {
        Some("inputResponses" | "requestState") => Change::Drop,
        _ => Change::Keep,
    };
    json::edit(params, &members, change).unwrap_or_else(|| params.to_string())
}

/// The parameters of an `elicitation/create` with `id` as `elicitationId` if it is one in URL mode without: legacy
/// clients insist on it, modern servers have none (2025-11-25, client, Elicitation, URL mode).
pub fn with_elicitation_id(params: &str, id: &str) -> String {
    let is_url = json::member(params, "mode").is_some_and(|mode| json::spells(mode, "url"));
    if !is_url || json::member(params, "elicitationId").is_some() {
        return params.to_string();
    }
    let id = json::quoted(id);
    json::edit(params, &[("elicitationId", &id)], |_, _| Change::Keep).unwrap_or_else(|| params.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::modernize::{self, plain_params};
    use super::super::revision::NEWEST_LEGACY;
    use super::super::samples::{any_json, any_object, is_within};
    use super::*;
    use proptest::prelude::*;

    const CLIENT: Client<'_> = Client { capabilities: "{}", info: r#"{"name":"c"}"#, level: Some("info") };
    const ENVELOPE: &str = concat!(
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"#,
        r#""io.modelcontextprotocol/clientInfo":{"name":"c"},"io.modelcontextprotocol/logLevel":"info""#
    );

    #[test]
    fn a_handshake_is_made_of_the_discovery() {
        let discovery = r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"x":1.0},"extensions":{}},
            "instructions":"i","resultType":"complete","ttlMs":1000,"cacheScope":"public",
            "_meta":{"io.modelcontextprotocol/serverInfo":{"name":"n"},"x":1e400}}"#;
        assert_eq!(
            initialize_result(discovery, NEWEST_LEGACY).split_whitespace().collect::<String>(),
            concat!(
                r#"{"capabilities":{"tools":{"x":1.0}},"instructions":"i","_meta":{"x":1e400},"#,
                r#""protocolVersion":"2025-11-25","serverInfo":{"name":"n"}}"#
            )
        );
        let least = r#"{"protocolVersion":"2025-11-25","serverInfo":{"name":"unknown","version":"0"},"capabilities":{}}"#;
        for nothing in ["{}", "null", r#"{"capabilities":7}"#] {
            assert_eq!(initialize_result(nothing, NEWEST_LEGACY), least);
        }
    }

    #[test]
    fn requests_say_who_asks() {
        let with = |params| with_envelope(params, &CLIENT);
        assert_eq!(with(None), format!(r#"{{"_meta":{{{ENVELOPE}}}}}"#));
        assert_eq!(
            with(Some(r#"{"_meta":{"progressToken":1.0}, "a":1e400}"#)),
            format!(r#"{{"_meta":{{"progressToken":1.0,{ENVELOPE}}}, "a":1e400}}"#)
        );
        let liar = r#"{"_meta":{"io.modelcontextprotocol/clientInf\u006f":{},"x":1}}"#;
        assert_eq!(with(Some(liar)), format!(r#"{{"_meta":{{"x":1,{ENVELOPE}}}}}"#));
        assert_eq!(with(Some("[1]")), "[1]");
    }

    #[test]
    fn capabilities_are_those_a_modern_server_can_use() {
        let legacy = r#"{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{},"tasks":{},
            "experimental":{},"extensions":{}}"#;
        assert_eq!(modern_capabilities(legacy), r#"{"roots":{},"sampling":{"tools":{}},"elicitation":{}}"#);
        assert_eq!(modern_capabilities(r#"{"sampling":null,"roots":true}"#), "{}");
        assert_eq!(modern_capabilities("null"), "{}");
    }

    #[test]
    fn results_and_notifications_get_plain() {
        let modern = r#"{"content":[1.0],"resultType":"complete","ttlMs":0,"cacheScope":"private",
            "_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#;
        assert_eq!(plain_result(modern), r#"{"content":[1.0]}"#);
        assert_eq!(plain_result("null"), "null");
        let updated = r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7},"uri":"u"}}"#;
        assert_eq!(plain_notification(updated), r#"{"jsonrpc":"2.0","method":"m","params":{"uri":"u"}}"#);
        let progress = r#"{"jsonrpc":"2.0","method":"m","params":{"progress": 1.0}}"#;
        assert_eq!(plain_notification(progress), progress);
    }

    #[test]
    fn what_is_asked_for_is_brought_with_the_retry() {
        let result = r#"{"resultType":"input_required","requestState":"s\u0041","inputRequests":{
            "\u0061":{"method":"elicitation/create","params":{"x":1.0}},"b":{"method":"roots/list"},"c":7}}"#;
        let InputRequired { requests, state } = input_required(result).unwrap();
        let found = requests.iter().map(|it| (it.key.as_str(), it.method.as_str(), it.params.as_deref()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [("a", "elicitation/create", Some(r#"{"x":1.0}"#)), ("b", "roots/list", None), ("c", "", None)]
        );
        let answers = [("a".to_string(), r#"{"action":"accept"}"#.to_string())];
        assert_eq!(
            retry_params(Some(r#"{"name":"n","requestState":0}"#), &answers, state.as_deref()),
            r#"{"name":"n","inputResponses":{"a":{"action":"accept"}},"requestState":"s\u0041"}"#
        );
        assert_eq!(retry_params(None, &[], None), "{}");
        assert_eq!(input_required(r#"{"resultType":"complete"}"#), None);
        assert_eq!(input_required(r#"{"content":[]}"#), None);
    }

    #[test]
    fn a_url_elicitation_gets_an_id() {
        assert_eq!(with_elicitation_id(r#"{"mode":"url"}"#, "7"), r#"{"mode":"url","elicitationId":"7"}"#);
        for other in [r#"{"mode":"url","elicitationId":"own"}"#, r#"{"mode":"form"}"#, "{}", "null"] {
            assert_eq!(with_elicitation_id(other, "7"), other);
        }
    }

    /// `params` as a legacy client would send them: nothing in it is taken out on the way back.
    fn is_legacy(params: &str) -> bool {
        plain_params(Some(params)).unwrap() == params
    }

    proptest! {
        #[test]
        fn an_envelope_can_be_taken_off_again(object in any_object(3)) {
            prop_assume!(is_legacy(&object));
            let sent = with_envelope(Some(&object), &CLIENT);
            let had_object = json::member(&object, "_meta").is_some_and(|meta| json::entries(meta).is_some_and(|it| !it.is_empty()));
            let had_none = json::member(&object, "_meta").is_none();
            prop_assert!(sent.contains(ENVELOPE));
            if had_object || had_none {
                prop_assert!(is_within(&object, &sent), "{} became {}", object, sent);
                prop_assert_eq!(plain_params(Some(&sent)).unwrap(), object);
            }
        }

        #[test]
        fn a_result_keeps_every_other_byte(object in any_object(3)) {
            let plain = plain_result(&object);
            prop_assert!(is_within(&plain, &object));
            let other = |text: &str| {
                let entries = json::entries(text).unwrap().into_iter();
                let kept = entries.filter(|(key, _)| {
                    !RESULT.iter().chain(&["_meta"]).any(|name| json::spells(key, name))
                });
                kept.map(|(key, value)| (key.to_string(), value.to_string())).collect::<Vec<_>>()
            };
            prop_assert_eq!(other(&plain), other(&object));
            if json::member(&plain, "_meta").is_none_or(|meta| json::entries(meta).is_some_and(|it| !it.is_empty())) {
                let back = plain_result(&modernize::result(&plain, "tools/list", Some("{}")));
                prop_assert_eq!(back, plain);
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC*", json in any_json(4)) {
            for text in [text, json] {
                initialize_result(&text, NEWEST_LEGACY);
                modern_capabilities(&text);
                with_envelope(Some(&text), &Client { capabilities: &text, info: &text, level: Some(&text) });
                plain_result(&text);
                plain_notification(&text);
                input_required(&text);
                retry_params(Some(&text), &[(text.clone(), "1".into())], Some("2"));
                with_elicitation_id(&text, &text);
            }
        }
    }
}
