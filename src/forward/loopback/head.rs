//! The head of an answer: read from bytes that come piece by piece, and how the body behind it ends. Pure, no I/O.

use crate::http::chunked::ChunkDecoder;
use crate::http::{framing, head};
use ::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use ::http::{Method, Response, StatusCode, Version};
use httparse::{ParserConfig, Status};
use std::mem::MaybeUninit;

/// All heads of one answer together, those that only say that it will come (1xx) included.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Fields of one head.
pub(super) const MAX_FIELDS: usize = 128;

/// An answer without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) end: End,
    /// Whether another request may follow on this connection, once the body has ended.
    pub(super) may_go_on: bool,
}

/// How a body ends (RFC 9112, section 6.3).
#[derive(Debug)]
pub(super) enum End {
    /// After so many bytes.
    After(u64),
    /// With its last chunk.
    Chunks(ChunkDecoder),
    /// With the connection.
    Close,
}

/// What is wrong with an answer, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// One past the empty line that ends the head at the beginning of `bytes`, if it is there. Nothing ends in the first
/// `seen` bytes.
pub(super) fn end(bytes: &[u8], seen: usize) -> Option<usize> {
    let mut at = seen.saturating_sub(3);
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'\n')? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Reads a whole head: that of the answer to a request with this method.
///
/// # Errors
/// It is no head of HTTP/1, has too many fields, or does not say clearly how its body ends.
pub(super) fn parse(bytes: &[u8], method: &Method) -> Result<Head, Malformed> {
    let mut response = read(bytes)?;
    let (status, version) = (response.status(), response.version());
    let end = match is_bodyless(status, method) {
        true => End::After(0),
        false => framing(version, response.headers())?,
    };
    let has_lasting_end = !matches!(end, End::Close) && status != StatusCode::SWITCHING_PROTOCOLS;
    let is_clear = !has_both(response.headers());
    let may_go_on = has_lasting_end && is_clear && keeps_alive(version, response.headers());
    if !is_clear {
        // The coding has the last word, and the length must not go on its own way (RFC 9112, section 6.3).
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    Ok(Head { response, end, may_go_on })
}

fn read(bytes: &[u8]) -> Result<Response<()>, Malformed> {
    let mut room = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    match ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut room) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Malformed("its answer has too many header fields"));
        }
        _ => return Err(NO_HEAD),
    }
    let mut response = Response::new(());
    *response.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    *response.status_mut() = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(NO_HEAD)?;
    *response.headers_mut() = fields(parsed.headers).ok_or(NO_HEAD)?;
    Ok(response)
}

const NO_HEAD: Malformed = Malformed("its answer does not begin like one of HTTP/1.1");

fn fields(parsed: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.try_append(name, HeaderValue::from_bytes(field.value).ok()?).ok()?;
    }
    Some(headers)
}

fn is_bodyless(status: StatusCode, method: &Method) -> bool {
    method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn framing(version: Version, headers: &HeaderMap) -> Result<End, Malformed> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return match is_chunked(headers) && version == Version::HTTP_11 {
            true => Ok(End::Chunks(ChunkDecoder::default())),
            false => Err(Malformed("the transfer coding of its answer is not known")),
        };
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        return Ok(End::Close);
    }
    let length = framing::content_length(headers);
    length.map(End::After).map_err(|_| Malformed("the length of its answer is not one whole number"))
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let only = codings.next().filter(|_| codings.next().is_none());
    only.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn has_both(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    !head::names(headers, "close") && (version == Version::HTTP_11 || head::names(headers, "keep-alive"))
}
