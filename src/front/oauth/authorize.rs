//! `/authorize`: the owner is asked, and the browser led back to the client.

use super::page::{self, Consent};
use crate::auth::Attempt;
use crate::auth::oauth::{Asked, AuthorizationServer, Parameters, Refused};
use crate::front::html;
use crate::http::{Exchange, Response};
use ::http::{HeaderValue, StatusCode, header};
use std::net::IpAddr;

/// `GET`: the page that asks, or why it does not.
pub(super) fn ask(oauth: &AuthorizationServer, exchange: &Exchange<'_>) -> Response {
    let query = exchange.request.uri().query().unwrap_or_default();
    let Ok(given) = Parameters::read(query.as_bytes()) else {
        return page::problem(StatusCode::BAD_REQUEST, "The client's request says something twice.");
    };
    match oauth.ask(&given) {
        Ok(_) if !oauth.owner().has_password() => page::problem(StatusCode::SERVICE_UNAVAILABLE, NO_PASSWORD),
        Ok(asked) => consent(oauth, &asked, None),
        Err(Refused::Here(why)) => page::problem(StatusCode::BAD_REQUEST, &why),
        Err(Refused::There(uri)) => redirect(&uri),
    }
}

/// `POST`: what the owner says. The password comes with it each time, so nobody else's page can say it for them.
pub(super) fn decide(oauth: &AuthorizationServer, body: &[u8], address: IpAddr) -> Response {
    let given = Parameters::read(body).unwrap_or_default();
    let Some(asked) = oauth.asked(given.get("request").unwrap_or_default()) else {
        let text = "This page is too old, or was used already. Connect once more in the client.";
        return page::problem(StatusCode::BAD_REQUEST, text);
    };
    if given.get("answer") != Some("allow") {
        return redirect(&oauth.deny(&asked));
    }
    let (status, problem) = match oauth
        .owner()
        .try_password(given.get("password").unwrap_or_default(), address)
    {
        Attempt::Owner => return redirect(&oauth.allow(&asked)),
        Attempt::Wrong => (StatusCode::FORBIDDEN, "That is not the password.".to_string()),
        Attempt::LockedOut(seconds) => return locked_out(oauth, &asked, seconds),
        Attempt::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many try at once. Try again.".to_string()),
        Attempt::Broken => return page::problem(StatusCode::SERVICE_UNAVAILABLE, NO_PASSWORD),
    };
    consent(oauth, &asked, Some((status, &problem)))
}

const NO_PASSWORD: &str = "The owner has no password yet, or it cannot be read (the log says why). Run “mcp-proxy passwd” on the computer that the proxy runs on, then load this page again.";

fn locked_out(oauth: &AuthorizationServer, asked: &Asked, seconds: u64) -> Response {
    let text = format!("Too many wrong passwords from your address. Wait {seconds} seconds.");
    let mut response = consent(oauth, asked, Some((StatusCode::TOO_MANY_REQUESTS, &text)));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn consent(oauth: &AuthorizationServer, asked: &Asked, problem: Option<(StatusCode, &str)>) -> Response {
    let form = oauth.form(asked);
    page::consent(&Consent { asked, form: &form, base: oauth.base() }, problem)
}

/// The browser goes on to the client.
fn redirect(uri: &str) -> Response {
    html::redirect(uri)
        .unwrap_or_else(|| page::problem(StatusCode::BAD_REQUEST, "The client's address cannot be used."))
}
