//! The head of a request, in bytes. Pure, no I/O.

use crate::http::field;
use crate::http::framing::Framing;
use ::http::header::{CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use ::http::{Method, Request, Uri};
use std::io::Write;

/// Appends the head of a request with an absolute URL and a body that ends so. Its own framing fields are left out; the
/// URL's `Host` gives way to one that it has.
pub(super) fn write_head(out: &mut Vec<u8>, request: &Request<()>, framing: Framing) {
    let url = request.uri();
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(url.path().as_bytes());
    if let Some(query) = url.query() {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !request.headers().contains_key(HOST) {
        field(out, "host", host(url).as_bytes());
    }
    for (name, value) in request.headers().iter().filter(|(name, _)| !is_framing(name)) {
        field(out, name.as_str(), value.as_bytes());
    }
    match framing {
        Framing::Length(length) => {
            let _ = write!(out, "content-length: {length}\r\n"); // memory takes everything
        }
        Framing::Chunked => field(out, "transfer-encoding", b"chunked"),
        // A method that usually has a body (RFC 9110, section 8.6).
        Framing::None if takes_body(request.method()) => field(out, "content-length", b"0"),
        Framing::None => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// What follows the scheme of a URL, without the port that needs no saying.
fn host(url: &Uri) -> &str {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.strip_suffix(":80").unwrap_or(authority)
}

fn is_framing(name: &HeaderName) -> bool {
    name == CONTENT_LENGTH || name == TRANSFER_ENCODING
}

fn takes_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}
