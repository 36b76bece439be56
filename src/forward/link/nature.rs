//! Which era and transport an HTTP server speaks.

use super::peer::{Answer, Content, Peer, read_events};
use super::reference::resolve;
use super::refusal::{Trouble, answer_to};
use crate::forward::Forward;
use crate::forward::courier::Wait;
use crate::protocol::revision::{MODERN, NEWEST_LEGACY, Revision};
use crate::protocol::sse::{self, Event};
use crate::protocol::{json, message::Message};
use ::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

/// What a server speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Streamable HTTP of both eras, at the same URL.
    Both,
    /// 2026-07-28 only.
    Modern,
    /// 2025-03-26 to 2025-11-25 only.
    Legacy,
    /// HTTP+SSE of 2024-11-05, with its event stream at this URL.
    EventStream(Uri),
}

/// No answer to a question of ours is longer.
pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The id of our questions.
pub(super) const ID: &str = "\"mcp-proxy-nature\"";

impl Forward {
    /// Asks the server what it speaks: `server/discover`, then `initialize` (the session is ended at once), then
    /// for an event stream. `patience` is for each question; there are four at most.
    ///
    /// # Errors
    /// It speaks nothing we know, or does not answer: what it said to `initialize`, in words.
    pub fn nature(&self, patience: Duration) -> Result<Nature, String> {
        let peer = self.peer()?;
        let modern = peer.speaks_modern(patience);
        match (modern, peer.speaks_legacy(patience)) {
            (true, Ok(())) => Ok(Nature::Both),
            (true, Err(_)) => Ok(Nature::Modern),
            (false, Ok(())) => Ok(Nature::Legacy),
            (false, Err(trouble)) => {
                let url = peer.event_stream_url(patience).map(Nature::EventStream);
                url.ok_or_else(|| format!("server {} {trouble}", self.server.name()))
            }
        }
    }

    fn peer(&self) -> Result<Peer, String> {
        Ok(Peer { courier: self.courier.clone(), target: self.present_target()?.as_ref().clone() })
    }
}

impl Peer {
    pub(super) fn speaks_modern(&self, patience: Duration) -> bool {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{ID},"method":"server/discover","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{MODERN}","io.modelcontextprotocol/clientInfo":{CLIENT},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        );
        let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "server/discover")];
        let headers =
            headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let asked = self.ask(&body, headers.into_iter().collect(), patience);
        asked.is_ok_and(|(_, result)| supports_modern(&result))
    }

    /// # Errors
    /// What it said instead.
    pub(super) fn speaks_legacy(&self, patience: Duration) -> Result<(), Trouble> {
        let (answer, result) = self.ask(&hello(), HeaderMap::new(), patience)?;
        self.leave(&answer, patience);
        let revision = json::member(&result, "protocolVersion").and_then(json::string);
        match revision.as_deref().and_then(Revision::parse) {
            Some(_) => Ok(()),
            None => Err(Trouble::Broken("answered `initialize` without a revision we know".into())),
        }
    }

    /// Lets go of what it keeps for a session since it answered so: that would be idle for ever.
    pub(super) fn leave(&self, answer: &HeaderMap, patience: Duration) {
        if let Some(id) = answer.get("mcp-session-id") {
            let headers = [(HeaderName::from_static("mcp-session-id"), id.clone())];
            let _ = self.delete(headers.into_iter().collect(), Wait::Whole(patience)); // whatever it says to that
        }
    }

    /// Where the server has an event stream as of 2024-11-05: at its endpoint, or beside it under the name `sse`;
    /// `patience` for each of the two.
    pub(super) fn event_stream_url(&self, patience: Duration) -> Option<Uri> {
        let endpoint = &self.target.endpoint;
        let beside = resolve(endpoint, "sse").ok().filter(|url| url != endpoint);
        [Some(endpoint.clone()), beside].into_iter().flatten().find(|url| self.names_endpoint(url, patience))
    }

    /// Whether the first event of a stream there is `endpoint`.
    pub(super) fn names_endpoint(&self, url: &Uri, patience: Duration) -> bool {
        let Ok(answer) = self.get(Some(url), HeaderMap::new(), Wait::Whole(patience)) else { return false };
        let Content::Events(stream) = answer.content else { return false };
        let first = read_events(stream, &mut sse::Reader::new(MAX_ANSWER_BYTES), ControlFlow::Break);
        matches!(first, Ok(Some(Event::Whole { name, .. })) if name == "endpoint")
    }

    /// The header of the answer, and the result in it.
    ///
    /// # Errors
    /// There is none.
    pub(in crate::forward) fn ask(
        &self,
        body: &str,
        headers: HeaderMap,
        patience: Duration,
    ) -> Result<(HeaderMap, String), Trouble> {
        match self.say(body, headers, patience)? {
            (headers, Some(result)) => Ok((headers, result)),
            (_, None) => Err(Trouble::Broken("answered without a result".into())),
        }
    }

    /// Sends a request of ours and reads the answer: its header, and its result unless it is an error.
    ///
    /// # Errors
    /// The server cannot be reached, breaks off, or refuses it.
    pub(in crate::forward) fn say(
        &self,
        body: &str,
        headers: HeaderMap,
        patience: Duration,
    ) -> Result<(HeaderMap, Option<String>), Trouble> {
        let Answer { headers, content } = self.post(None, body.as_bytes(), headers, Wait::Whole(patience))?;
        let answer = match content {
            Content::Events(stream) => first_answer(stream),
            Content::Body { reader, .. } => {
                let mut text = String::new();
                let read = reader.take(MAX_ANSWER_BYTES as u64).read_to_string(&mut text);
                read.ok().and_then(|_| result_in(&text))
            }
            Content::Nothing => None,
        };
        Ok((headers, answer))
    }
}

/// Who asks.
const CLIENT: &str = concat!(r#"{"name":"mcp-proxy","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// A legacy greeting.
pub(super) fn hello() -> String {
    let revision = NEWEST_LEGACY.as_str();
    let params = format!(r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{CLIENT}}}"#);
    question("initialize", &params)
}

/// A request of ours with these parameters (raw JSON).
pub(in crate::forward) fn question(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{ID},"method":"{method}","params":{params}}}"#)
}

pub(super) fn first_answer(stream: impl Read) -> Option<String> {
    let found = read_events(stream, &mut sse::Reader::new(MAX_ANSWER_BYTES), |event| match event {
        Event::Whole { data, .. } => match str::from_utf8(&data).ok().and_then(|text| answer_to(text, ID)) {
            Some(answer) => ControlFlow::Break(result_in(&answer)),
            None => ControlFlow::Continue(()),
        },
        Event::Oversize(_) => ControlFlow::Continue(()),
    });
    found.ok()??
}

/// The result in the answer to our question.
fn result_in(text: &str) -> Option<String> {
    use crate::protocol::message::Kind;
    match Message::parse(text, usize::MAX).ok()?.kind {
        Kind::Response { id: ID, result, .. } => result.map(str::to_string),
        _ => None,
    }
}

fn supports_modern(result: &str) -> bool {
    let versions = json::member(result, "supportedVersions").unwrap_or("[]");
    let versions: Vec<String> = serde_json::from_str(versions).unwrap_or_default();
    versions.iter().any(|version| version == MODERN)
}
