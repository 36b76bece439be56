//! The headers of a modern POST that repeat parts of its body, so that what stands between client and server need
//! not read bodies (2026-07-28, Streamable HTTP, Request Metadata): compared for our clients, made for servers that we
//! are a client of.

use super::error::RpcError;
use super::message::{Kind, Message};
use super::modern::{Envelope, HEADER_MISMATCH};
use super::revision::MODERN;
use super::{base64, json};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

pub use super::annotation::{AnnotatedTools, Annotation};

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// How a value begins and ends that no header can carry as it is.
const MARKERS: (&str, &str) = ("=?base64?", "?=");
/// The largest whole number that every JSON parser keeps; larger ones are not repeated in headers.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The text that the value of `Mcp-Name` or `Mcp-Param-…` stands for: as it is, or from Base64 between the markers.
/// `None` if that is not Base64 of UTF-8, or if characters stand there that a header cannot carry.
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return None;
    }
    let marked = value.strip_prefix(MARKERS.0).and_then(|rest| rest.strip_suffix(MARKERS.1));
    match marked {
        Some(marked) => String::from_utf8(base64::decode(marked)?).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(value)),
    }
}

fn encode(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim_matches(' ') == text;
    if is_plain && !text.starts_with(MARKERS.0) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{}{}", MARKERS.0, base64::encode(text.as_bytes()), MARKERS.1))
}

/// Whether the headers of a modern POST repeat what its body says; `envelope` is that of the message, `annotations` are
/// those of the tool it calls.
/// Responses are never checked; for notifications, whose headers are not defined, what is there must be right.
///
/// # Errors
/// A header is missing, stands twice, holds characters no header can, says something else than the body, or stands
/// for an argument that is not there (-32020, to go out with HTTP 400).
pub fn check(
    headers: &HeaderMap,
    message: &Message<'_>,
    envelope: &Envelope<'_>,
    annotations: &[Annotation],
) -> Result<(), RpcError> {
    let version = envelope.version.as_deref();
    match &message.kind {
        Kind::Response { .. } => Ok(()),
        Kind::Notification { method, .. } => {
            check_line(headers, VERSION, version.filter(|_| headers.contains_key(VERSION)))?;
            check_line(headers, METHOD, Some(&**method).filter(|_| headers.contains_key(METHOD)))
        }
        Kind::Request { method, params, .. } => {
            check_line(headers, VERSION, version)?;
            check_line(headers, METHOD, Some(method))?;
            if let Some(field) = name_field(method) {
                let found = params.map(|params| json::members(params, field)).unwrap_or_default();
                check_values(headers, NAME, &found)?;
            }
            let annotations = annotations.iter().filter(|_| method == "tools/call");
            annotations.into_iter().try_for_each(|annotation| {
                check_values(headers, &annotation.header, &annotation.values(*params))
            })
        }
    }
}

/// A header that says exactly what the body says, if that says anything.
fn check_line(headers: &HeaderMap, name: &str, expected: Option<&str>) -> Result<(), RpcError> {
    match (expected, only(headers, name)?) {
        (None, _) => Ok(()),
        (Some(expected), Some(found)) if found == expected => Ok(()),
        (Some(_), Some(_)) => Err(mismatch(name, "does not say what the body says")),
        (Some(_), None) => Err(mismatch(name, "is missing")),
    }
}

/// A header that repeats a value of the body: each one, where the value stands there more than once.
fn check_values(headers: &HeaderMap, name: &str, values: &[&str]) -> Result<(), RpcError> {
    let Some(found) = only(headers, name)? else {
        return match values.iter().any(|value| header_text(value).is_some()) {
            true => Err(mismatch(name, "is missing")),
            false => Ok(()),
        };
    };
    let found = decode(found).ok_or_else(|| mismatch(name, "is not valid Base64 of UTF-8 text"))?;
    match !values.is_empty() && values.iter().all(|value| is_same(&found, value)) {
        true => Ok(()),
        false => Err(mismatch(name, "does not say what the body says")),
    }
}

/// The one value of a header. Of two, others might read the other one.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, RpcError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mismatch(name, "stands there more than once"));
    }
    let value = value.to_str().map_err(|_| mismatch(name, "holds characters that no header can carry"))?;
    Ok(Some(value.trim_matches([' ', '\t'])))
}

fn mismatch(name: &str, what: &str) -> RpcError {
    let message = format!(
        "Header mismatch: the header {name} {what}; send headers that repeat the body ({MODERN}, Streamable HTTP)"
    );
    RpcError::new(HEADER_MISMATCH, message)
}

/// The member of the parameters that `Mcp-Name` repeats (the tasks extension has its own).
fn name_field(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// The text in which a header repeats the raw value: of strings, booleans and numbers within the safe range. Null is
/// as good as absent.
fn header_text(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => json::string(raw),
        b't' | b'f' => Some(raw.to_string()),
        b'-' | b'0'..=b'9' => safe_number(raw).map(|number| number.to_string()),
        _ => None,
    }
}

/// Numbers are the same whatever their spelling: 42 and 42.0 (2026-07-28, Streamable HTTP, Server Validation).
fn is_same(text: &str, raw: &str) -> bool {
    match raw.as_bytes().first() {
        Some(b'"') => json::string(raw).as_deref() == Some(text),
        Some(b'-' | b'0'..=b'9') => {
            let is_decimal = text.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'0'..=b'9'));
            text == raw
                || (is_decimal && safe_number(text).is_some_and(|number| safe_number(raw) == Some(number)))
        }
        Some(b't' | b'f') => text == raw,
        _ => false,
    }
}

/// A whole number loses its fraction's zeros, and zero its sign.
fn safe_number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.abs() <= MAX_SAFE_INTEGER).map(|number| number + 0.0)
}

/// The headers that repeat a request we send; `annotations` are those of the tool it calls.
pub fn headers(
    method: &str,
    params: Option<&str>,
    annotations: &[Annotation],
) -> Vec<(HeaderName, HeaderValue)> {
    let version = Envelope::read(params).version;
    let mut all =
        vec![(VERSION, version.as_deref().unwrap_or(MODERN).to_string()), (METHOD, method.to_string())];
    let name = name_field(method).and_then(|field| json::member(params?, field)).and_then(header_text);
    all.extend(name.map(|name| (NAME, name)));
    for annotation in annotations.iter().filter(|_| method == "tools/call") {
        let value = annotation.values(params).pop().and_then(header_text);
        all.extend(value.map(|value| (annotation.header.as_str(), value)));
    }
    let header = |(name, value): (&str, String)| {
        let value = HeaderValue::from_str(&encode(&value)).ok()?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    all.into_iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::any_json;
    use super::*;
    use proptest::prelude::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    fn annotation(header: &str, path: &[&str]) -> Annotation {
        Annotation { header: header.into(), path: path.iter().map(|step| step.to_string()).collect() }
    }

    fn is_taken(headers: &[(&str, &str)], body: &str) -> bool {
        let text = format!(r#"{{"jsonrpc":"2.0",{body}}}"#);
        let annotations =
            [annotation("mcp-param-region", &["region"]), annotation("mcp-param-n", &["deep", "n"])];
        let message = Message::parse(&text, 32).unwrap();
        match check(&map(headers), &message, &Envelope::read(message.params()), &annotations) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.code, -32020);
                false
            }
        }
    }

    fn request(method: &str, params: &str) -> String {
        format!(r#""id":1,"method":"{method}","params":{{{META}{params}}}"#)
    }

    #[test]
    fn version_and_method_are_repeated() {
        let list = request("tools/list", "");
        let version = ("MCP-Protocol-Version", "2026-07-28");
        assert!(is_taken(&[version, ("Mcp-Method", "tools/list")], &list));
        assert!(is_taken(&[version, ("MCP-METHOD", " \ttools/list ")], &list));
        assert!(!is_taken(&[version, ("Mcp-Method", "prompts/list")], &list));
        assert!(!is_taken(&[version, ("Mcp-Method", "TOOLS/LIST")], &list));
        assert!(!is_taken(&[version, ("Mcp-Method", "tools/lïst")], &list));
        assert!(!is_taken(&[version, ("Mcp-Method", "tools/list"), ("Mcp-Method", "tools/list")], &list));
        assert!(!is_taken(&[version], &list));
        assert!(!is_taken(&[("Mcp-Method", "tools/list")], &list));
        assert!(!is_taken(&[("MCP-Protocol-Version", "2025-11-25"), ("Mcp-Method", "tools/list")], &list));
    }

    #[test]
    fn the_name_is_repeated() {
        let with = |method, params: &str, name: Option<&str>| {
            let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
            headers.extend(name.map(|name| ("mcp-name", name)));
            is_taken(&headers, &request(method, params))
        };
        for (method, field) in [
            ("tools/call", "name"),
            ("prompts/get", "name"),
            ("resources/read", "uri"),
            ("tasks/get", "taskId"),
            ("tasks/update", "taskId"),
            ("tasks/cancel", "taskId"),
        ] {
            let params = format!(r#","{field}":"h\u0069""#);
            assert!(
                with(method, &params, Some("hi")) && with(method, &params, Some("=?base64?aGk=?=")),
                "{method}"
            );
            assert!(!with(method, &params, Some("ho")) && !with(method, &params, None), "{method}");
            assert!(!with(method, &params, Some("=?base64?aGk?=")), "{method}");
            let twice = format!(r#"{params},"{field}":"other""#);
            assert!(!with(method, &twice, Some("hi")) && !with(method, &twice, Some("other")), "{method}");
        }
        assert!(with("tools/call", "", None) && !with("tools/call", "", Some("hi")));
        assert!(with("tools/list", "", Some("whatever")));
    }

    #[test]
    fn annotated_arguments_are_repeated() {
        let with = |arguments: &str, headers: &[(&str, &str)]| {
            let mut all =
                vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "t")];
            all.extend(headers);
            is_taken(&all, &request("tools/call", &format!(r#","name":"t","arguments":{arguments}"#)))
        };
        let region = |value| [("Mcp-Param-Region", value)];
        assert!(with(r#"{"region":"Hello"}"#, &region("Hello")));
        assert!(with(r#"{"region":"Hello"}"#, &region("=?base64?SGVsbG8=?=")));
        for wrong in
            ["hello", "=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "SGVsbG8=", "=?BASE64?SGVsbG8=?="]
        {
            assert!(!with(r#"{"region":"Hello"}"#, &region(wrong)), "{wrong}");
        }
        for literal in ["SGVsbG8=", "=?base64?SGVsbG8=", "SGVsbG8=?=", "=?BASE64?SGVsbG8=?="] {
            assert!(with(&format!(r#"{{"region":"{literal}"}}"#), &region(literal)), "{literal}");
        }
        assert!(!with(r#"{"region":"Hello"}"#, &[]));
        for absent in ["{}", r#"{"region":null}"#, "null", r#"{"region":["Hello"]}"#] {
            assert!(with(absent, &[]), "{absent}");
            assert!(!with(absent, &region("Hello")), "{absent}");
        }
        assert!(!with(r#"{"region":"a","region":"b"}"#, &region("a")));
        assert!(with(r#"{"region":true}"#, &region("true")) && !with(r#"{"region":true}"#, &region("True")));
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let with = |number: &str, header: Option<&str>| {
            let mut all =
                vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "t")];
            all.extend(header.map(|header| ("mcp-param-n", header)));
            let params = format!(r#","name":"t","arguments":{{"deep":{{"n":{number}}}}}"#);
            is_taken(&all, &request("tools/call", &params))
        };
        for (body, header) in
            [("42", "42.0"), ("42.0", "42"), ("4.2e1", "42"), ("-0", "0"), ("-7", "-7"), ("0.5", ".5")]
        {
            assert!(with(body, Some(header)), "{body} {header}");
        }
        for (body, header) in
            [("42", "43"), ("42", "4.2e1"), ("42", "inf"), ("42", ""), ("42", "0x2a"), ("-7", "7")]
        {
            assert!(!with(body, Some(header)), "{body} {header}");
        }
        // Beyond the safe range nothing is asked for, but what is there must be right to the last digit.
        assert!(with("9007199254740993", None) && with("9007199254740993", Some("9007199254740993")));
        assert!(!with("9007199254740993", Some("9007199254740992")));
        assert!(!with("9007199254740991", None));
    }

    #[test]
    fn of_notifications_only_what_is_there_is_compared() {
        let bare = r#""method":"notifications/x""#;
        assert!(is_taken(&[], bare) && is_taken(&[("mcp-protocol-version", "2026-07-28")], bare));
        assert!(is_taken(&[("mcp-method", "notifications/x")], bare));
        assert!(!is_taken(&[("mcp-method", "notifications/y")], bare));
        let claims = format!(r#"{bare},"params":{{{META}}}"#);
        assert!(is_taken(&[], &claims) && !is_taken(&[("mcp-protocol-version", "2025-11-25")], &claims));
        assert!(is_taken(&[("mcp-method", "x")], r#""id":1,"result":{}"#));
    }

    #[test]
    fn our_own_requests_carry_the_headers() {
        let annotations = [
            annotation("mcp-param-region", &["region"]),
            annotation("mcp-param-n", &["n"]),
            annotation("mcp-param-no", &["no"]),
        ];
        let params = r#"{"name":" t","arguments":{"region":"世","n":42.0,"no":null}}"#;
        let made = headers("tools/call", Some(params), &annotations);
        let made: Vec<_> =
            made.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            made,
            [
                ("mcp-protocol-version", "2026-07-28"),
                ("mcp-method", "tools/call"),
                ("mcp-name", "=?base64?IHQ=?="),
                ("mcp-param-region", "=?base64?5LiW?="),
                ("mcp-param-n", "42"),
            ]
        );
        assert_eq!(headers("tools/list", None, &annotations).len(), 2);
    }

    #[test]
    fn only_what_needs_it_is_encoded() {
        for plain in ["us-west1", "", "a b", "=?base64", "x=?base64?"] {
            assert_eq!(encode(plain), plain);
        }
        for odd in [" a", "a ", "a\tb", "a\nb", "é", "=?base64?x?=", "=?base64?"] {
            assert!(encode(odd).starts_with("=?base64?") && encode(odd) != odd, "{odd:?}");
        }
        assert_eq!(decode("é"), None);
        assert_eq!(decode("=?base64?/w==?="), None);
        assert_eq!(decode("=?base64?=").as_deref(), Some("=?base64?="));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in "\\PC{0,12}|[ =?a-z0-9]{0,12}|=\\?base64\\?\\PC{0,5}\\?=") {
            let encoded = encode(&text);
            prop_assert!(HeaderValue::from_str(&encoded).is_ok());
            prop_assert_eq!(decode(&encoded), Some(Cow::Borrowed(text.as_str())));
        }

        #[test]
        fn our_headers_pass_our_check(region in any_json(1), n in any_json(1), name in "\\PC{0,9}") {
            let params = format!(r#"{{{META},"name":{},"arguments":{{"region":{region},"n":{n}}}}}"#, json::quoted(&name));
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            let annotations = [annotation("mcp-param-region", &["region"]), annotation("mcp-param-n", &["n"])];
            let headers: HeaderMap = headers("tools/call", Some(&params), &annotations).into_iter().collect();
            let message = Message::parse(&text, 32).unwrap();
            prop_assert_eq!(check(&headers, &message, &Envelope::read(message.params()), &annotations), Ok(()));
        }

        #[test]
        fn nothing_panics(text in "\\PC*", json in any_json(4)) {
            decode(&text);
            for params in [text, json] {
                headers(&params, Some(&params), &[annotation(&params, &["a"])]);
                is_same(&params, &params);
                header_text(&params);
            }
        }
    }
}
