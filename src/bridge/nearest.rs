//! An HTTP server is reached the nearest way: what it speaks itself is forwarded as it is, headers and all; only a
//! client of another era or transport is bridged.

use super::Bridge;
use super::asking::Asking;
use super::children::links::Links;
use super::headers::{self, PROTOCOL_VERSION, SESSION_ID};
use super::screen;
use crate::auth::Caller;
use crate::forward::Session;
use crate::forward::link::nature::Nature;
use crate::http::{Exchange, Payload, Response};
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::{self, Class};
use ::http::Method;
use std::sync::Arc;

impl Bridge {
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub(crate) fn nearest(
        self: &Arc<Self>,
        links: &Links,
        mut exchange: Exchange<'_>,
        caller: &Caller,
    ) -> Response {
        let hides_nothing = self.filter(caller).hides_nothing();
        if let Err(refusal) = screen::request(&mut exchange, hides_nothing) {
            return refusal.response();
        }
        let headers = exchange.request.headers();
        let named = headers.get(SESSION_ID).filter(|_| !headers::is_modern(headers));
        let session = match named.map(|id| links.forward.session(id, caller)) {
            // One of the bridge's own, or of nobody's.
            Some(None) => return self.bridge(exchange, caller),
            Some(session) => session,
            None => None,
        };
        match *exchange.request.method() {
            Method::POST if headers::is_json(headers) => {
                let text = self.read(&mut exchange, self.terms.limits.max_message_bytes);
                match text {
                    Ok(text) => self.nearest_post(links, exchange, caller, text, session),
                    Err(refusal) => refusal.response(),
                }
            }
            Method::GET if headers::is_old_client(headers) => self.bridge(exchange, caller),
            _ => links.forward.handle(exchange, caller, None, None, session),
        }
    }

    fn nearest_post(
        self: &Arc<Self>,
        links: &Links,
        exchange: Exchange<'_>,
        caller: &Caller,
        text: String,
        session: Option<Arc<Session>>,
    ) -> Response {
        if let Err(refusal) = self.screen(&text, exchange.request.headers(), caller) {
            return refusal.response();
        }
        let Ok(message) = Message::parse(&text, self.terms.limits.max_json_depth) else {
            return forward(links, exchange, caller, text, session);
        };
        let version = headers::text(exchange.request.headers(), &PROTOCOL_VERSION);
        match (modern::classify(version, &message), &message.kind) {
            (Ok(Class::Legacy), Kind::Request { id, method, params }) if method == "initialize" => {
                let (id, params) = (id.to_string(), params.map(str::to_string));
                self.nearest_hello(links, exchange, caller, text, &id, params.as_deref())
            }
            (Ok(Class::Legacy), _) => forward(links, exchange, caller, text, session),
            // What is wrong with a modern request, a modern server says itself.
            (Ok(Class::Modern) | Err(_), _) => match links.nature() {
                Ok(Nature::Legacy | Nature::EventStream(_)) => {
                    let answer = self.message(&text, Asking::of(&exchange, caller));
                    answer.unwrap_or_else(|refusal| refusal.response())
                }
                // One that speaks nothing we know, or does not run, has its own words for that.
                Ok(Nature::Both | Nature::Modern) | Err(_) => forward(links, exchange, caller, text, None),
            },
        }
    }

    /// Most servers take `initialize`. One that does not may be of another time.
    fn nearest_hello(
        self: &Arc<Self>,
        links: &Links,
        exchange: Exchange<'_>,
        caller: &Caller,
        text: String,
        id: &str,
        params: Option<&str>,
    ) -> Response {
        if links.known_nature().is_some_and(|nature| is_of_another_time(&nature)) {
            return self.initialize(id, params, caller);
        }
        let answer = forward(links, exchange, caller, text, None);
        if !is_refused(&answer) || !links.nature().is_ok_and(|nature| is_of_another_time(&nature)) {
            return answer;
        }
        self.initialize(id, params, caller)
    }
}

fn forward(
    links: &Links,
    exchange: Exchange<'_>,
    caller: &Caller,
    text: String,
    session: Option<Arc<Session>>,
) -> Response {
    links.forward.handle(exchange, caller, None, Some(text.into_bytes()), session)
}

/// Whether sessions of Streamable HTTP have to be made up for it.
fn is_of_another_time(nature: &Nature) -> bool {
    matches!(nature, Nature::Modern | Nature::EventStream(_))
}

/// Whether this is how a server answers `initialize` that has none (2026-07-28, versioning, Backward Compatibility), or
/// not here.
fn is_refused(answer: &Response) -> bool {
    let names_versions = match answer.body() {
        Payload::Bytes(body) => body.windows(6).any(|code| code == b"-32022"),
        _ => false,
    };
    matches!(answer.status().as_u16(), 400 | 404 | 405 | 406 | 415) || names_versions
}
