//! An HTTP server is reached the nearest way: what it speaks itself is forwarded as it is, headers and all; only a
//! client of another era or transport is bridged.

use super::Bridge;
use super::children::links::Links;
use super::headers::{self, PROTOCOL_VERSION, SESSION_ID};
use crate::forward::link::nature::Nature;
use crate::http::{Exchange, Payload, Response};
use crate::protocol::message::{Kind, Message};
use crate::protocol::modern::{self, Class};
use ::http::{HeaderMap, Method};
use std::sync::Arc;

impl Bridge {
    pub(crate) fn nearest(self: &Arc<Self>, links: &Links, mut exchange: Exchange<'_>) -> Response {
        let headers = exchange.request.headers();
        if self.is_ours(links, headers) {
            return self.bridge(exchange);
        }
        match *exchange.request.method() {
            Method::POST if headers::is_json(headers) => {
                let text = self.read(&mut exchange, self.terms.limits.max_message_bytes);
                match text {
                    Ok(text) => self.nearest_post(links, exchange, text),
                    Err(refusal) => refusal.response(),
                }
            }
            Method::GET if headers::is_old_client(headers) => self.bridge(exchange),
            _ => links.forward.handle(exchange, None, None),
        }
    }

    /// Whether the session is, or was, one of the bridge's; those of the server are its own.
    fn is_ours(&self, links: &Links, headers: &HeaderMap) -> bool {
        let Some(id) = headers::text(headers, &SESSION_ID) else { return false };
        let has_none = || links.known_nature().is_some_and(|nature| is_of_another_time(&nature));
        !headers::is_modern(headers) && (self.sessions.find(id).is_some() || has_none())
    }

    fn nearest_post(self: &Arc<Self>, links: &Links, exchange: Exchange<'_>, text: String) -> Response {
        let Ok(message) = Message::parse(&text, self.terms.limits.max_json_depth) else {
            return forward(links, exchange, text);
        };
        let version = headers::text(exchange.request.headers(), &PROTOCOL_VERSION);
        match (modern::classify(version, &message), &message.kind) {
            (Ok(Class::Legacy), Kind::Request { id, method, params }) if method == "initialize" => {
                let (id, params) = (id.to_string(), params.map(str::to_string));
                self.nearest_hello(links, exchange, text, &id, params.as_deref())
            }
            (Ok(Class::Legacy), _) => forward(links, exchange, text),
            // What is wrong with a modern request, a modern server says itself.
            (Ok(Class::Modern) | Err(_), _) => match links.nature() {
                Ok(Nature::Legacy | Nature::EventStream(_)) => {
                    let answer = self.message(&text, exchange.request.headers(), &exchange.client);
                    answer.unwrap_or_else(|refusal| refusal.response())
                }
                // One that speaks nothing we know, or does not run, has its own words for that.
                Ok(Nature::Both | Nature::Modern) | Err(_) => forward(links, exchange, text),
            },
        }
    }

    /// Most servers take `initialize`. One that does not may be of another time.
    fn nearest_hello(
        self: &Arc<Self>,
        links: &Links,
        exchange: Exchange<'_>,
        text: String,
        id: &str,
        params: Option<&str>,
    ) -> Response {
        if links.known_nature().is_some_and(|nature| is_of_another_time(&nature)) {
            return self.initialize(id, params);
        }
        let answer = forward(links, exchange, text);
        if !is_refused(&answer) || !links.nature().is_ok_and(|nature| is_of_another_time(&nature)) {
            return answer;
        }
        self.initialize(id, params)
    }
}

fn forward(links: &Links, exchange: Exchange<'_>, text: String) -> Response {
    links.forward.handle(exchange, None, Some(text.into_bytes()))
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
