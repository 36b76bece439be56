//! What of a result its client gets: all of it as JSON, or with `Accept` the parts of one media type.

use super::super::answer;
use super::failure;
use crate::http::Response;
use crate::protocol::{base64, json};
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::value::RawValue;

/// One part of a result.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Binary { media: String, bytes: Vec<u8> },
}

/// Whether a tool says that it has failed.
pub(super) fn is_error(result: &str) -> bool {
    json::member(result, "isError") == Some("true")
}

/// The answer to a request with these header fields that carries `result` (raw JSON), whose parts stand in the array
/// `field`. 422 if it says that the tool has failed.
pub(super) fn response(headers: &HeaderMap, result: &str, field: &str) -> Response {
    if is_error(result) {
        let data = serde_json::from_str::<&RawValue>(result).ok();
        return failure::error(StatusCode::UNPROCESSABLE_ENTITY, &complaint(result), data);
    }
    let ranges = ranges(headers);
    // A result is never lost because of how it was asked for: the tool has done its work.
    let some = if takes_json(&ranges) { None } else { chosen(&ranges, &parts(result, field)) };
    some.unwrap_or_else(|| {
        let body = [result.as_bytes(), b"\n"].concat();
        answer::with(StatusCode::OK, "application/json", body)
    })
}

fn complaint(result: &str) -> String {
    let text = texts(&parts(result, "content"));
    if text.is_empty() { "the tool has failed and does not say why".into() } else { text }
}

// ---- Accept (RFC 9110, 12.5.1)

/// The media ranges in their order, in lower case, without parameters.
fn ranges(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
    let ranges = fields.flat_map(|field| field.split(','));
    ranges
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .filter(|range| !range.is_empty())
        .collect()
}

fn takes_json(ranges: &[String]) -> bool {
    ranges.is_empty()
        || ranges.iter().any(|range| matches!(range.as_str(), "*/*" | "application/*" | "application/json"))
}

/// What the first range names that the result has anything of.
fn chosen(ranges: &[String], parts: &[Part]) -> Option<Response> {
    ranges.iter().find_map(|range| match range.as_str() {
        "text/plain" | "text/*" => {
            let has_text = parts.iter().any(|part| matches!(part, Part::Text(_)));
            has_text.then(|| sealed("text/plain; charset=utf-8", texts(parts).into_bytes()))
        }
        _ => parts.iter().find_map(|part| match part {
            Part::Binary { media, bytes } if is_within(media, range) => Some(sealed(media, bytes.clone())),
            _ => None,
        }),
    })
}

/// What a server calls HTML is none: only what no browser runs is sent as what it says it is.
fn is_within(media: &str, range: &str) -> bool {
    let kind = media.split('/').next().unwrap_or_default();
    let is_inert = matches!(kind, "image" | "audio" | "video") || media == "application/octet-stream";
    is_inert && (media == range || range.strip_suffix("/*") == Some(kind))
}

/// A body that a browser takes for nothing else than it is, and in which it runs nothing.
fn sealed(media: &str, body: Vec<u8>) -> Response {
    let mut response = answer::with(StatusCode::OK, "application/octet-stream", body);
    let headers = response.headers_mut();
    if let Ok(media) = HeaderValue::from_str(media) {
        headers.insert(header::CONTENT_TYPE, media);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    response
}

// ---- parts

fn parts(result: &str, field: &str) -> Vec<Part> {
    let items = json::member(result, field).and_then(json::items).unwrap_or_default();
    items.into_iter().filter_map(part).collect()
}

fn part(item: &str) -> Option<Part> {
    let inner = ["resource", "content"].into_iter().find_map(|name| json::member(item, name));
    let item = inner.filter(|inner| inner.starts_with('{')).unwrap_or(item);
    let text = |name| json::member(item, name).and_then(json::string);
    if let Some(text) = text("text") {
        return Some(Part::Text(text));
    }
    let media = text("mimeType").unwrap_or_else(|| "application/octet-stream".into()).to_ascii_lowercase();
    let bytes = base64::decode(&text("data").or_else(|| text("blob"))?)?;
    Some(Part::Binary { media, bytes })
}

/// The parts that are text, in lines of their own.
fn texts(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Binary { .. } => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Payload;

    const MIXED: &str = r#"{"content":[{"type":"text","text":"a"},{"type":"image","data":"AAEC","mimeType":"image/PNG"},
        {"type":"resource","resource":{"uri":"x","text":"b\n"}},{"type":"resource","resource":{"blob":"/w=="}}],"n":1.0}"#;

    fn answer(accept: &str, result: &str) -> (u16, String, Vec<u8>) {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        let (head, body) = response(&headers, result, "content").into_parts();
        let Payload::Bytes(body) = body else { panic!() };
        (head.status.as_u16(), head.headers[header::CONTENT_TYPE].to_str().unwrap().into(), body)
    }

    #[test]
    fn accept_chooses_a_part() {
        let json = (200, "application/json".to_string(), format!("{MIXED}\n").into_bytes());
        for accept in
            ["*/*", "application/json", "text/html, */*;q=0.8", "text/event-stream", "font/woff", ""]
        {
            assert_eq!(answer(accept, MIXED), json, "{accept}");
        }
        let text = (200, "text/plain; charset=utf-8".to_string(), b"a\nb\n".to_vec());
        assert_eq!(answer("text/plain", MIXED), text);
        assert_eq!(answer("audio/*, Text/Plain;q=1", MIXED), text);
        let image = (200, "image/png".to_string(), vec![0, 1, 2]);
        assert_eq!(answer("image/*", MIXED), image);
        assert_eq!(answer("image/png", MIXED), image);
        assert_eq!(answer("application/octet-stream", MIXED).2, [255]);
    }

    #[test]
    fn what_a_browser_would_run_stays_in_its_json() {
        let page = r#"{"content":[{"type":"image","data":"AAEC","mimeType":"text/html"}]}"#;
        for accept in ["text/html", "text/*", "text/plain"] {
            assert_eq!(answer(accept, page).1, "application/json", "{accept}");
        }
    }

    #[test]
    fn a_tool_that_fails_is_a_status() {
        let failed = r#"{"content":[{"type":"text","text":"no"}],"isError":true,"x":1e400}"#;
        let body = format!("{{\"error\":\"no\",\"data\":{failed}}}\n").into_bytes();
        assert_eq!(answer("text/plain", failed), (422, "application/json".into(), body));
    }
}
