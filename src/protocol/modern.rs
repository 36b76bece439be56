//! The modern era (2026-07-28): what each of its requests says about itself, and to which era a POST belongs.

use super::error::{INVALID_PARAMS, METHOD_NOT_FOUND, RpcError};
use super::message::{Kind, Message};
use super::revision::{MODERN, names_modern};
use super::{json, meta};
use serde_json::json;
use std::borrow::Cow;

/// A header of the request is missing or says something else than the body (2026-07-28, basic, Error Codes).
pub const HEADER_MISMATCH: i64 = -32020;
/// The request needs a capability that its client did not declare; `data.requiredCapabilities` is an object of
/// them, as in `clientCapabilities` (2026-07-28, basic, Error Codes).
pub const MISSING_CAPABILITY: i64 = -32021;
/// The request speaks a revision that is not served; `data` has `supported` and `requested` (2026-07-28, basic,
/// Error Codes).
pub const UNSUPPORTED_VERSION: i64 = -32022;

/// What a request says about its client in `params._meta` (2026-07-28, basic, `_meta`).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Envelope<'t> {
    /// `io.modelcontextprotocol/protocolVersion`.
    pub version: Option<Cow<'t, str>>,
    /// `io.modelcontextprotocol/clientCapabilities`: the raw object.
    pub capabilities: Option<&'t str>,
    /// `io.modelcontextprotocol/clientInfo`: the raw object.
    pub client_info: Option<&'t str>,
    /// `io.modelcontextprotocol/logLevel`.
    pub log_level: Option<String>,
}

impl<'t> Envelope<'t> {
    /// Reads it from raw `params`. What is missing, or of another type, is `None`; where a name stands twice, the
    /// last one counts.
    pub fn read(params: Option<&'t str>) -> Envelope<'t> {
        Envelope::of(said(params))
    }

    fn of([version, capabilities, client_info, log_level]: [Option<&'t str>; 4]) -> Envelope<'t> {
        Envelope {
            version: version.and_then(json::text),
            capabilities: capabilities.filter(|value| is_object(value)),
            client_info: client_info.filter(|value| is_object(value)),
            log_level: log_level.and_then(json::string),
        }
    }
}

/// The values of [`meta::REQUEST`].
fn said(params: Option<&str>) -> [Option<&str>; 4] {
    meta::of(params).map_or([None; 4], |meta| json::picked(meta, meta::REQUEST))
}

fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

/// The era a POST belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Part of a session, or the `initialize` that begins one.
    Legacy,
    /// Stands for itself.
    Modern,
}

/// To which era the message of a POST belongs (2026-07-28, basic, Versioning, Backward Compatibility). The body
/// decides: a claim makes it modern, whatever its method. The `MCP-Protocol-Version` header decides only about a
/// notification without a claim; it can also give away a request that forgot its claim.
///
/// # Errors
/// The claim is missing or no string, or the request does not declare capabilities (-32602); the header says
/// another revision than the claim (-32020); the revision is not served (-32022). All go out with HTTP 400.
pub fn classify(header_version: Option<&str>, message: &Message<'_>) -> Result<Class, RpcError> {
    read(header_version, message).map(|(class, _)| class)
}

/// The same, with what the message says about its client.
///
/// # Errors
/// As [`classify`].
pub fn read<'t>(
    header_version: Option<&str>,
    message: &Message<'t>,
) -> Result<(Class, Envelope<'t>), RpcError> {
    let said = said(message.params());
    let class = class_of(header_version.map(str::trim), message, said[0], said[1])?;
    Ok((class, Envelope::of(said)))
}

fn class_of(
    header: Option<&str>,
    message: &Message<'_>,
    claim: Option<&str>,
    capabilities: Option<&str>,
) -> Result<Class, RpcError> {
    let is_modern_header = header.is_some_and(names_modern);
    match (&message.kind, claim) {
        (Kind::Response { .. }, _) => Ok(Class::Legacy),
        (Kind::Notification { .. }, Some(claim)) => check_claim(claim, header),
        (Kind::Notification { .. }, None) if is_modern_header => Ok(Class::Modern),
        (Kind::Notification { .. }, None) => Ok(Class::Legacy),
        (Kind::Request { .. }, Some(claim)) => match (check_claim(claim, header)?, capabilities) {
            (class, Some(raw)) if is_object(raw) => Ok(class),
            _ => Err(lacks(meta::CLIENT_CAPABILITIES, "an object")),
        },
        (Kind::Request { method, .. }, None) => match &**method {
            "initialize" => Ok(Class::Legacy),
            // Only the modern era has this one.
            "server/discover" => Err(lacks(meta::PROTOCOL_VERSION, "a string")),
            _ if is_modern_header => Err(lacks(meta::PROTOCOL_VERSION, "a string")),
            _ => Ok(Class::Legacy),
        },
    }
}

/// The header is compared first: which of two revisions was meant is not known before they agree.
fn check_claim(claim: &str, header: Option<&str>) -> Result<Class, RpcError> {
    let claim = json::text(claim).ok_or_else(|| lacks(meta::PROTOCOL_VERSION, "a string"))?;
    match header {
        Some(header) if header != claim => Err(RpcError::new(
            HEADER_MISMATCH,
            format!(
                "Header mismatch: the MCP-Protocol-Version header says {header}, _meta in the body says another revision; send the same in both"
            ),
        )),
        _ if claim == MODERN => Ok(Class::Modern),
        _ => Err(unsupported_version(&claim)),
    }
}

/// The refusal of a revision that is not served. Only what `server/discover` offers may be listed: the revisions
/// that begin with `initialize` cannot be claimed in `_meta`.
fn unsupported_version(requested: &str) -> RpcError {
    let message =
        format!("Unsupported protocol version; send requests of {MODERN}, or begin with initialize");
    RpcError::new(UNSUPPORTED_VERSION, message).with(json!({ "supported": [MODERN], "requested": requested }))
}

fn lacks(name: &str, kind: &str) -> RpcError {
    let message = format!(
        "Invalid params: every request of {MODERN} needs params._meta[\"{name}\"], {kind}; add it and send it again"
    );
    RpcError::new(INVALID_PARAMS, message)
}

/// The HTTP status of a modern answer that is the JSON-RPC error `code` (2026-07-28, Streamable HTTP). What
/// [`classify`] refuses goes out with 400 whatever its code.
pub fn http_status(code: i64) -> u16 {
    match code {
        METHOD_NOT_FOUND => 404,
        HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION => 400,
        _ => 200,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::any_json;
    use super::*;
    use proptest::prelude::*;

    const CLAIM: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    const CAPABILITIES: &str = r#""io.modelcontextprotocol/clientCapabilities":{}"#;

    fn outcome(header: Option<&str>, message: &str) -> Result<Class, i64> {
        let text = format!(r#"{{"jsonrpc":"2.0",{message}}}"#);
        classify(header, &Message::parse(&text, 32).unwrap()).map_err(|error| error.code)
    }

    fn request(method: &str, meta: &str) -> String {
        format!(r#""id":1,"method":"{method}","params":{{"_meta":{{{meta}}}}}"#)
    }

    #[test]
    fn the_claim_in_the_body_decides() {
        let modern = format!("{CLAIM},{CAPABILITIES}");
        for method in ["tools/call", "initialize", "server/discover", "no/such"] {
            for header in [None, Some("2026-07-28"), Some(" 2026-07-28 ")] {
                assert_eq!(outcome(header, &request(method, &modern)), Ok(Class::Modern), "{method}");
            }
        }
        assert_eq!(outcome(None, &request("tools/call", "")), Ok(Class::Legacy));
        assert_eq!(outcome(Some("2025-11-25"), &request("tools/call", "")), Ok(Class::Legacy));
        assert_eq!(outcome(Some("nonsense"), &request("tools/call", "")), Ok(Class::Legacy));
        assert_eq!(outcome(None, r#""id":1,"method":"tools/list""#), Ok(Class::Legacy));
        let escaped = modern.replace("protocolV", "protocol\\u0056");
        assert_eq!(outcome(None, &request("tools/call", &escaped)), Ok(Class::Modern));
    }

    #[test]
    fn an_initialize_without_claim_begins_a_session() {
        assert_eq!(outcome(Some("2026-07-28"), r#""id":1,"method":"initialize""#), Ok(Class::Legacy));
        assert_eq!(outcome(None, &request("initialize", "")), Ok(Class::Legacy));
    }

    #[test]
    fn what_a_modern_request_lacks_is_named() {
        for header in ["2026-07-28", "2027-01-01"] {
            assert_eq!(outcome(Some(header), &request("tools/call", "")), Err(-32602));
            assert_eq!(outcome(Some(header), r#""id":1,"method":"tools/list""#), Err(-32602));
        }
        assert_eq!(outcome(None, r#""id":1,"method":"server/discover""#), Err(-32602));
        assert_eq!(outcome(Some("2026-07-28"), &request("server/discover", CAPABILITIES)), Err(-32602));
        assert_eq!(outcome(Some("2026-07-28"), &request("server/discover", CLAIM)), Err(-32602));
        let null = CAPABILITIES.replace("{}", "null");
        assert_eq!(outcome(None, &request("tools/call", &format!("{CLAIM},{null}"))), Err(-32602));
        let number = CLAIM.replace("\"2026-07-28\"", "2026");
        assert_eq!(outcome(None, &request("tools/call", &format!("{number},{CAPABILITIES}"))), Err(-32602));
    }

    #[test]
    fn header_and_claim_are_the_same_revision_and_one_that_is_served() {
        let modern = format!("{CLAIM},{CAPABILITIES}");
        assert_eq!(outcome(Some("2025-11-25"), &request("tools/call", &modern)), Err(-32020));
        let unknown = modern.replace("2026-07-28", "v999.0.0");
        assert_eq!(outcome(Some("2026-07-28"), &request("server/discover", &unknown)), Err(-32020));
        assert_eq!(outcome(Some("v999.0.0"), &request("server/discover", &unknown)), Err(-32022));
        assert_eq!(outcome(None, &request("tools/call", &modern.replace("2026", "2024"))), Err(-32022));
    }

    #[test]
    fn a_refused_revision_is_echoed_beside_those_that_server_discover_lists() {
        let data = unsupported_version("v999.0.0").data.unwrap();
        assert_eq!(data, json!({ "supported": ["2026-07-28"], "requested": "v999.0.0" }));
    }

    #[test]
    fn about_a_notification_without_claim_the_header_decides() {
        let notification = r#""method":"notifications/x""#;
        assert_eq!(outcome(Some("2026-07-28"), notification), Ok(Class::Modern));
        assert_eq!(outcome(Some("2025-11-25"), notification), Ok(Class::Legacy));
        assert_eq!(outcome(None, notification), Ok(Class::Legacy));
        let claimed = format!(r#"{notification},"params":{{"_meta":{{{CLAIM}}}}}"#);
        assert_eq!(outcome(None, &claimed), Ok(Class::Modern));
        assert_eq!(outcome(Some("2025-11-25"), &claimed), Err(-32020));
        assert_eq!(outcome(Some("2026-07-28"), r#""id":1,"result":{}"#), Ok(Class::Legacy));
    }

    #[test]
    fn the_envelope_is_read_from_meta() {
        let params = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol\/clientCapabilities":{"sampling":{}},
            "io.modelcontextprotocol/clientInfo":{"name":"n"},"io.modelcontextprotocol/logLevel":"info"}}"#;
        let envelope = Envelope::read(Some(params));
        assert_eq!(envelope.version, Some(Cow::Borrowed("2026-07-28")));
        assert_eq!(envelope.capabilities, Some(r#"{"sampling":{}}"#));
        assert_eq!(envelope.client_info, Some(r#"{"name":"n"}"#));
        assert_eq!(envelope.log_level.as_deref(), Some("info"));
        assert_eq!(Envelope::read(Some("{}")), Envelope::default());
        assert_eq!(Envelope::read(None), Envelope::default());
    }

    #[test]
    fn statuses_of_errors() {
        let codes = [-32601, -32020, -32021, -32022, -32602, -32603, 5];
        assert_eq!(codes.map(http_status), [404, 400, 400, 400, 200, 200, 200]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*", json in any_json(4), header in "\\PC{0,10}") {
            Envelope::read(Some(&text));
            Envelope::read(Some(&json));
            for params in [text, json] {
                let message = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{params}}}"#);
                if let Ok(message) = Message::parse(&message, 32) {
                    let _ = classify(Some(&header), &message);
                }
            }
        }
    }
}
