//! The authorization server as seen over HTTP: documents, forms, the page for the owner. What it decides, it decides in
//! [`crate::auth::oauth`].

mod authorize;
mod documents;
mod page;
mod token;

use super::answer;
use super::route::{Endpoint, Route};
use super::router::{Front, not_allowed};
use crate::auth::oauth::AuthorizationServer;
use crate::http::{Exchange, Response};
use ::http::{Method, StatusCode};

/// What is sent by forms and registrations together is small; more is answered 413.
const MOST_BODY_BYTES: usize = 64 * 1024;

impl Front {
    /// Answers what leads to a credential. Nobody needs one for it.
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub(super) fn authorization(&self, exchange: Exchange<'_>, route: &Route) -> Response {
        let Some(oauth) = self.access().oauth().filter(|_| exchange.door.is_empty()) else {
            return answer::error(StatusCode::NOT_FOUND, "there is no authorization server here");
        };
        let method = exchange.request.method();
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match route {
            Route::Oauth(Endpoint::Authorize) if is_read => authorize::ask(oauth, &exchange),
            Route::Oauth(_) if *method != Method::POST => {
                not_allowed("POST, OPTIONS", "this is used by POST")
            }
            Route::Oauth(endpoint) => posted(oauth, exchange, *endpoint),
            _ if is_read => documents::answer(oauth, exchange.request.uri().path()),
            _ => not_allowed("GET, HEAD, OPTIONS", "this is read by GET"),
        }
    }
}

fn posted(oauth: &AuthorizationServer, mut exchange: Exchange<'_>, endpoint: Endpoint) -> Response {
    let address = super::peer::address(&exchange);
    let body = match exchange.body.read_all(MOST_BODY_BYTES) {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let headers = exchange.request.headers();
    match endpoint {
        Endpoint::Authorize => authorize::decide(oauth, &body, address),
        Endpoint::Register => token::register(oauth, &body),
        Endpoint::Token => token::issue(oauth, headers, &body),
        Endpoint::Revoke => token::revoke(oauth, headers, &body),
    }
}
