//! The first line of a request, RFC 9112 section 3: method, one space, target, one space, version.

use super::refusal::Refusal;
use ::http::uri::{Authority, PathAndQuery, Uri};
use ::http::{Method, StatusCode, Version};

/// The parts of a request line, still as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'b> {
    /// A token; any method, known or not.
    pub method: &'b [u8],
    /// Visible ASCII without `#`.
    pub target: &'b [u8],
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
}

/// Where a request goes, RFC 9112 section 3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Path and query as sent, or `*`.
    pub uri: Uri,
    /// Of a target in absolute form; it replaces the `Host` field (section 3.2.2).
    pub authority: Option<Authority>,
}

/// Splits a line (without its CR LF).
///
/// # Errors
/// 400 for another shape or for characters that may not stand there, 505 for another version.
pub fn parse(line: &[u8]) -> Result<RequestLine<'_>, Refusal> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::malformed(
            "the request line must be: METHOD, one space, target, one space, HTTP/1.1",
        ));
    };
    let version = parse_version(version)?;
    if method.is_empty() || !method.iter().copied().all(is_token) {
        return Err(Refusal::malformed("the request's method holds characters that no method may have"));
    }
    if target.is_empty() || !target.iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Refusal::malformed("the request's target holds characters that must be percent-encoded"));
    }
    Ok(RequestLine { method, target, version })
}

fn parse_version(version: &[u8]) -> Result<Version, Refusal> {
    match version {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Refusal::new(
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "this port speaks HTTP/1.1 and HTTP/1.0 only; have the client use HTTP/1.1",
            ))
        }
        _ => Err(Refusal::malformed("the request line must end in HTTP/1.1")),
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads the target of a request.
///
/// # Errors
/// 501 for CONNECT, 400 for a target that is no path, no `http` URL and no `*` of OPTIONS.
pub fn target(method: &Method, target: &[u8]) -> Result<Target, Refusal> {
    if *method == Method::CONNECT {
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "CONNECT is not served here; this is an MCP proxy, not a forward proxy",
        ));
    }
    match target {
        [b'/', ..] => origin_form(target),
        b"*" if *method == Method::OPTIONS => Ok(Target { uri: Uri::from_static("*"), authority: None }),
        _ => absolute_form(target),
    }
}

fn origin_form(target: &[u8]) -> Result<Target, Refusal> {
    let path = PathAndQuery::try_from(target).map_err(|_| bad_target())?;
    Ok(Target { uri: Uri::from(path), authority: None })
}

fn absolute_form(target: &[u8]) -> Result<Target, Refusal> {
    let parts = Uri::try_from(target).map_err(|_| bad_target())?.into_parts();
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(bad_target()) };
    if !matches!(scheme.as_str(), "http" | "https") || !is_host(authority.as_str()) {
        return Err(bad_target());
    }
    // Displayed, a path that is empty or only a query gets its slash.
    let path = parts.path_and_query.map_or_else(|| "/".to_string(), |path| path.to_string());
    let path = PathAndQuery::try_from(path).map_err(|_| bad_target())?;
    Ok(Target { uri: Uri::from(path), authority: Some(authority) })
}

/// Whether a text is `host` or `host:port` as the `Host` field holds it (RFC 9110 section 7.2).
pub(crate) fn is_host(text: &str) -> bool {
    is_plain_host(text) || !text.contains('@') && Authority::try_from(text).is_ok()
}

/// What nearly everybody sends need not be taken apart.
fn is_plain_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "80"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !name.is_empty() && name.bytes().all(is_plain) && port.parse::<u16>().is_ok() && !port.starts_with('+')
}

fn bad_target() -> Refusal {
    Refusal::malformed("the request's target is neither a path nor an http URL")
}
