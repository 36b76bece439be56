//! What the headers of a Streamable HTTP request must say (2025-11-25, basic, transports).

use super::refusal::Refusal;
use crate::protocol::error::BAD_REQUEST;
use crate::protocol::revision::{self, Revision};
use ::http::{HeaderMap, HeaderName, StatusCode, header};

/// `Mcp-Session-Id`.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `Last-Event-ID`.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `MCP-Protocol-Version`.
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// What the SDKs send need not be taken apart.
const USUAL_ACCEPT: &str = "application/json, text/event-stream";

const USUAL_CONTENT: &str = "application/json";

/// A POST carries JSON (415) and takes both kinds of answer (406).
pub(crate) fn check_post(headers: &HeaderMap) -> Result<(), Refusal> {
    if !is_json(headers) {
        let message = "Content-Type must be application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, message));
    }
    let is_usual = headers.get(header::ACCEPT).is_some_and(|accept| accept == USUAL_ACCEPT);
    if !(is_usual || accepts(headers, "application/json") && accepts(headers, "text/event-stream")) {
        let message = "Accept must list both application/json and text/event-stream";
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, BAD_REQUEST, message));
    }
    Ok(())
}

/// Whether the revision that is named is of the modern era.
pub(crate) fn is_modern(headers: &HeaderMap) -> bool {
    text(headers, &PROTOCOL_VERSION).is_some_and(revision::names_modern)
}

/// Whether a body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let is_json = |content: &str| content == USUAL_CONTENT || is_media(content, "application/json");
    text(headers, &header::CONTENT_TYPE).is_some_and(is_json)
}

/// Whether a GET opens the stream of 2024-11-05: it asks for events by name, and knows neither sessions nor versions.
pub(crate) fn is_old_client(headers: &HeaderMap) -> bool {
    let has = |name| headers.contains_key(name);
    let by_name = ranges(headers).any(|range| is_media(range, "text/event-stream"));
    by_name && !has(SESSION_ID) && !has(PROTOCOL_VERSION)
}

/// The media ranges of `Accept`.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let fields = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(','))
}

/// Whether a media type or range is this one, whatever its parameters.
fn is_media(range: &str, media: &str) -> bool {
    range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case(media))
}

/// A GET takes an event stream (406).
pub(crate) fn check_get(headers: &HeaderMap) -> Result<(), Refusal> {
    if !accepts(headers, "text/event-stream") {
        let message = "Accept must list text/event-stream; calls are made by POST";
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, BAD_REQUEST, message));
    }
    check_version(headers)
}

/// A named revision must be one we know; naming none means the session's.
pub(crate) fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, &PROTOCOL_VERSION) {
        Some(version) if Revision::parse(version).is_none() => {
            let known = Revision::known();
            let message =
                format!("MCP-Protocol-Version {version:?} is not supported here; supported: {known}");
            Err(Refusal::bad(message))
        }
        _ => Ok(()),
    }
}

/// A header field as text, if it is there and is text.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether `Accept` (RFC 9110, 12.5.1; absent means anything) lists a media type or a range that holds it.
fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let kind = media.split('/').next().unwrap_or_default();
    let all_of_kind = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range.strip_suffix("/*").is_some_and(|own| own == "*" || own.eq_ignore_ascii_case(kind))
    };
    !headers.contains_key(header::ACCEPT)
        || ranges(headers).any(|range| is_media(range, media) || all_of_kind(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), ::http::HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn both_kinds_of_answer_must_be_accepted() {
        let status = |accept| {
            let all = headers(&[("content-type", "application/json; charset=utf-8"), ("accept", accept)]);
            check_post(&all).map_err(|refusal| refusal.response().status().as_u16())
        };
        assert_eq!(status("application/json, text/event-stream"), Ok(()));
        assert_eq!(status("*/*"), Ok(()));
        assert_eq!(status("Application/*;q=0.5,text/*"), Ok(()));
        assert_eq!(status("application/json"), Err(406));
        assert_eq!(status("text/html"), Err(406));
        assert!(check_post(&headers(&[("content-type", "text/plain")])).is_err());
        assert!(check_post(&headers(&[("content-type", "application/json")])).is_ok());
    }

    #[test]
    fn an_unknown_revision_is_refused() {
        assert!(check_version(&headers(&[("mcp-protocol-version", "2025-06-18")])).is_ok());
        assert!(check_version(&headers(&[("mcp-protocol-version", "2026-07-28")])).is_err());
        assert!(check_version(&headers(&[])).is_ok());
    }
}
