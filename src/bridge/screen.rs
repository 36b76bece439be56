//! What is left to an HTTP server as it is, but with some of its tools hidden: only what can be read here just as the
//! server reads it. Where nothing is hidden, nothing of this is asked.

use super::Bridge;
use super::headers;
use super::refusal::Refusal;
use crate::auth::Caller;
use crate::http::Exchange;
use crate::protocol::error::{BAD_REQUEST, INVALID_REQUEST};
use crate::protocol::message::Message;
use crate::protocol::modern::{self, Class};
use crate::protocol::{json, mirror};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Fields by which a modern client repeats what its body says.
const MIRRORED: [&str; 2] = ["mcp-method", "mcp-name"];

/// A request to the endpoint, before its body is read: a message is POSTed as JSON in UTF-8, and its answer can be
/// read.
///
/// # Errors
/// It is another kind of request.
pub(crate) fn request(exchange: &mut Exchange<'_>, hides_nothing: bool) -> Result<(), Refusal> {
    if hides_nothing {
        return Ok(());
    }
    let is_post = match *exchange.request.method() {
        Method::POST => true,
        Method::GET | Method::HEAD | Method::DELETE => false,
        _ => return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "it takes POST, GET and DELETE")),
    };
    if !is_post && !exchange.body.is_empty() {
        return Err(refuse(StatusCode::BAD_REQUEST, "only POST has a body"));
    }
    let fields = exchange.request.headers_mut();
    if is_post && (!headers::is_json(fields) || fields.contains_key(header::CONTENT_ENCODING)) {
        let what = "a message is JSON (application/json), not compressed";
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    if is_post {
        // In another character set it could be another message.
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // A part of an answer, or a compressed one, could not be read.
    [header::ACCEPT_ENCODING, header::RANGE].iter().for_each(|name| drop(fields.remove(name)));
    Ok(())
}

fn refuse(status: StatusCode, what: &str) -> Refusal {
    Refusal::new(status, BAD_REQUEST, format!("some tools of this server are hidden here, so {what}"))
}

impl Bridge {
    /// What was POSTed to the endpoint: one message, or a batch of them, that call nothing hidden.
    ///
    /// # Errors
    /// It calls a hidden tool, or it could be read in two ways.
    pub(crate) fn screen(&self, text: &str, headers: &HeaderMap, caller: &Caller) -> Result<(), Refusal> {
        if self.filter(caller).hides_nothing() {
            return Ok(());
        }
        let is_batch = text.trim_start().starts_with('[')
            && !json::is_deeper_than(text, self.terms.limits.max_json_depth);
        match json::items(text).filter(|_| is_batch) {
            Some(batch) => {
                let messages: Vec<Message<'_>> =
                    batch.into_iter().map(|text| self.parse(text)).collect::<Result<_, _>>()?;
                messages.iter().try_for_each(|message| {
                    self.screen_one(message, headers, caller, StatusCode::BAD_REQUEST)
                })
            }
            None => {
                let message = self.parse(text)?;
                let refused = self.screen_one(&message, headers, caller, StatusCode::OK);
                refused.map_err(|refusal| refusal.of(super::endpoint::id_of(&message)))
            }
        }
    }

    fn screen_one(
        &self,
        message: &Message<'_>,
        headers: &HeaderMap,
        caller: &Caller,
        status: StatusCode,
    ) -> Result<(), Refusal> {
        let version = headers::text(headers, &headers::PROTOCOL_VERSION);
        let bad = |error| Refusal::with(StatusCode::BAD_REQUEST, error);
        let (class, envelope) = modern::read(version, message).map_err(bad)?;
        if class == Class::Modern || MIRRORED.iter().any(|name| headers.contains_key(*name)) {
            mirror::check(headers, message, &envelope, &[]).map_err(bad)?;
        }
        self.refuse_hidden(message, caller).map_err(|error| {
            let is_odd = error.code == INVALID_REQUEST;
            Refusal::with(if is_odd { StatusCode::BAD_REQUEST } else { status }, error)
        })
    }
}
