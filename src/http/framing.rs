//! Where a request's body ends, decided in one place (RFC 9112 section 6.3).
//!
//! Every ambiguity is refused: two readers that disagree about the end of a body are how requests
//! are smuggled past a proxy.

use super::refusal::Refusal;
use ::http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use ::http::{StatusCode, Version};

/// The one way a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body was announced.
    None,
    /// `Content-Length`, in bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Decides the framing of a request.
///
/// # Errors
/// 400 if the fields contradict each other, are repeated or malformed; 501 for a transfer coding
/// other than chunked.
pub fn of_request(version: Version, headers: &HeaderMap) -> Result<Framing, Refusal> {
    match (headers.contains_key(TRANSFER_ENCODING), headers.contains_key(CONTENT_LENGTH)) {
        (true, true) => Err(Refusal::malformed(
            "the request has both Transfer-Encoding and Content-Length; send one of them",
        )),
        (true, false) if version != Version::HTTP_11 => {
            Err(Refusal::malformed("Transfer-Encoding needs HTTP/1.1; send Content-Length"))
        }
        (true, false) => chunked(headers),
        (false, true) => content_length(headers).map(Framing::Length),
        (false, false) => Ok(Framing::None),
    }
}

fn chunked(headers: &HeaderMap) -> Result<Framing, Refusal> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::malformed("the request has more than one Transfer-Encoding header; send one"));
    };
    if value.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    let last = value.as_bytes().rsplit(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    let known = value.as_bytes().split(|&byte| byte == b',').filter(|item| is_chunked(item.trim_ascii()));
    if value.is_empty() || known.count() > 1 || (value.as_bytes().contains(&b',') && !is_chunked(last)) {
        return Err(Refusal::malformed("the Transfer-Encoding header is malformed; send exactly: chunked"));
    }
    Err(Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "the request's transfer coding is not known here; send Transfer-Encoding: chunked or Content-Length",
    ))
}

fn is_chunked(item: &[u8]) -> bool {
    item.eq_ignore_ascii_case(b"chunked")
}

/// The one `Content-Length` of a message, in bytes.
///
/// # Errors
/// 400 if it is absent, repeated (also as a list), not digits only, or does not fit 64 bits.
pub fn content_length(headers: &HeaderMap) -> Result<u64, Refusal> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::malformed("the message must have exactly one Content-Length header"));
    };
    digits(value)
        .ok_or(Refusal::malformed("the Content-Length header is not one whole number that fits 64 bits"))
}

fn digits(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}
