//! Who asks, and whether that may be: the one place that decides it for every door.

use super::route::Route;
use super::router::Front;
use super::{answer, page, peer};
use crate::auth::{Caller, Denial};
use crate::http::{Exchange, Response};
use ::http::{HeaderValue, StatusCode, header};
use std::time::Duration;

impl Front {
    /// Who sent this request, and from where.
    ///
    /// # Errors
    /// They may not send it; the answer says why.
    pub(super) fn caller(&self, exchange: &mut Exchange<'_>, route: &Route) -> Result<Caller, Box<Response>> {
        let address = peer::address(exchange);
        let identified = match self.visitor(exchange, route) {
            Ok(Some(visitor)) => Ok(visitor),
            Ok(None) => self.access().identify(exchange.request.headers(), address),
            Err(forged) => Err(forged),
        };
        let caller = identified.and_then(|caller| admitted(caller, route));
        let caller = caller.or_else(|denial| match (denial, route) {
            (Denial::Missing, Route::Health | Route::Ready) => Ok(Caller::stranger()),
            _ => {
                self.audit().refused(address, self.asked_for(route), denial.label(), denial.reason());
                Err(Box::new(self.refusal(denial, exchange, route)))
            }
        });
        caller.map(|caller| caller.at(address))
    }

    /// A person without a credential is asked for one where the page is.
    fn refusal(&self, denial: Denial, exchange: &Exchange<'_>, route: &Route) -> Response {
        let headers = exchange.request.headers();
        let is_page = matches!(route, Route::Index | Route::Control { .. } | Route::Logout)
            && exchange.door.is_empty()
            && page::is_for_person(headers);
        let metadata = self.metadata(exchange);
        match denial {
            Denial::Missing | Denial::Command if is_page => {
                let mut response = self.ask(headers, StatusCode::UNAUTHORIZED);
                challenge(&mut response, "", &metadata);
                response
            }
            denial => refusal(denial, &metadata),
        }
    }

    /// For the log: no words of a stranger's, which might be a token at the wrong place.
    pub(super) fn asked_for<'r>(&self, route: &'r Route) -> &'r str {
        match route.server() {
            Some(name) if self.fleet().get(name).is_some() => name,
            Some(_) => "unknown",
            None => "proxy",
        }
    }

    /// Where a client learns how to get a credential (RFC 9728, section 5.1), as parameters of the challenge; empty
    /// where nothing but a token of `mcp-proxy token new` will do.
    fn metadata(&self, exchange: &Exchange<'_>) -> String {
        let path = exchange.request.uri().path();
        self.access().oauth().map(|oauth| oauth.challenge(path)).unwrap_or_default()
    }
}

/// Whether somebody may use what stands there. No token opens commands: a client is no operator.
pub(super) fn admitted(caller: Caller, route: &Route) -> Result<Caller, Denial> {
    let is_theirs = match (route, route.server()) {
        (Route::Control { .. } | Route::Reload | Route::Link, _) if caller.principal().is_empty() => {
            return Err(Denial::Command);
        }
        (Route::Control { .. } | Route::Reload | Route::Link, _) => caller.is_operator(),
        (_, Some(server)) => caller.may_use(server),
        (Route::Index | Route::Servers | Route::Metrics | Route::HealthEvents, None) => caller.may_use_all(),
        _ => true,
    };
    match is_theirs {
        true => Ok(caller),
        false if caller.is_by_oauth() => Err(Denial::Audience),
        false => Err(Denial::Foreign),
    }
}

fn refusal(denial: Denial, metadata: &str) -> Response {
    let (status, error, text) = match denial {
        Denial::Missing => (
            StatusCode::UNAUTHORIZED,
            "",
            "a token is needed: send Authorization: Bearer TOKEN; mcp-proxy token new makes one",
        ),
        Denial::Unknown => (
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "this token is none of ours, or was revoked; mcp-proxy token new makes one",
        ),
        Denial::Expired => (
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "this token has expired; mcp-proxy token new makes one",
        ),
        Denial::Audience => (
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "this token was issued for another server; get one for this one",
        ),
        Denial::Command => (
            StatusCode::UNAUTHORIZED,
            "",
            "this needs the control secret of the run file in the state folder: use the mcp-proxy command, or sign in at /login",
        ),
        Denial::Several => (
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "more than one credential: send one Authorization, or the token in the path",
        ),
        Denial::Foreign => (
            StatusCode::FORBIDDEN,
            "insufficient_scope",
            "this token is not for that; mcp-proxy token list shows what each is for",
        ),
        Denial::Forged => (
            StatusCode::FORBIDDEN,
            "",
            "who has signed in at the status page commands from there only; reload it, and use its buttons",
        ),
        Denial::Locked(wait) => return locked(wait),
    };
    let mut response = answer::error(status, text);
    challenge(&mut response, error, metadata);
    response
}

/// RFC 6750, section 3.
fn challenge(response: &mut Response, error: &str, metadata: &str) {
    let error = if error.is_empty() { String::new() } else { format!("error=\"{error}\"") };
    let parameters = [error.as_str(), metadata].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>();
    let value = format!("Bearer {}", parameters.join(", "));
    if let Ok(value) = HeaderValue::from_str(value.trim_end()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

fn locked(wait: Duration) -> Response {
    let text = "too many wrong tokens came from this address; wait, then send the right one";
    let mut response = answer::error(StatusCode::TOO_MANY_REQUESTS, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    response
}
