//! What it means when a server does not answer a message, in words and as a JSON-RPC error.

use super::reference::resolve;
use crate::config::redact;
use crate::forward::session::forgotten::forgets_session;
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::protocol::message::{Kind, Message};
use crate::secrets;
use ::http::{HeaderMap, StatusCode, Uri, header};
use std::borrow::Cow;
use std::io;

/// What is shown of a body that is no message.
const SHOWN_BYTES: usize = 200;

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::forward) enum Trouble {
    /// The server answered with an HTTP error.
    Refused(Refusal),
    /// The answer did not come, or broke off: how, in words.
    Broken(String),
    /// The server cannot have got the message: why, in words.
    Unsent(String),
}

impl Trouble {
    pub(in crate::forward) fn broken(error: &dyn std::fmt::Display) -> Trouble {
        Trouble::Broken(format!("did not answer: {error}"))
    }

    /// Of an exchange that brought no answer.
    pub(super) fn of_exchange(error: &ureq::Error) -> Trouble {
        match was_not_sent(error) {
            true => Trouble::Unsent(format!("did not answer: {error}")),
            false => Trouble::broken(error),
        }
    }

    /// Whether no answer came at all.
    pub(in crate::forward) fn is_broken(&self) -> bool {
        matches!(self, Trouble::Broken(_) | Trouble::Unsent(_))
    }

    /// The response that tells it to who sent the request `id`, from `name`.
    pub(super) fn response(&self, name: &str, id: &str) -> String {
        if let Trouble::Refused(refusal) = self
            && let Some(answer) = str::from_utf8(&refusal.body).ok().and_then(|text| answer_to(text, id))
        {
            return answer.into_owned();
        }
        RpcError::new(INTERNAL_ERROR, format!("server {name} {self}")).response(id)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Refused(refusal) => refusal.fmt(f),
            Trouble::Broken(how) | Trouble::Unsent(how) => f.write_str(how),
        }
    }
}

/// Whether nobody can have read the request.
pub(in crate::forward) fn was_not_sent(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

/// An HTTP error.
#[derive(Debug)]
pub(in crate::forward) struct Refusal {
    pub(super) status: StatusCode,
    location: Option<String>,
    /// 401 with a challenge (RFC 9110, 11.6.1).
    asks_for_credentials: bool,
    body: Vec<u8>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Refusal {
        let location = headers.get(header::LOCATION).and_then(|place| place.to_str().ok()).map(shown);
        let asks_for_credentials =
            status == StatusCode::UNAUTHORIZED && headers.contains_key(header::WWW_AUTHENTICATE);
        Refusal { status, location, asks_for_credentials, body }
    }

    /// Its body, if that is text.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Whether it says that only some may ask.
    pub(super) fn wants_credentials(&self) -> bool {
        self.asks_for_credentials
    }

    /// The path it sends us to, if that is another one of the server at `endpoint`.
    pub(super) fn new_path(&self, endpoint: &Uri) -> Option<String> {
        let place = self.location.as_deref().filter(|_| self.status.is_redirection())?;
        resolve(endpoint, place).ok().map(|url| url.path().to_string())
    }

    /// Whether it says that the session of the request is not known.
    pub(in crate::forward) fn forgets_session(&self) -> bool {
        forgets_session(self.status, &self.body)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "answered HTTP {}", self.status.as_u16())?;
        match (self.status, &self.location) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                f.write_str(" (it wants other credentials: see `headers` in its configuration)")?;
            }
            (status, Some(place)) if status.is_redirection() => {
                write!(f, " (it has moved to {place}: put that into its `url`)")?;
            }
            _ => {}
        }
        // Some repeat the credentials that they do not like.
        let text = secrets::start_of(&self.body, SHOWN_BYTES);
        let text = text.trim().replace(char::is_control, " ");
        if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
    }
}

/// A URL, or a path, without what could be secret.
fn shown(place: &str) -> String {
    match place.contains("://") {
        true => redact::url(place),
        false => place.split(['?', '#']).next().unwrap_or_default().to_string(),
    }
}

/// The answer to request `id` in `text`, if it is one. An error without an id can only be about what it answers.
pub(super) fn answer_to<'t>(text: &'t str, id: &str) -> Option<Cow<'t, str>> {
    match Message::parse(text, usize::MAX).ok()?.kind {
        Kind::Response { id: theirs, .. } if theirs == id => Some(Cow::Borrowed(text)),
        Kind::Response { id: "null", error: Some(error), .. } => {
            Some(Cow::Owned(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Trouble {
        let status = StatusCode::from_u16(status).unwrap();
        Trouble::Refused(Refusal::new(status, &HeaderMap::new(), body.into()))
    }

    #[test]
    fn an_error_in_the_body_is_the_answer() {
        let own = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no"}}"#;
        assert_eq!(refused(404, own).response("x", "7"), own);
        let nobodys = own.replace("\"id\":7", "\"id\":null");
        assert_eq!(refused(400, &nobodys).response("x", "7"), own);
        assert!(refused(400, own).response("x", "8").contains("server x answered HTTP 400"));
    }

    #[test]
    fn other_bodies_are_quoted_in_part() {
        let answer = refused(500, &format!("oh\n\"no\"{}", "x".repeat(900))).response("x", "\"a\"");
        assert!(answer.starts_with(r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32603"#), "{answer}");
        assert!(answer.contains(r#"server x answered HTTP 500: oh \"no\"xxx"#), "{answer}");
        assert!(answer.len() < 400);
        assert!(refused(401, "").response("x", "1").contains("credentials"));
    }
}
