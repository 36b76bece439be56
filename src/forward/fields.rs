//! Which header fields cross the proxy (RFC 9110, 7.6.1).

use ::http::{HeaderMap, HeaderName, header};

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

/// A client's fields as the server gets them.
pub(super) fn request(from: &HeaderMap) -> HeaderMap {
    end_to_end(from).filter(|(name, _)| !OURS.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// A server's fields as the client gets them.
pub(super) fn response(from: &HeaderMap) -> HeaderMap {
    end_to_end(from).filter(|(name, _)| **name != header::DATE).map(|(n, v)| (n.clone(), v.clone())).collect()
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

fn end_to_end(from: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &::http::HeaderValue)> {
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
    use ::http::HeaderValue;

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
