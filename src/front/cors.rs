//! Cross-origin requests of browser clients (WHATWG Fetch, CORS protocol). Only for origins the guard lets through.

use crate::http::{Payload, Response};
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

const ALLOWED_HEADERS: [&str; 10] = [
    "content-type",
    "authorization",
    "accept",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "last-event-id",
    "traceparent",
    "x-request-id",
];

/// Drops what a server said to pages: it does not know the origins that we allow.
pub(super) fn drop_theirs(response: &mut Response) {
    let headers = response.headers_mut();
    let theirs: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    theirs.iter().for_each(|name| drop(headers.remove(name)));
}

/// Lets the page of an allowed origin read the response, the MCP header fields included.
pub(super) fn expose(response: &mut Response, origin: Option<&HeaderValue>) {
    let Some(origin) = origin else { return };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let exposed =
        HeaderValue::from_static("Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, X-Request-Id");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}

/// The answer to OPTIONS: what may be sent here, and for a preflight which header fields.
pub(super) fn preflight(request: &HeaderMap) -> Response {
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
    headers.insert(header::ALLOW, methods.clone());
    if request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Ok(names) = HeaderValue::from_str(&allowed(request).join(", ")) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
    }
    response
}

/// The usual fields, and any `Mcp-Param-*` that is asked for (2026-07-28, Streamable HTTP).
fn allowed(request: &HeaderMap) -> Vec<String> {
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let asked = asked.unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
    let parameters = asked.filter(|name| name.starts_with("mcp-param-"));
    ALLOWED_HEADERS.iter().map(ToString::to_string).chain(parameters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_names_what_may_be_sent() {
        let mut request = HeaderMap::new();
        request.insert("access-control-request-method", HeaderValue::from_static("POST"));
        request.insert("access-control-request-headers", HeaderValue::from_static("Mcp-Param-City, x-evil"));
        let response = preflight(&request);
        let names = response.headers()["access-control-allow-headers"].to_str().unwrap().to_string();
        assert!(
            names.contains("mcp-session-id") && names.contains("mcp-param-city") && !names.contains("x-evil")
        );
    }
}
