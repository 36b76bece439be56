//! What clients send without a browser: registrations, codes, refresh tokens, revocations.

use super::super::answer;
use crate::auth::oauth::{AuthorizationServer, Credentials, Fault, Parameters};
use crate::http::{Payload, Response};
use crate::protocol::base64;
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// `POST /register` (RFC 7591): 201.
pub(super) fn register(oauth: &AuthorizationServer, body: &[u8]) -> Response {
    let metadata = serde_json::from_slice::<Value>(body)
        .map_err(|_| Fault::new("invalid_client_metadata", "a registration is a JSON object"));
    match metadata.and_then(|metadata| oauth.register(&metadata)) {
        Ok(client) => answer::json(StatusCode::CREATED, &client),
        Err(fault) => refusal(&fault, false),
    }
}

/// `POST /token`
pub(super) fn issue(oauth: &AuthorizationServer, headers: &HeaderMap, body: &[u8]) -> Response {
    let tokens = read(headers, body).and_then(|(given, client)| oauth.token(&given, &client));
    match tokens {
        Ok(tokens) => answer::json(StatusCode::OK, &tokens),
        Err(fault) => refusal(&fault, headers.contains_key(header::AUTHORIZATION)),
    }
}

/// `POST /token/revoke` (RFC 7009): 200, also for what is no token.
pub(super) fn revoke(oauth: &AuthorizationServer, headers: &HeaderMap, body: &[u8]) -> Response {
    match read(headers, body).and_then(|(given, client)| oauth.revoke(&given, &client)) {
        Ok(()) => Response::new(Payload::Empty),
        Err(fault) => refusal(&fault, headers.contains_key(header::AUTHORIZATION)),
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<(Parameters, Credentials), Fault> {
    let given = Parameters::read(body)
        .map_err(|name| Fault::new("invalid_request", format!("{} comes twice", name.escape_default())))?;
    let in_form = |name| given.get(name).map(String::from);
    let client = basic(headers)
        .or_else(|| Some(Credentials { id: in_form("client_id")?, secret: in_form("client_secret") }));
    let client = client.ok_or_else(|| Fault::new("invalid_client", "client_id is missing"))?;
    Ok((given, client))
}

/// `Authorization: Basic`, its two parts encoded as in a form (OAuth 2.1, 2.4.1).
fn basic(headers: &HeaderMap) -> Option<Credentials> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, coded) = value.split_once(' ')?;
    let text = String::from_utf8(base64::decode(coded.trim())?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decode = |text: &str| {
        form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, text)| text.into_owned())
    };
    Some(Credentials { id: decode(id)?, secret: decode(secret) })
}

fn refusal(fault: &Fault, by_header: bool) -> Response {
    let status = match fault.code {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    log::info!(event = "oauth-refused"; "{}", crate::log::printable(&fault.to_string()));
    let body = json!({ "error": fault.code, "error_description": fault.description });
    let mut response = answer::json(status, &body);
    if status == StatusCode::UNAUTHORIZED && by_header {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(value: &str) -> Option<(String, Option<String>)> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(value).ok()?)]);
        basic(&headers).map(|client| (client.id, client.secret))
    }

    #[test]
    fn a_client_may_say_who_it_is_in_the_header() {
        let coded = base64::encode(b"a%3Ab:c+d");
        assert_eq!(client(&format!("Basic {coded}")), Some(("a:b".to_string(), Some("c d".to_string()))));
        assert_eq!(client(&format!("Bearer {coded}")), None);
        assert_eq!(client("Basic !"), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(value in "(Basic )?[ -~]*", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = client(&value);
            let _ = client(&format!("Basic {}", base64::encode(&bytes)));
        }
    }
}
