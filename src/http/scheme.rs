//! What is spoken on a listening socket, and where who speaks otherwise is sent.

use super::payload::{Payload, Response};
use super::refusal::Refusal;
use super::tls::Identities;
use ::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, LOCATION};
use ::http::uri::Authority;
use ::http::{Method, Request, StatusCode};
use std::sync::Arc;

/// What is spoken on a listening socket.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP in TLS. Plain requests are sent to the same port.
    Https(Arc<dyn Identities>),
    /// Plain HTTP, and every request is sent to this port, where it is HTTPS.
    Redirect(u16),
}

/// The answer to a plain request where HTTPS is asked for. A reader is sent on (308); whoever has sent a secret or a
/// body has to learn that it was in the open (400).
pub(crate) fn to_https(request: &Request<()>, port: Option<u16>) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let location =
        location(request, port).filter(|_| reads && !request.headers().contains_key(AUTHORIZATION));
    let Some(location) = location else { return plain().into_response() };
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response
}

fn plain() -> Refusal {
    Refusal::malformed(
        "this port speaks HTTPS only: use the same URL with https:// (what was sent now was readable on its way)",
    )
}

fn location(request: &Request<()>, port: Option<u16>) -> Option<HeaderValue> {
    let host = host(request.headers(), port)?;
    let path = request.uri().path_and_query()?;
    HeaderValue::from_str(&format!("https://{host}{path}")).ok()
}

fn host(headers: &HeaderMap, port: Option<u16>) -> Option<String> {
    let host: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    match port {
        None => Some(host.to_string()),
        Some(443) => Some(host.host().to_string()),
        Some(port) => Some(format!("{}:{port}", host.host())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &str, host: &str, more: &[(&str, &str)], port: Option<u16>) -> (u16, String) {
        let request = Request::builder().method(method).uri("/notes?a=b").header("host", host);
        let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = to_https(&request.body(()).unwrap(), port);
        let location = response.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap());
        (response.status().as_u16(), location.to_string())
    }

    #[test]
    fn a_reader_is_sent_on_and_a_writer_is_told() {
        let sent = |location: &str| (308, location.to_string());
        assert_eq!(answer("GET", "nas:3000", &[], None), sent("https://nas:3000/notes?a=b"));
        assert_eq!(answer("HEAD", "nas", &[], Some(3000)), sent("https://nas:3000/notes?a=b"));
        assert_eq!(answer("GET", "[::1]:80", &[], Some(443)), sent("https://[::1]/notes?a=b"));
        let told = (400, String::new());
        assert_eq!(answer("POST", "nas", &[], None), told);
        assert_eq!(answer("GET", "nas", &[("authorization", "Bearer x")], None), told);
        assert_eq!(answer("GET", "", &[], None), told);
    }
}
