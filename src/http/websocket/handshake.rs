//! The opening handshake (RFC 6455, section 4.2). Pure.

use crate::http::framing::{self, Framing};
use crate::http::head;
use crate::http::{Payload, Refusal, Response, Upgraded};
use ::http::header::{
    HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use ::http::{HeaderValue, Method, Request, StatusCode, Version};
use std::io;
use tungstenite::handshake::derive_accept_key;

/// Characters of a key: 16 bytes in base64.
const KEY_CHARACTERS: usize = 24;

/// A handshake that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What proves that the key was read.
    key: HeaderValue,
}

impl Accepted {
    /// 101, and then `talk` has the connection. A talk that lasts should hold a [`crate::http::StreamPermit`].
    pub fn answer<F>(self, talk: F) -> Response
    where
        F: FnOnce(Upgraded<'_>) -> io::Result<()> + Send + 'static,
    {
        let mut response = Response::new(Payload::Upgrade(Box::new(talk)));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.key);
        response
    }
}

/// Reads a handshake. No subprotocol and no extension is agreed on.
///
/// # Errors
/// The answer for a request that is none (426), or not in order (400).
pub fn accept(request: &Request<()>) -> Result<Accepted, Box<Response>> {
    let headers = request.headers();
    let asks = names_websocket(headers) && head::names(headers, "upgrade");
    if !asks || request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return Err(upgrade_required(
            "this is a WebSocket: ask by GET with Upgrade: websocket and Connection: upgrade in HTTP/1.1 (a reverse proxy in front has to pass them on)",
        ));
    }
    if one(headers, &SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(upgrade_required(
            "the WebSocket version is not known here; send Sec-WebSocket-Version: 13",
        ));
    }
    if !matches!(framing::of_request(request.version(), headers), Ok(Framing::None | Framing::Length(0))) {
        return Err(malformed("a WebSocket handshake has no body"));
    }
    let key = one(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or_else(|| malformed("Sec-WebSocket-Key is to be 16 bytes in base64, once"))?;
    let key = HeaderValue::from_str(&derive_accept_key(key));
    key.map(|key| Accepted { key }).map_err(|_| malformed("Sec-WebSocket-Key cannot be answered"))
}

/// Whether an `Upgrade` field lists it.
fn names_websocket(headers: &HeaderMap) -> bool {
    let values = headers.get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case("websocket"))
}

/// The value of a field that is there once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_CHARACTERS && key.strip_suffix(b"==").is_some_and(|digits| digits.iter().all(is_digit))
}

fn malformed(message: &'static str) -> Box<Response> {
    Box::new(Refusal::malformed(message).into_response())
}

/// RFC 9110, section 15.5.22, and RFC 6455, section 4.4.
fn upgrade_required(message: &'static str) -> Box<Response> {
    let mut response = Refusal::new(StatusCode::UPGRADE_REQUIRED, message).into_response();
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    Box::new(response)
}
