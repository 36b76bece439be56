//! What a request brings to prove who sends it. Pure.

use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderValue, Request, Uri, header};

/// What stands in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'r> {
    /// Nothing, or nothing of the scheme Bearer.
    None,
    /// A token (RFC 6750, section 2.1), good or bad.
    Token(&'r [u8]),
    /// More than one field: which of them counts would be a guess.
    Several,
}

impl Credential<'_> {
    /// The scheme may be written in any case, with one space or more behind it (RFC 9110, section 11.4).
    pub fn of(headers: &HeaderMap) -> Credential<'_> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        match (fields.next(), fields.next()) {
            (None, _) => Credential::None,
            (Some(_), Some(_)) => Credential::Several,
            (Some(field), None) => bearer(field.as_bytes()).map_or(Credential::None, Credential::Token),
        }
    }
}

fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = field.split_at_checked(b"bearer".len())?;
    let token = rest.trim_ascii();
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer") && rest.starts_with(b" ");
    (is_bearer && !token.is_empty()).then_some(token)
}

/// Takes the token out of `/t/TOKEN/NAME…` and puts it where other clients bring theirs, so that what follows sees
/// `/NAME…` and nothing of it. False if the path is no such.
pub fn out_of_path(request: &mut Request<()>) -> bool {
    let Some((token, rest)) = request.uri().path_and_query().and_then(split) else { return false };
    *request.uri_mut() = Uri::from(rest);
    request.headers_mut().append(header::AUTHORIZATION, token);
    true
}

fn split(target: &PathAndQuery) -> Option<(HeaderValue, PathAndQuery)> {
    let behind = target.path().strip_prefix("/t/")?;
    let (token, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let mut token = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| !token.is_empty())?;
    token.set_sensitive(true);
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    Some((token, format!("{path}{query}").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of<'h>(headers: &'h mut HeaderMap, fields: &[&str]) -> Credential<'h> {
        for field in fields {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        Credential::of(headers)
    }

    #[test]
    fn a_bearer_token_in_all_its_spellings() {
        for good in ["Bearer abc", "bearer abc", "BEARER   abc", "bEaReR abc  "] {
            assert_eq!(of(&mut HeaderMap::new(), &[good]), Credential::Token(b"abc"), "{good}");
        }
        for none in ["", "Bearer", "Bearer ", "Bearerabc", "Bearer\tabc", "Basic abc", "abc", " Bearer abc"] {
            assert_eq!(of(&mut HeaderMap::new(), &[none]), Credential::None, "{none}");
        }
        assert_eq!(of(&mut HeaderMap::new(), &[]), Credential::None);
        assert_eq!(of(&mut HeaderMap::new(), &["Bearer a", "Bearer a"]), Credential::Several);
        assert_eq!(of(&mut HeaderMap::new(), &["Bearer a, Bearer b"]), Credential::Token(b"a, Bearer b"));
    }

    fn moved(target: &str) -> Option<(String, String)> {
        let mut request = Request::get(target).body(()).unwrap();
        out_of_path(&mut request).then(|| {
            let token = request.headers()[header::AUTHORIZATION].to_str().unwrap().to_string();
            (request.uri().to_string(), token)
        })
    }

    #[test]
    fn a_token_leaves_the_path() {
        for (target, rest) in [
            ("/t/abc/notes", "/notes"),
            ("/t/abc/notes/mcp?x=/t/y", "/notes/mcp?x=/t/y"),
            ("/t/abc", "/"),
            ("/t/abc?x", "/?x"),
            ("/t/abc/", "/"),
            ("/t/abc//notes", "//notes"),
            ("/t/abc/t/def/notes", "/t/def/notes"),
        ] {
            assert_eq!(moved(target).unwrap(), (rest.to_string(), "Bearer abc".to_string()), "{target}");
        }
        for none in ["/", "/t", "/t/", "/t//notes", "/T/abc/notes", "/tt/abc/notes", "//t/abc/notes"] {
            assert_eq!(moved(none), None, "{none}");
        }
    }

    #[test]
    fn a_token_in_the_path_does_not_replace_another_one() {
        let mut request = Request::get("/t/abc/x").header("authorization", "Bearer def").body(()).unwrap();
        assert!(out_of_path(&mut request));
        assert_eq!(Credential::of(request.headers()), Credential::Several);
    }

    proptest! {
        #[test]
        fn nothing_of_it_stays(token in "[a-zA-Z0-9_-]{1,50}", rest in "(/[a-z%0-9]{0,5}){0,4}(\\?[a-z]{0,3})?") {
            let (left, found) = moved(&format!("/t/{token}{rest}")).unwrap();
            prop_assert_eq!(found, format!("Bearer {token}"));
            prop_assert_eq!(left.trim_start_matches('/'), rest.trim_start_matches('/'));
        }
    }
}
