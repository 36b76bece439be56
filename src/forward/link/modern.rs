//! Streamable HTTP without sessions (2026-07-28, basic, transports).

use super::delivery::Delivery;
use super::flights::Flight;
use super::letter::{Letter, Matter};
use super::peer::{Content, Wait};
use super::refusal::Trouble;
use super::streamable::NOTICE_TIMEOUT;
use super::wire::{Letters, Wire};
use crate::forward::connector::Errand;
use crate::protocol::message::Message;
use crate::protocol::{json, revision, sse};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A server that is told everything with each request.
pub(super) struct Modern {
    wire: Arc<Wire>,
}

impl Modern {
    pub(super) fn new(wire: Arc<Wire>) -> Arc<Modern> {
        Arc::new(Modern { wire })
    }

    /// The thread that takes the messages in their order.
    pub(super) fn run(self: Arc<Self>, letters: &Letters) {
        while let Some(Letter { body, matter }) = letters.next() {
            match matter {
                Matter::Request { method, flight } => {
                    let own = Arc::clone(&self);
                    self.wire.fly(flight, move |flight| own.call(flight, &method, &body));
                }
                // The outbox has closed the connection.
                Matter::Cancel { .. } => {}
                Matter::Notice { .. } | Matter::Response => self.tell(&body),
            }
        }
    }

    fn call(&self, flight: &Flight, method: &str, body: &[u8]) {
        let mut witness = |answer: &str| self.learn(method, answer);
        let mut delivery = Delivery::of_call(&self.wire, flight, &mut witness);
        let done = Errand::on(&flight.leash).run(|| self.exchange(body, &mut delivery));
        if let Err(trouble) = done {
            self.wire.fail(flight, &trouble);
        }
    }

    fn exchange(&self, body: &[u8], delivery: &mut Delivery<'_>) -> Result<(), Trouble> {
        let answer = self.wire.peer.post(None, body, self.headers(body), Wait::Call)?;
        match answer.content {
            Content::Body { reader, length } => delivery.body(reader, length),
            Content::Nothing => Err(Trouble::Broken("took the request and gave no answer".into())),
            Content::Events(stream) => {
                let mut reader = sse::Reader::new(self.wire.max_message_bytes);
                let end = delivery.events(stream, &mut reader);
                if delivery.answered {
                    return Ok(());
                }
                let how = end.err().map(|error| format!(": {error}")).unwrap_or_default();
                Err(Trouble::Broken(format!("broke off its answer{how}")))
            }
        }
    }

    /// Sends what wants no answer.
    fn tell(&self, body: &[u8]) {
        let wait = Wait::Whole(NOTICE_TIMEOUT);
        let headers = self.headers(body);
        let told = Errand::on(&self.wire.leash).run(|| self.wire.peer.post(None, body, headers, wait));
        if let Err(trouble) = told {
            self.wire.note(&trouble);
        }
    }

    /// Sees every answer before it is passed on.
    fn learn(&self, _method: &str, _answer: &str) {}

    /// What the head must repeat of the body.
    fn headers(&self, body: &[u8]) -> HeaderMap {
        let text = str::from_utf8(body).unwrap_or_default();
        let message = Message::parse(text, usize::MAX).ok();
        let mirrored = message.and_then(|message| Some(mirrored(message.method()?, message.params())));
        mirrored.into_iter().flatten().collect()
    }
}

/// The plain ones of the mirrored fields (2026-07-28, basic, transports, Request Headers).
///
/// To be replaced by `protocol::mirror::headers`, with the annotations of the called tool: those stand in the answers
/// to `tools/list`, which pass [`Modern::learn`].
fn mirrored(method: &str, params: Option<&str>) -> Vec<(HeaderName, HeaderValue)> {
    let field = match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    };
    let name = field.and_then(|field| json::member(params?, field)).and_then(json::string);
    let all = [(PROTOCOL_VERSION, Some(revision::MODERN)), (METHOD, Some(method)), (NAME, name.as_deref())];
    let header =
        |(name, value): (HeaderName, Option<&str>)| Some((name, HeaderValue::from_str(value?).ok()?));
    all.into_iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_repeats_the_body() {
        let headers = |method, params| {
            let all = mirrored(method, Some(params)).into_iter();
            all.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
        };
        let call = headers("tools/call", r#"{"name":"a b","uri":"x"}"#);
        assert_eq!(call, ["mcp-protocol-version: 2026-07-28", "mcp-method: tools/call", "mcp-name: a b"]);
        assert_eq!(headers("resources/read", r#"{"uri":"x://y"}"#)[2], "mcp-name: x://y");
        assert_eq!(headers("tools/list", r#"{"name":"x"}"#).len(), 2);
    }
}
