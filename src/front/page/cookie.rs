//! The cookie of a visit: only for us, only from our own pages, never shown to a server.

use super::super::place::Seen;
use crate::auth::VISIT_SECONDS;
use ::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Every name of ours holds this. Cookies know no ports, so two proxies of one machine need two names.
const NAME: &str = "mcp-proxy-visit";
/// The leave for a script to stand before more than its own folder (Service Workers, 3.1.6).
const SERVICE_WORKER_ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");

/// The value that a browser brings, if it does.
pub(in crate::front) fn of<'h>(headers: &'h HeaderMap, seen: &Seen) -> Option<&'h str> {
    let name = name(seen);
    let mut found = pairs(headers).filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
    // Of two one is somebody else's, and which is not to be told.
    found.next().filter(|_| found.next().is_none()).map(|(_, value)| value)
}

/// The browser keeps this value.
pub(super) fn keep(value: &str, seen: &Seen) -> Option<HeaderValue> {
    field(value, VISIT_SECONDS, seen)
}

/// The browser forgets it.
pub(super) fn forget(seen: &Seen) -> Option<HeaderValue> {
    field("", 0, seen)
}

/// Takes it out of what a server gets: who has it is let in to the page. All else stays as it was sent.
pub(in crate::front) fn withhold(headers: &mut HeaderMap) {
    if !headers.contains_key(header::COOKIE) {
        return;
    }
    let fields: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().filter_map(without).collect();
    headers.remove(header::COOKIE);
    for field in fields {
        headers.append(header::COOKIE, field);
    }
}

/// Takes out of a server's answer what would reach beyond its own paths: a cookie in the name of ours, and the leave for
/// a script of its own to stand before the page.
pub(in crate::front) fn withhold_theirs(headers: &mut HeaderMap) {
    headers.remove(SERVICE_WORKER_ALLOWED);
    if !headers.contains_key(header::SET_COOKIE) {
        return;
    }
    let is_theirs = |field: &&HeaderValue| without(field).is_some_and(|rest| rest.len() == field.len());
    let kept: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(is_theirs).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for field in kept {
        headers.append(header::SET_COOKIE, field);
    }
}

fn without(field: &HeaderValue) -> Option<HeaderValue> {
    let is_ours = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.windows(NAME.len()).any(|part| part == NAME.as_bytes())
    };
    let pairs: Vec<&[u8]> = field.as_bytes().split(|byte| *byte == b';').filter(|it| !is_ours(it)).collect();
    HeaderValue::from_bytes(pairs.join(&b';').trim_ascii()).ok().filter(|rest| !rest.is_empty())
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(';').map(str::trim))
}

/// The prefixes have browsers check the attributes (RFC 6265bis, 4.1.3).
fn name(seen: &Seen) -> String {
    let prefix = match (seen.is_secure(), seen.prefix.is_empty()) {
        (true, true) => "__Host-",
        (true, false) => "__Secure-",
        (false, _) => "",
    };
    let dash = if seen.port().is_empty() { "" } else { "-" };
    format!("{prefix}{NAME}{dash}{}", seen.port())
}

fn field(value: &str, seconds: u64, seen: &Seen) -> Option<HeaderValue> {
    let path = if seen.prefix.is_empty() { "/" } else { &seen.prefix };
    let secure = if seen.is_secure() { "; Secure" } else { "" };
    let text =
        format!("{}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", name(seen));
    let mut field = HeaderValue::from_str(&text).ok()?;
    field.set_sensitive(true);
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_gets_it_and_all_other_cookies_stay() {
        let with = |fields: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(header::COOKIE, HeaderValue::from_static(field));
            }
            withhold(&mut headers);
            let left =
                headers.get_all(header::COOKIE).iter().map(|field| field.to_str().unwrap().to_string());
            left.collect::<Vec<_>>()
        };
        assert_eq!(with(&["a=1; mcp-proxy-visit-3000=x; b=2"]), ["a=1; b=2"]);
        assert_eq!(with(&["__Host-mcp-proxy-visit=x", "a=1"]), ["a=1"]);
        assert!(with(&["__Secure-mcp-proxy-visit=x"]).is_empty());
        assert_eq!(with(&["a=1;b=2", "c=3", "mcp-proxy-visit"]), ["a=1;b=2", "c=3"]);
    }

    #[test]
    fn a_server_sets_no_cookie_of_our_name() {
        let fields = ["a=1; Path=/", "mcp-proxy-visit-3000=x; Path=/", "b=2"].map(HeaderValue::from_static);
        let mut headers: HeaderMap = fields.map(|field| (header::SET_COOKIE, field)).into_iter().collect();
        headers.insert("service-worker-allowed", HeaderValue::from_static("/"));
        withhold_theirs(&mut headers);
        let left: Vec<_> =
            headers.get_all(header::SET_COOKIE).iter().map(|field| field.to_str().unwrap()).collect();
        assert_eq!((left, headers.len()), (vec!["a=1; Path=/", "b=2"], 2));
    }

    #[test]
    fn nothing_hides_it() {
        let field = HeaderValue::from_bytes(b"a=\xff; mcp-proxy-visit=x;;b=\xfe").unwrap();
        let mut headers = HeaderMap::from_iter([(header::COOKIE, field)]);
        withhold(&mut headers);
        assert_eq!(headers[header::COOKIE].as_bytes(), b"a=\xff;;b=\xfe");
    }
}
