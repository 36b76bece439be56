//! What header fields have to say: in both eras what the client takes, in the modern one what is in the body.

use crate::Asked;
use crate::fake::CLAIM;
use serde_json::Value;

/// The status for a request whose client cannot be answered.
pub(crate) fn unacceptable(asked: &Asked) -> Option<u16> {
    let accept = asked.header("accept").unwrap_or_default();
    let kind = asked.header("content-type").unwrap_or_default();
    match asked.method.as_str() {
        "POST" if !accept.contains("application/json") || !accept.contains("text/event-stream") => Some(406),
        "POST" if !kind.starts_with("application/json") => Some(415),
        _ => None,
    }
}

/// Why a modern request contradicts its header fields. One without a claim is somebody else's to refuse, and
/// notifications have no such rules.
pub(crate) fn mismatch(asked: &Asked, message: &Value) -> Option<String> {
    let (method, params) = (message["method"].as_str()?, &message["params"]);
    message.get("id")?;
    let mut wanted = vec![("Mcp-Method".to_string(), method.to_string())];
    if let Some(claim) = params["_meta"][CLAIM].as_str() {
        wanted.push(("MCP-Protocol-Version".to_string(), claim.to_string()));
    }
    let named = match method {
        "tools/call" | "prompts/get" => &params["name"],
        "resources/read" => &params["uri"],
        "tasks/get" | "tasks/update" | "tasks/cancel" => &params["taskId"],
        _ => &Value::Null,
    };
    wanted.extend(named.as_str().map(|name| ("Mcp-Name".to_string(), name.to_string())));
    let differs = |(field, value): &(String, String)| value_of(asked, field).as_ref() != Some(value);
    let found = wanted.iter().find(|pair| differs(pair)).map(|(field, _)| field.clone());
    let found = found.or_else(|| parameter(asked, params).filter(|_| method == "tools/call"));
    found.map(|field| format!("{field} is not what the body says"))
}

/// The field that contradicts the arguments of `mirror`.
fn parameter(asked: &Asked, params: &Value) -> Option<String> {
    if params["name"] != "mirror" {
        return None;
    }
    let arguments = &params["arguments"];
    let mirrored = [
        ("Region", &arguments["region"]),
        ("Count", &arguments["count"]),
        ("City", &arguments["place"]["city"]),
    ];
    let differs = |(name, argument): &&(&str, &Value)| {
        let value = value_of(asked, &format!("Mcp-Param-{name}"));
        match argument {
            Value::Null => value.is_some(),
            Value::String(text) => value.as_ref() != Some(text),
            number => value.and_then(|value| value.parse::<f64>().ok()) != number.as_f64(),
        }
    };
    mirrored.iter().find(differs).map(|(name, _)| format!("Mcp-Param-{name}"))
}

/// A field's value, decoded if it says that it is base64; none if that is not so.
fn value_of(asked: &Asked, field: &str) -> Option<String> {
    let value = asked.header(&field.to_lowercase())?.trim();
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(code) => String::from_utf8(base64(code)?).ok(),
        None => Some(value.to_string()),
    }
}

fn base64(code: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in code.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|it| *it == letter)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}
