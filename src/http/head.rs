//! A request head as the rest of the listener sees it, and how it is read. Pure, no I/O.

use super::framing::{self, Framing};
use super::refusal::Refusal;
use super::request_line::{self, Target, is_host};
use super::scan::{Extent, HeadScanner};
use ::http::header::{CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request, StatusCode, Version};

/// Headers of a request that fit on the stack while they are parsed.
const USUAL_HEADERS: usize = 48;
/// Room for what is added on the way (`X-Forwarded-*`), so that the map need not grow for it.
const ADDED_HEADERS: usize = 4;

/// A request head that is acceptable, with what it says about the connection.
#[derive(Debug)]
pub struct Head {
    /// Method, target (path and query as sent), version and header fields.
    pub request: Request<()>,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the client lets the connection be used again (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
}

/// Reads one head from the beginning of `bytes`: the head and the number of bytes it took, or
/// `None` if more bytes are needed.
///
/// # Errors
/// What the connection would answer; see [`HeadScanner::scan`] and [`parse`].
pub fn read(bytes: &[u8], max_bytes: usize, max_headers: usize) -> Result<Option<(Head, usize)>, Refusal> {
    match HeadScanner::new(max_bytes, max_headers).scan(bytes)? {
        Some(extent) => Ok(Some((parse(bytes, extent)?, extent.end))),
        None => Ok(None),
    }
}

/// Reads a head that the scanner found complete.
///
/// # Errors
/// 400 for a malformed line, no or several `Host`, or unclear framing; 417 for an unknown
/// expectation; 501 for CONNECT or an unknown transfer coding; 505 for another version.
pub fn parse(bytes: &[u8], extent: Extent) -> Result<Head, Refusal> {
    let head = &bytes[extent.start..extent.end];
    let end = head.iter().position(|&byte| byte == b'\r').unwrap_or(head.len());
    let line = request_line::parse(&head[..end])?;
    let method = Method::from_bytes(line.method).map_err(|_| malformed_header())?;
    let target = request_line::target(&method, line.target)?;
    let mut headers = parse_headers(head.get(end + 2..).unwrap_or_default(), extent.headers)?;
    check_host(&mut headers, line.version, &target)?;
    let framing = framing::of_request(line.version, &headers)?;
    let keep_alive = keep_alive(line.version, &headers);
    let expects_continue = expects_continue(line.version, &headers)?;
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target.uri;
    *request.version_mut() = line.version;
    *request.headers_mut() = headers;
    Ok(Head { request, framing, keep_alive, expects_continue })
}

fn parse_headers(bytes: &[u8], count: usize) -> Result<HeaderMap, Refusal> {
    if count <= USUAL_HEADERS {
        return collect(bytes, &mut [httparse::EMPTY_HEADER; USUAL_HEADERS]);
    }
    collect(bytes, &mut vec![httparse::EMPTY_HEADER; count])
}

fn collect<'b>(bytes: &'b [u8], room: &mut [httparse::Header<'b>]) -> Result<HeaderMap, Refusal> {
    let Ok(httparse::Status::Complete((length, lines))) = httparse::parse_headers(bytes, room) else {
        return Err(malformed_header());
    };
    if length != bytes.len() {
        return Err(malformed_header());
    }
    let mut headers = HeaderMap::with_capacity(lines.len() + ADDED_HEADERS);
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| malformed_header())?;
        let value = HeaderValue::from_bytes(line.value).map_err(|_| malformed_header())?;
        headers.try_append(name, value).map_err(|_| malformed_header())?;
    }
    Ok(headers)
}

fn malformed_header() -> Refusal {
    Refusal::malformed("a header line is malformed; it must be NAME: VALUE without space before the colon")
}

/// RFC 9112 section 3.2: exactly one `Host` in HTTP/1.1, at most one in HTTP/1.0.
fn check_host(headers: &mut HeaderMap, version: Version, target: &Target) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Refusal::malformed("the request has more than one Host header")),
        (None, _) if version == Version::HTTP_11 => {
            return Err(Refusal::malformed("the request has no Host header; HTTP/1.1 requires one"));
        }
        (Some(host), None) if !host.is_empty() && !host.to_str().is_ok_and(is_host) => {
            return Err(Refusal::malformed("the Host header is not a host name with an optional port"));
        }
        _ => {}
    }
    if let Some(authority) = &target.authority {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| malformed_header())?;
        headers.insert(HOST, host);
    }
    Ok(())
}

fn keep_alive(version: Version, headers: &HeaderMap) -> bool {
    if names(headers, "close") {
        return false;
    }
    version == Version::HTTP_11 || names(headers, "keep-alive")
}

/// Whether a `Connection` field lists an option.
pub(crate) fn names(headers: &HeaderMap, option: &str) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(option))
}

fn expects_continue(version: Version, headers: &HeaderMap) -> Result<bool, Refusal> {
    if version != Version::HTTP_11 {
        return Ok(false);
    }
    let mut values = headers.get_all(EXPECT).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Refusal::new(
            StatusCode::EXPECTATION_FAILED,
            "the Expect header asks for something other than 100-continue; leave it out",
        )),
    }
}
