//! Which header fields cross the proxy (RFC 9110, 7.6.1).

use crate::http::REQUEST_ID;
use crate::log::request;
use ::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Fields that concern one connection only.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields of a request that are ours: `Host` follows from the URL, `Origin` has been checked here, and our own
/// credentials are nobody else's (MCP, security best practices, Token Passthrough). `Expect` was answered already.
const OURS: [HeaderName; 5] =
    [header::HOST, header::ORIGIN, header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::EXPECT];

/// A client's fields as the server gets them, and the id that the log has for the request.
pub(super) fn request(from: &HeaderMap) -> HeaderMap {
    // `Host` goes; the request's id and the session's may come.
    let mut headers = copy(end_to_end(from).filter(|(name, _)| !OURS.contains(name)), from.len() + 1);
    put_request_id(&mut headers);
    headers
}

/// Says which request this is, in the words of the log.
pub(super) fn put_request_id(headers: &mut HeaderMap) {
    let id = request::current().and_then(|id| HeaderValue::try_from(id.to_string()).ok());
    put(headers, REQUEST_ID, id.as_ref());
}

/// A server elsewhere is somebody else's: it is not told whose request this is, nor how we are reached.
pub(super) fn hide_client(headers: &mut HeaderMap) {
    for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"] {
        headers.remove(name);
    }
}

/// A server's fields as the client gets them.
pub(super) fn response(from: &HeaderMap) -> HeaderMap {
    copy(end_to_end(from).filter(|(name, _)| **name != header::DATE), from.len())
}

/// These fields, in a map with room for `room` at once.
fn copy<'f>(fields: impl Iterator<Item = (&'f HeaderName, &'f HeaderValue)>, room: usize) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(room);
    for (name, value) in fields {
        headers.append(name.clone(), value.clone());
    }
    headers
}

/// Gives a field this value, or none.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&HeaderValue>) {
    match value {
        Some(value) => drop(headers.insert(name, value.clone())),
        None => drop(headers.remove(name)),
    }
}

/// Whether a field has this media type, whatever its parameters.
pub(super) fn is_media(headers: &HeaderMap, name: &HeaderName, media: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| is_type(value, media))
}

/// Whether a request asks for an event stream by its name: `*/*` is said by who would take anything.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(',')).any(|range| is_type(range, "text/event-stream"))
}

fn is_type(value: &str, media: &str) -> bool {
    value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(media))
}

fn end_to_end(from: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let named: Vec<String> = from
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    from.iter().filter(move |(name, _)| {
        !HOP_BY_HOP.contains(name) && !named.iter().any(|other| other == name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_concerns_one_connection_stays_there() {
        let mut from = HeaderMap::new();
        for name in ["connection", "x-named", "keep-alive", "te", "host", "authorization", "origin", "expect"]
        {
            from.insert(name, HeaderValue::from_static("close, X-Named"));
        }
        for name in ["mcp-session-id", "mcp-param-x", "last-event-id", "cookie"] {
            from.insert(name, HeaderValue::from_static("1"));
        }
        assert_eq!(names(&request(&from)), ["cookie", "last-event-id", "mcp-param-x", "mcp-session-id"]);
    }

    #[test]
    fn a_stream_is_asked_for_by_its_name() {
        let accepts = |values: &[&'static str]| {
            let fields = values.iter().map(|value| (header::ACCEPT, HeaderValue::from_static(value)));
            accepts_events(&fields.collect())
        };
        assert!(accepts(&["Text/Event-Stream"]));
        assert!(accepts(&["application/json", "text/html, text/event-stream;q=0.5"]));
        assert!(!accepts(&["*/*", "text/*", "text/event-streams"]));
        assert!(!accepts(&[]));
    }

    #[test]
    fn fields_that_stand_twice_cross_twice() {
        let mut from = HeaderMap::new();
        from.append("set-cookie", HeaderValue::from_static("a=1"));
        from.append("set-cookie", HeaderValue::from_static("b=2"));
        assert_eq!(response(&from).get_all("set-cookie").iter().count(), 2);
    }
}
