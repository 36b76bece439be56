//! The first words to a new child, and what its answer means. Pure.

use super::outlet::{Greeting, Opening};
use crate::protocol::json;
use crate::protocol::revision::{self, Era};
use serde_json::{Value, json};
use std::sync::Arc;

/// The id of our first request. The bridge counts from 1, so nobody else has it.
pub(super) const ID: &str = "0";

/// What follows a legacy greeting (2025-11-25, lifecycle, Initialization); a modern one needs nothing.
pub(super) const INITIALIZED: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

/// UnsupportedProtocolVersion (2026-07-28, versioning).
const UNSUPPORTED_VERSION: &str = "-32022";

/// The raw result of the first request, or its raw error.
pub(super) type Answer = Result<Arc<str>, String>;

/// What is to become of a child that has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It takes calls.
    Agreed(Greeting),
    /// It refused `initialize` and named the modern era instead.
    ModernOnly,
    /// It will not do; the text says why.
    Refused(String),
}

/// The method of the first request.
pub(super) fn method(opening: &Opening) -> &'static str {
    match opening {
        Opening::Either | Opening::Legacy(_) => "initialize",
        Opening::Modern | Opening::TryModern => "server/discover",
    }
}

/// The era that the first request pins.
pub(super) fn era(opening: &Opening) -> Era {
    match opening {
        Opening::Either | Opening::Legacy(_) => Era::Legacy,
        Opening::Modern | Opening::TryModern => Era::Modern,
    }
}

/// The line of the first request.
pub(super) fn request(opening: &Opening) -> Vec<u8> {
    let method = method(opening);
    let params = match opening {
        Opening::Legacy(Some(params)) => params.to_string(),
        Opening::Either | Opening::Legacy(None) => initialize().to_string(),
        Opening::Modern | Opening::TryModern => discover().to_string(),
    };
    let text = format!(r#"{{"jsonrpc":"2.0","id":{ID},"method":"{method}","params":{params}}}"#);
    json::splice_line(&text, &mut [], "")
}

/// What the answer to [`request`] means.
pub(super) fn judge(opening: &Opening, answer: Answer) -> Verdict {
    match (opening, answer) {
        (Opening::Either | Opening::Legacy(Some(_)), Err(error)) if names_modern(&error) => {
            Verdict::ModernOnly
        }
        (_, Err(error)) => Verdict::Refused(error),
        (Opening::Modern | Opening::TryModern, Ok(result)) => match supports_modern(&result) {
            Ok(()) => Verdict::Agreed(Greeting::new(Era::Modern, result)),
            Err(why) => Verdict::Refused(why),
        },
        (Opening::Either | Opening::Legacy(_), Ok(result)) => {
            Verdict::Agreed(Greeting::new(Era::Legacy, result))
        }
    }
}

fn names_modern(error: &str) -> bool {
    json::member(error, "code") == Some(UNSUPPORTED_VERSION) || error.contains(revision::MODERN)
}

/// A server that answers `server/discover` names what it speaks (2026-07-28, server/discover).
fn supports_modern(result: &str) -> Result<(), String> {
    let versions = json::member(result, "supportedVersions");
    let Some(versions) = versions.and_then(|raw| serde_json::from_str::<Vec<String>>(raw).ok()) else {
        return Err("its answer has no list supportedVersions".into());
    };
    if versions.iter().any(|version| version == revision::MODERN) {
        return Ok(());
    }
    Err(format!("it supports {}, not {}", versions.join(", "), revision::MODERN))
}

/// What a shared child is told: the newest legacy revision, and what we can do.
fn initialize() -> Value {
    json!({
        "protocolVersion": revision::NEWEST_LEGACY.as_str(),
        "capabilities": capabilities(),
        "clientInfo": client(),
    })
}

/// A modern request without parameters of its own (2026-07-28, basic, Statelessness).
fn discover() -> Value {
    json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": revision::MODERN,
        "io.modelcontextprotocol/clientCapabilities": capabilities(),
        "io.modelcontextprotocol/clientInfo": client(),
    }})
}

/// Sampling and elicitation, whose requests can be routed to one session; no roots, which belong to one client each.
fn capabilities() -> Value {
    json!({ "sampling": {}, "elicitation": { "form": {}, "url": {} } })
}

fn client() -> Value {
    json!({ "name": "mcp-proxy", "version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(opening: &Opening, error: &str) -> Verdict {
        judge(opening, Err(error.to_string()))
    }

    #[test]
    fn the_client_s_own_parameters_pass_byte_for_byte_on_one_line() {
        let params = "{\"a\":1.0,\r\n\"b\":\"\\n\u{200d}\"}";
        let line = String::from_utf8(request(&Opening::Legacy(Some(params.into())))).unwrap();
        let start = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":"#;
        assert_eq!(line, format!("{start}{{\"a\":1.0,  \"b\":\"\\n\u{200d}\"}}}}\n"));
    }

    #[test]
    fn the_first_request_fits_the_era() {
        let sent = |opening: &Opening| serde_json::from_slice::<Value>(&request(opening)).unwrap();
        for opening in [Opening::Either, Opening::Legacy(None)] {
            let sent = sent(&opening);
            assert_eq!((&sent["id"], &sent["method"]), (&json!(0), &json!("initialize")));
            assert_eq!(sent["params"]["protocolVersion"], "2025-11-25");
        }
        for opening in [Opening::Modern, Opening::TryModern] {
            let sent = sent(&opening);
            assert_eq!((&sent["id"], &sent["method"]), (&json!(0), &json!("server/discover")));
            let meta = &sent["params"]["_meta"];
            assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
            let elicitation = &meta["io.modelcontextprotocol/clientCapabilities"]["elicitation"];
            assert_eq!(*elicitation, json!({"form": {}, "url": {}}));
        }
    }

    #[test]
    fn a_refusal_that_names_the_modern_era_is_understood_only_where_both_will_do() {
        let code = r#"{"code":-32022,"message":"no"}"#;
        let text = r#"{"code":-32600,"message":"speak 2026-07-28"}"#;
        for error in [code, text] {
            assert_eq!(refused(&Opening::Either, error), Verdict::ModernOnly);
            assert_eq!(refused(&Opening::Legacy(None), error), Verdict::Refused(error.into()));
            assert_eq!(refused(&Opening::TryModern, error), Verdict::Refused(error.into()));
        }
        let other = r#"{"code":-32602,"message":"-32022"}"#;
        assert_eq!(refused(&Opening::Either, other), Verdict::Refused(other.into()));
    }

    #[test]
    fn a_discovery_has_to_name_the_revision() {
        let era = |opening: &Opening, result: &str| match judge(opening, Ok(result.into())) {
            Verdict::Agreed(greeting) => Some(greeting.era),
            _ => None,
        };
        let modern = r#"{"supportedVersions":["2025-11-25","2026-07-28"]}"#;
        assert_eq!(era(&Opening::TryModern, modern), Some(Era::Modern));
        assert_eq!(era(&Opening::Modern, modern), Some(Era::Modern));
        for result in ["{}", r#"{"supportedVersions":"2026-07-28"}"#, r#"{"supportedVersions":["1"]}"#, "7"] {
            assert_eq!(era(&Opening::Modern, result), None, "{result}");
            assert_eq!(era(&Opening::Either, result), Some(Era::Legacy), "{result}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_child_answers_is_judged(text in "\\PC*", refused: bool) {
            for opening in [Opening::Either, Opening::Legacy(None), Opening::Modern, Opening::TryModern] {
                let answer = if refused { Err(text.clone()) } else { Ok(text.as_str().into()) };
                judge(&opening, answer);
            }
        }
    }
}
