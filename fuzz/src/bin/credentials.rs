//! Credentials in path and header: what is taken out of a path is whole, nothing of it stays, and it leads where the
//! path without it leads; what is read of a header stands in it.
#![no_main]

use http::uri::PathAndQuery;
use http::{HeaderValue, Request, header};
use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::{Credential, Route, out_of_path};

fuzz_target!(|bytes: &[u8]| {
    let (target, field) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    let Ok(target) = PathAndQuery::try_from(target) else { return };
    let mut request = Request::new(());
    *request.uri_mut() = target.clone().into();
    if out_of_path(&mut request) {
        let Credential::Token(token) = Credential::of(request.headers()) else {
            panic!("no token: {target}")
        };
        let token = std::str::from_utf8(token).unwrap();
        assert!(!token.is_empty() && !token.contains('/'), "{target}");
        let rest = request.uri().path_and_query().unwrap();
        let tail = target.as_str().strip_prefix("/t/").and_then(|tail| tail.strip_prefix(token)).unwrap();
        assert_eq!(rest.as_str().trim_start_matches('/'), tail.trim_start_matches('/'), "{target}");
        assert_eq!(Route::of("", rest), Route::of("", &rest.as_str().parse().unwrap()));
    } else {
        assert_eq!(request.uri().path_and_query(), Some(&target));
    }
    let Some(Ok(field)) = field.get(1..).map(HeaderValue::from_bytes) else { return };
    let mut headers = http::HeaderMap::new();
    headers.insert(header::AUTHORIZATION, field.clone());
    if let Credential::Token(token) = Credential::of(&headers) {
        assert!(
            field.as_bytes().trim_ascii_end().ends_with(token)
                && field.as_bytes()[..7].eq_ignore_ascii_case(b"bearer ")
        );
    }
    headers.append(header::AUTHORIZATION, field);
    assert_eq!(Credential::of(&headers), Credential::Several);
});
