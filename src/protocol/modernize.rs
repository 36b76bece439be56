//! A legacy server's words for a modern client (2026-07-28): answers get what every modern answer has, requests lose
//! what only modern ones carry, and what the server asks meanwhile becomes an answer that asks for input. All else
//! stays byte for byte.

use super::error::{INTERNAL_ERROR, INVALID_PARAMS};
use super::json::{self, Change};
use super::meta;
use super::revision::MODERN;
use std::hash::{DefaultHasher, Hash, Hasher};

/// "Resource not found" up to 2025-11-25.
const RESOURCE_NOT_FOUND: i64 = -32002;
/// "URLs have to be visited first" in 2025-11-25.
const URL_ELICITATION_REQUIRED: i64 = -32042;
/// What the retry of a call carries besides the call's own parameters (2026-07-28, basic, Multi Round-Trip Requests).
const RETRY: [&str; 2] = ["inputResponses", "requestState"];

/// A legacy `result` of `method` as a modern one: with `resultType`, with `ttlMs` 0 and `cacheScope` private where
/// results are cacheable, and with `server_info` (a raw object) in its `_meta`; each only if it is not there yet. A
/// result that is no object stays as it is.
pub fn result(result: &str, method: &str, server_info: Option<&str>) -> String {
    let Some(entries) = json::entries(result) else { return result.to_string() };
    let lacks = |name: &str| !entries.iter().any(|(key, _)| json::spells(key, name));
    let mut members = Vec::new();
    if lacks("resultType") {
        members.push(("resultType", "\"complete\""));
        let cache = [("ttlMs", "0"), ("cacheScope", "\"private\"")];
        members.extend(cache.into_iter().filter(|(name, _)| is_cacheable(method) && lacks(name)));
    }
    let has_server_info =
        meta::last(&entries).is_some_and(|own| json::member(own, meta::SERVER_INFO).is_some());
    let server_info = server_info.filter(|_| !has_server_info).map(|info| (meta::SERVER_INFO, info));
    meta::put_read(result, &entries, &members, server_info.as_slice())
}

/// Whether the results of `method` say how long they may be kept (2026-07-28, server, Caching).
fn is_cacheable(method: &str) -> bool {
    const METHODS: [&str; 6] = [
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
    ];
    METHODS.contains(&method)
}

/// The answer to `server/discover` from the one a legacy server gave to `initialize`. `tasks` goes from its
/// capabilities: the modern era has them as an extension with other methods.
pub fn discovery(initialize_result: &str) -> String {
    let member = |name| json::member(initialize_result, name).filter(|value| value.starts_with('{'));
    let supported = format!("[{}]", json::quoted(MODERN));
    let mut members = vec![("supportedVersions", supported.as_str())];
    if member("capabilities").is_none() {
        members.push(("capabilities", "{}"));
    }
    let change = |key: &str, value: &str| match json::text(key).as_deref() {
        Some("protocolVersion" | "serverInfo" | "supportedVersions") => Change::Drop,
        Some("capabilities") => capabilities(value),
        _ => Change::Keep,
    };
    let own = json::edit(initialize_result, &members, change);
    let own = own.or_else(|| json::edit("{}", &members, |_, _| Change::Keep)).unwrap_or_default();
    result(&own, "server/discover", member("serverInfo"))
}

fn capabilities(legacy: &str) -> Change {
    let change = |key: &str, _: &str| if json::spells(key, "tasks") { Change::Drop } else { Change::Keep };
    json::edit(legacy, &[], change).map_or(Change::Drop, Change::Replace)
}

/// The code of a legacy server's error as a modern one may carry it: "resource not found" is -32602 now, and what
/// else lies in the range that the specification reserves for itself would say something that the server did not
/// mean (2026-07-28, basic, Error Codes).
pub fn error(code: i64) -> i64 {
    match code {
        RESOURCE_NOT_FOUND => INVALID_PARAMS,
        -32099..=-32020 => INTERNAL_ERROR,
        _ => code,
    }
}

/// The parameters of a modern request as a legacy server gets them: without what it says about itself in `_meta`
/// (nor `_meta`, if that was all), and without what makes it a retry.
pub fn plain_params(params: Option<&str>) -> Option<String> {
    let change = |key: &str, value: &str| match json::text(key).as_deref() {
        Some("_meta") => meta::strip(value, &meta::REQUEST),
        Some(name) if RETRY.contains(&name) => Change::Drop,
        _ => Change::Keep,
    };
    params.map(|params| json::edit(params, &[], change).unwrap_or_else(|| params.to_string()))
}

/// The answer that asks for input: for each of `requests` its key, its method and its raw parameters. The client
/// repeats the call with the results under these keys and with `state` (2026-07-28, basic, Multi Round-Trip Requests).
pub fn input_required(requests: &[(String, String, Option<String>)], state: &str) -> String {
    let asked = requests.iter().map(|(key, method, params)| {
        let params = params.iter().map(|params| format!(r#","params":{params}"#)).collect::<String>();
        format!(r#"{}:{{"method":{}{params}}}"#, json::quoted(key), json::quoted(method))
    });
    let asked = asked.collect::<Vec<_>>().join(",");
    let state = json::quoted(state);
    format!(r#"{{"resultType":"input_required","inputRequests":{{{asked}}},"requestState":{state}}}"#)
}

/// The results (raw) that the retry of a call brings, by key; `None` if it brings no object of them. A key with half
/// a surrogate pair is none of ours and left out.
pub fn input_responses(params: Option<&str>) -> Option<Vec<(String, &str)>> {
    let responses = json::entries(json::member(params?, "inputResponses")?)?;
    Some(responses.into_iter().filter_map(|(key, value)| Some((json::string(key)?, value))).collect())
}

/// The state that the retry of a call brings back.
pub fn request_state(params: Option<&str>) -> Option<String> {
    let params = params.filter(|params| json::may_name(params, "requestState"))?;
    json::string(json::member(params, "requestState")?)
}

/// The same number for a call and its retry, whatever the order of the parameters; another one, almost surely, for
/// another call. It is no seal: anyone can compute it. Good for the life of this process only.
pub fn digest(method: &str, params: Option<&str>) -> u64 {
    let params = params.unwrap_or("{}");
    let mut hasher = DefaultHasher::new();
    method.hash(&mut hasher);
    match json::entries(params) {
        Some(mut entries) => {
            entries
                .retain(|(key, _)| !["_meta", RETRY[0], RETRY[1]].iter().any(|name| json::spells(key, name)));
            entries.sort_by_key(|(key, _)| *key);
            entries.hash(&mut hasher);
        }
        None => params.hash(&mut hasher),
    }
    hasher.finish()
}

/// The parameters (raw) of each `elicitation/create` that a legacy server's error -32042 stands for: it wants URLs
/// visited before the call is made again (2025-11-25, client, Elicitation, URL mode). `None` for any other error.
pub fn url_elicitations(error: &str) -> Option<Vec<String>> {
    let code: i64 = json::member(error, "code")?.parse().ok()?;
    if code != URL_ELICITATION_REQUIRED {
        return None;
    }
    let asked = json::items(json::member(json::member(error, "data")?, "elicitations")?)?;
    let asked: Vec<String> = asked.into_iter().filter_map(with_url_mode).collect();
    (!asked.is_empty()).then_some(asked)
}

/// Its mode is beyond doubt; some servers leave it out.
fn with_url_mode(elicitation: &str) -> Option<String> {
    let mode = json::member(elicitation, "mode").is_none().then_some(("mode", "\"url\""));
    json::edit(elicitation, mode.as_slice(), |_, _| Change::Keep)
}

/// A legacy server's notification (the whole message) as it comes on the stream of a `subscriptions/listen`, whose id
/// (raw) is `subscription` (2026-07-28, basic, Subscriptions).
pub fn subscribed(text: &str, subscription: &str) -> String {
    let entry = [(meta::SUBSCRIPTION_ID, subscription)];
    let tagged = |params: &str| meta::put(params, &[], &entry);
    let params = json::member(text, "params").unwrap_or("{}");
    let Some(params) = tagged(params).or_else(|| tagged("{}")) else { return text.to_string() };
    let is_params = |key: &str| json::spells(key, "params");
    let without = json::edit(text, &[], |key, _| if is_params(key) { Change::Drop } else { Change::Keep });
    let with = without.and_then(|text| json::edit(&text, &[("params", &params)], |_, _| Change::Keep));
    with.unwrap_or_else(|| text.to_string())
}

/// The first message of a `subscriptions/listen` stream: which of the wishes (`notifications`, raw) are granted.
pub fn acknowledged(granted: &str, subscription: &str) -> String {
    let method = "notifications/subscriptions/acknowledged";
    let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"notifications":{granted}}}}}"#);
    subscribed(&text, subscription)
}

/// The result that ends a `subscriptions/listen`.
pub fn end_of_subscription(subscription: &str) -> String {
    let result = result("{}", "subscriptions/listen", None);
    meta::put(&result, &[], &[(meta::SUBSCRIPTION_ID, subscription)]).unwrap_or(result)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{any_json, any_object, is_within};
    use super::*;
    use proptest::prelude::*;

    const INFO: Option<&str> = Some(r#"{"name":"n"}"#);

    #[test]
    fn a_result_gets_what_every_modern_one_has() {
        assert_eq!(
            result(r#"{ "content":[1.0] }"#, "tools/call", INFO),
            r#"{ "content":[1.0],"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"n"}} }"#
        );
        assert_eq!(
            result(r#"{"_meta":{"x":1},"tools":[]}"#, "tools/list", INFO),
            concat!(
                r#"{"_meta":{"x":1,"io.modelcontextprotocol/serverInfo":{"name":"n"}},"tools":[],"#,
                r#""resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
            )
        );
        assert_eq!(result("{}", "ping", None), r#"{"resultType":"complete"}"#);
        assert_eq!(result("null", "ping", INFO), "null");
    }

    #[test]
    fn what_a_result_has_already_stays() {
        let own = r#"{"resultType":"task","_meta":{"io.modelcontextprotocol\/serverInfo":0}}"#;
        assert_eq!(result(own, "tools/call", INFO), own);
        let asks = input_required(&[], "s");
        assert_eq!(result(&asks, "resources/read", None), asks);
        let cached = result(r#"{"ttlMs":5,"cacheScope":"public"}"#, "tools/list", None);
        assert_eq!(cached, r#"{"ttlMs":5,"cacheScope":"public","resultType":"complete"}"#);
    }

    #[test]
    fn a_discovery_is_made_of_the_greeting() {
        let greeting = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"x":1.0},"tasks":{}},
            "serverInfo":{"name":"n"},"instructions":"i"}"#;
        assert_eq!(
            discovery(greeting),
            concat!(
                r#"{"capabilities":{"tools":{"x":1.0}},"instructions":"i","supportedVersions":["2026-07-28"],"#,
                r#""resultType":"complete","ttlMs":0,"cacheScope":"private","#,
                r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"n"}}}"#
            )
        );
        let least = r#"{"supportedVersions":["2026-07-28"],"capabilities":{},"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#;
        assert_eq!(discovery("{}"), least);
        assert_eq!(discovery("null"), least);
        assert_eq!(discovery(r#"{"capabilities":null}"#), least);
    }

    #[test]
    fn codes_that_a_modern_server_must_not_send() {
        let codes = [-32002, -32042, -32021, -32099, -32603, -32000, -32019, -32100, 7];
        let modern = [-32602, -32603, -32603, -32603, -32603, -32000, -32019, -32100, 7];
        assert_eq!(codes.map(error), modern);
    }

    #[test]
    fn a_legacy_server_gets_plain_parameters() {
        let plain = |params| plain_params(Some(params)).unwrap();
        let modern = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":1.0,
            "io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{}},"requestState":"s",
            "name":"n","inputResponses":{}}"#;
        assert_eq!(
            plain(modern).split_whitespace().collect::<String>(),
            r#"{"_meta":{"progressToken":1.0},"name":"n"}"#
        );
        assert_eq!(plain(r#"{"_meta":{"io.modelcontextprotocol/logLevel":"info"},"a":1}"#), r#"{"a":1}"#);
        assert_eq!(plain(r#"{"_meta":{},"a":{"requestState":1}}"#), r#"{"_meta":{},"a":{"requestState":1}}"#);
        assert_eq!(plain("[1]"), "[1]");
        assert_eq!(plain_params(None), None);
    }

    #[test]
    fn a_request_of_the_server_becomes_an_answer_and_the_retry_answers_it() {
        let requests = [
            ("a\"".to_string(), "elicitation/create".to_string(), Some(r#"{"x":1.0}"#.to_string())),
            ("b".to_string(), "roots/list".to_string(), None),
        ];
        let text = input_required(&requests, "s\\");
        assert_eq!(
            text,
            concat!(
                r#"{"resultType":"input_required","inputRequests":{"a\"":{"method":"elicitation/create","params":{"x":1.0}},"#,
                r#""b":{"method":"roots/list"}},"requestState":"s\\"}"#
            )
        );
        let retry =
            Some(r#"{"inputResponses":{"a\u0022":{"action":"accept"},"\ud800":1},"requestState":"s\\"}"#);
        assert_eq!(input_responses(retry).unwrap(), [("a\"".to_string(), r#"{"action":"accept"}"#)]);
        assert_eq!(request_state(retry).as_deref(), Some("s\\"));
        assert_eq!(input_responses(Some("{}")), None);
        assert_eq!(request_state(Some(r#"{"requestState":1}"#)), None);
    }

    #[test]
    fn a_call_and_its_retry_have_one_digest() {
        let call =
            digest("tools/call", Some(r#"{"name":"n","arguments":{"a":1},"_meta":{"progressToken":1}}"#));
        let retry = r#"{"inputResponses":{},"arguments":{"a":1},"requestState":"s", "name": "n"}"#;
        assert_eq!(digest("tools/call", Some(retry)), call);
        assert_ne!(digest("prompts/get", Some(retry)), call);
        assert_ne!(digest("tools/call", Some(&retry.replace("1", "2"))), call);
        assert_eq!(digest("x", None), digest("x", Some("{}")));
    }

    #[test]
    fn urls_to_visit_are_elicitations() {
        let error = r#"{"code":-32042,"message":"m","data":{"elicitations":[
            {"mode":"url","url":"https://a","elicitationId":"1"},{"url":"https://b"},7]}}"#;
        assert_eq!(
            url_elicitations(error).unwrap(),
            [
                r#"{"mode":"url","url":"https://a","elicitationId":"1"}"#,
                r#"{"url":"https://b","mode":"url"}"#
            ]
        );
        assert_eq!(url_elicitations(&error.replace("-32042", "-32002")), None);
        assert_eq!(url_elicitations(r#"{"code":-32042,"data":{"elicitations":[]}}"#), None);
        assert_eq!(url_elicitations(r#"{"code":-32042}"#), None);
    }

    proptest! {
        #[test]
        fn a_result_keeps_every_byte(object in any_object(3), list in any::<bool>()) {
            let method = if list { "tools/list" } else { "tools/call" };
            let modern = result(&object, method, INFO);
            // A `_meta` that is no object makes room for one.
            let has_odd_meta = json::member(&object, "_meta").is_some_and(|meta| json::entries(meta).is_none());
            prop_assert!(has_odd_meta || is_within(&object, &modern), "{} became {}", object, modern);
            prop_assert!(json::member(&modern, "resultType").is_some());
            prop_assert!(meta::entry(Some(&modern), meta::SERVER_INFO).is_some());
        }

        #[test]
        fn parameters_keep_every_other_byte(object in any_object(3)) {
            let plain = plain_params(Some(&object)).unwrap();
            prop_assert!(is_within(&plain, &object));
            let other = |text: &str| {
                let entries = json::entries(text).unwrap().into_iter();
                let gone = ["_meta", "inputResponses", "requestState"];
                let kept = entries.filter(|(key, _)| !gone.iter().any(|name| json::spells(key, name)));
                kept.map(|(key, value)| (key.to_string(), value.to_string())).collect::<Vec<_>>()
            };
            prop_assert_eq!(other(&plain), other(&object));
            for name in meta::REQUEST {
                prop_assert!(meta::entry(Some(&plain), name).is_none());
            }
            prop_assert_eq!(digest("m", Some(&plain)), digest("m", Some(&object)));
        }

        #[test]
        fn nothing_panics(text in "\\PC*", json in any_json(4)) {
            for text in [text, json] {
                result(&text, "tools/list", INFO);
                discovery(&text);
                plain_params(Some(&text));
                input_responses(Some(&text));
                request_state(Some(&text));
                digest("m", Some(&text));
                url_elicitations(&text);
            }
        }
    }
}
