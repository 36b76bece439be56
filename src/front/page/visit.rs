//! Signing in and out, and who comes by the cookie of that.

use super::super::answer;
use super::super::html::{self, document, escaped, strong};
use super::super::peer;
use super::super::place::Seen;
use super::super::route::Route;
use super::super::router::{Front, not_allowed};
use super::cookie;
use crate::auth::oauth::Parameters;
use crate::auth::{Attempt, Caller, Denial, Entry, LINK_SECONDS};
use crate::http::{Body, Exchange, Response};
use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::json;

/// What the page's forms send is small; more is answered 413.
const MOST_BODY_BYTES: usize = 8 * 1024;

impl Front {
    /// Who has signed in at the page and comes back by its cookie; nobody, where something else than the page's own is
    /// asked for, or another credential stands beside it.
    ///
    /// # Errors
    /// The browser brings the cookie, but no page of ours has sent the request: its `Origin` says so, or the word is
    /// missing that only our forms have.
    pub(in crate::front) fn visitor(
        &self,
        exchange: &mut Exchange<'_>,
        route: &Route,
    ) -> Result<Option<Caller>, Denial> {
        let headers = exchange.request.headers();
        let is_page = exchange.door.is_empty() && route.is_of_page();
        if !is_page || headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let seen = self.place().seen(headers);
        let visit = cookie::of(headers, &seen)
            .and_then(|cookie| Some((cookie.to_string(), self.access().visitor(cookie)?)));
        let Some((cookie, caller)) = visit else { return Ok(None) };
        let changes = !matches!(*exchange.request.method(), Method::GET | Method::HEAD);
        let may_be_silent = !changes && !headers.contains_key(header::UPGRADE);
        let is_own = from_own_page(headers, &seen).unwrap_or(may_be_silent);
        let is_ours = is_own && (!changes || self.has_word(&mut exchange.body, &cookie));
        is_ours.then_some(Some(caller)).ok_or(Denial::Forged)
    }

    /// Whether a form brings what only the page of this visit has.
    fn has_word(&self, body: &mut Body<'_>, cookie: &str) -> bool {
        let body = body.read_all(MOST_BODY_BYTES).unwrap_or_default();
        let given = Parameters::read(&body).unwrap_or_default();
        given.get("word").is_some_and(|word| self.access().visits().is_word(cookie, word))
    }

    /// `/login`: asks who it is, or takes the answer.
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub(in crate::front) fn sign_in(&self, mut exchange: Exchange<'_>) -> Response {
        let seen = self.place().seen(exchange.request.headers());
        match *exchange.request.method() {
            Method::GET | Method::HEAD => {
                let query = exchange.request.uri().query().unwrap_or_default();
                let given = Parameters::read(query.as_bytes()).unwrap_or_default();
                match given.get("code") {
                    Some(code) => confirm(&seen, code),
                    None => self.ask_in(&seen, StatusCode::OK, None),
                }
            }
            Method::POST => self.enter(&mut exchange, &seen),
            _ => not_allowed("GET, HEAD, POST, OPTIONS", "one signs in here by POST"),
        }
    }

    fn enter(&self, exchange: &mut Exchange<'_>, seen: &Seen) -> Response {
        let address = peer::address(exchange);
        if from_own_page(exchange.request.headers(), seen) != Some(true) {
            self.audit().refused(address, "proxy", Denial::Forged.label(), Denial::Forged.reason());
            return self.ask_in(seen, StatusCode::FORBIDDEN, Some(ELSEWHERE));
        }
        let body = match exchange.body.read_all(MOST_BODY_BYTES) {
            Ok(body) => body,
            Err(error) => return error.into_response(),
        };
        let given = Parameters::read(&body).unwrap_or_default();
        if let Some(code) = given.get("code") {
            return match self.access().enter_by_link(code) {
                Some(value) => entered(seen, &value),
                None => self.ask_in(seen, StatusCode::FORBIDDEN, Some(OLD_LINK)),
            };
        }
        match self.access().enter(given.get("password").unwrap_or_default(), address) {
            Entry::Begun(value) => entered(seen, &value),
            Entry::Scoped => self.ask_in(seen, StatusCode::FORBIDDEN, Some(SCOPED)),
            Entry::Not(attempt) => self.not_entered(seen, attempt),
        }
    }

    fn not_entered(&self, seen: &Seen, attempt: Attempt) -> Response {
        let (status, text) = match attempt {
            Attempt::LockedOut(seconds) => {
                let text = format!("Too many wrong passwords from your address. Wait {seconds} seconds.");
                let mut response = self.ask_in(seen, StatusCode::TOO_MANY_REQUESTS, Some(&text));
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                return response;
            }
            Attempt::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many try at once. Try again."),
            Attempt::Broken => (StatusCode::FORBIDDEN, NO_PASSWORD),
            Attempt::Wrong | Attempt::Owner => {
                (StatusCode::FORBIDDEN, "That is neither the password nor a token.")
            }
        };
        self.ask_in(seen, status, Some(text))
    }

    /// The form for a browser that has no credential; with the status that a program understands.
    pub(in crate::front) fn ask(&self, headers: &HeaderMap, status: StatusCode) -> Response {
        self.ask_in(&self.place().seen(headers), status, None)
    }

    fn ask_in(&self, seen: &Seen, status: StatusCode, problem: Option<&str>) -> Response {
        let (alert, described) = match problem {
            Some(text) => (
                format!("<p id=\"problem\" role=\"alert\">{}</p>\n", escaped(text)),
                " aria-invalid=\"true\" aria-describedby=\"problem\"",
            ),
            None => (String::new(), ""),
        };
        let hint = if self.access().has_password() { HINT } else { HINT_WITHOUT_PASSWORD };
        let body = format!(
            "<h1>Sign in</h1>\n<p>This is the status page of {}.</p>\n\
             <form method=\"post\" action=\"{}/login\">\n{alert}\
             <input type=\"text\" name=\"username\" value=\"owner\" autocomplete=\"username\" hidden>\n\
             <label for=\"password\">Password, or a token</label>\n\
             <input type=\"password\" id=\"password\" name=\"password\" autocomplete=\"current-password\" required autofocus{described}>\n\
             <div><button value=\"allow\">Sign in</button></div>\n</form>\n{hint}",
            strong(seen.host()),
            escaped(&seen.prefix),
        );
        document(status, "Sign in – MCP Proxy", &body, "'self'")
    }

    /// `/logout`: the visit is over.
    pub(in crate::front) fn sign_out(&self, request: &Request<()>) -> Response {
        if *request.method() != Method::POST {
            return not_allowed("POST, OPTIONS", "one signs out by POST");
        }
        let seen = self.place().seen(request.headers());
        if let Some(value) = cookie::of(request.headers(), &seen) {
            self.access().visits().end(value);
        }
        home(&seen, cookie::forget(&seen))
    }

    /// `POST /api/login`: a link to sign in by.
    pub(in crate::front) fn link(&self, request: &Request<()>) -> Response {
        if *request.method() != Method::POST {
            return not_allowed("POST, OPTIONS", "commands are sent by POST");
        }
        let code = self.access().visits().link();
        log::info!(event = "command"; "a link to sign in by was made");
        let url = format!("{}/login?code={}", self.place().base(), *code);
        answer::json(StatusCode::OK, &json!({ "url": url, "seconds": LINK_SECONDS }))
    }
}

const HINT: &str = "<p>A token only lets you look. “mcp-proxy login”, on the computer that the proxy runs on, prints a link that signs you in once.</p>";
const HINT_WITHOUT_PASSWORD: &str = "<p>There is no password yet: on the computer that the proxy runs on “mcp-proxy passwd” sets one, and “mcp-proxy login” prints a link that signs you in once. A token only lets you look.</p>";
const NO_PASSWORD: &str =
    "There is no password yet, or it cannot be read (the log says why), and that is no token.";
const OLD_LINK: &str = "This link was used already, or is too old. “mcp-proxy login” prints another one.";
const SCOPED: &str = "This token is for some servers only; this page shows all. Sign in with the password, or with a token for all servers.";
const ELSEWHERE: &str = "This did not come from here. If a reverse proxy is before the proxy, it needs public_url or trusted_proxies (docs/edge.md); else sign in on this page.";

/// Whether a page of ours has sent this; `None` if the browser does not say who has.
fn from_own_page(headers: &HeaderMap, seen: &Seen) -> Option<bool> {
    let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
    origins.peek()?;
    Some(origins.all(|origin| origin.to_str().is_ok_and(|origin| seen.is_own(origin))))
}

/// A link is only used up by a person: mail scanners and browsers fetch addresses before anybody has chosen to.
fn confirm(seen: &Seen, code: &str) -> Response {
    let body = format!(
        "<h1>Sign in?</h1>\n<p>You sign in to the status page of {}, and may start and stop its servers.</p>\n\
         <form method=\"post\" action=\"{}/login\">\n<input type=\"hidden\" name=\"code\" value=\"{}\">\n\
         <div><button value=\"allow\" autofocus>Sign in</button></div>\n</form>",
        strong(seen.host()),
        escaped(&seen.prefix),
        escaped(code)
    );
    document(StatusCode::OK, "Sign in – MCP Proxy", &body, "'self'")
}

fn entered(seen: &Seen, value: &str) -> Response {
    home(seen, cookie::keep(value, seen))
}

/// Back to the page.
pub(in crate::front) fn home(seen: &Seen, cookie: Option<HeaderValue>) -> Response {
    let mut response = html::redirect(&format!("{}/", seen.prefix))
        .unwrap_or_else(|| answer::error(StatusCode::BAD_REQUEST, "the prefix is no path"));
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}
