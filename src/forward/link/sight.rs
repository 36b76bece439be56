//! Whether a child that listens somewhere speaks MCP there, and at which path.

use super::nature::{ID, MAX_ANSWER_BYTES, first_answer, hello};
use super::peer::{Answer, Content, Peer};
use super::refusal::{Refusal, Trouble};
use crate::config::spec::{ChildSpec, Options, Transport};
use crate::forward::Target;
use crate::forward::courier::{Courier, Wait};
use crate::protocol::message::{Kind, Message};
use crate::server::{Endpoint, Probe, Sight};
use ::http::HeaderMap;
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

/// How long one answer may take: a server that has just begun to listen may still be loading.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where servers have their endpoint, the likeliest first.
const PATHS: [&str; 3] = ["/mcp", "/sse", "/"];

/// Asks children that start.
pub struct Prober {
    courier: Courier,
    /// It was said that this is an HTTP server: what answers at all is taken for it, if nothing better turns up.
    is_told: bool,
    /// The path that was said: there and nowhere else.
    path: Option<String>,
}

impl Prober {
    /// For the children of one server.
    pub fn new(child: &ChildSpec, options: &Options) -> Prober {
        let is_told = child.transport == Some(Transport::Http);
        Prober { courier: Courier::new(options), is_told, path: child.path.clone() }
    }

    /// Where to ask, `hint` first.
    fn paths<'p>(&'p self, hint: Option<&'p str>) -> Vec<&'p str> {
        if let Some(path) = &self.path {
            return vec![path];
        }
        hint.into_iter().chain(PATHS.into_iter().filter(|path| Some(*path) != hint)).collect()
    }

    fn at(&self, address: SocketAddr, path: &str) -> Option<Peer> {
        let endpoint = Endpoint { address, path: path.to_string() };
        Some(Peer { courier: self.courier.clone(), target: Target::child(&endpoint).ok()? })
    }
}

impl Probe for Prober {
    fn ask(&self, address: SocketAddr, hint: Option<&str>) -> Sight {
        let mut best = Sight::Silent;
        let paths = self.paths(hint);
        for path in &paths {
            let Some(peer) = self.at(address, path) else { continue };
            best = match (peer.sight(path, PATIENCE), best) {
                (Sight::Mcp(path), _) => return Sight::Mcp(path),
                (Sight::Silent, best) => return best,
                // Whoever locks all its paths has the endpoint at the likeliest.
                (_, first @ Sight::Likely(_)) => first,
                (seen, _) => seen,
            };
        }
        match best {
            Sight::Other if self.is_told => Sight::Likely(paths[0].to_string()),
            best => best,
        }
    }
}

impl Peer {
    /// What is seen at the endpoint, which has this path.
    fn sight(&self, path: &str, patience: Duration) -> Sight {
        if path.ends_with("/sse") {
            return match self.names_endpoint(&self.target.endpoint, patience) {
                true => Sight::Mcp(path.to_string()),
                false => Sight::Other,
            };
        }
        match self.greet(path, patience) {
            Ok(sight) => sight,
            Err(Trouble::Refused(refusal)) => self.refused(&refusal, path, patience),
            Err(_) => Sight::Silent,
        }
    }

    /// What its answer to our greeting shows.
    ///
    /// # Errors
    /// There is none, or one that is no JSON-RPC.
    fn greet(&self, path: &str, patience: Duration) -> Result<Sight, Trouble> {
        match self.post(None, hello().as_bytes(), HeaderMap::new(), Wait::Whole(patience)) {
            Ok(answer) => Ok(self.taken(answer, path, patience)),
            Err(Trouble::Refused(refusal)) if is_answer(&refusal.text()) => Ok(Sight::Mcp(path.to_string())),
            Err(trouble) => Err(trouble),
        }
    }

    /// It took the greeting.
    fn taken(&self, answer: Answer, path: &str, patience: Duration) -> Sight {
        let Answer { headers, content } = answer;
        let speaks = match content {
            Content::Events(stream) => first_answer(stream).is_some(),
            Content::Body { reader, .. } => {
                let mut text = String::new();
                let read = reader.take(MAX_ANSWER_BYTES as u64).read_to_string(&mut text);
                read.is_ok() && is_answer(&text)
            }
            Content::Nothing => false,
        };
        self.leave(&headers, patience);
        if speaks { Sight::Mcp(path.to_string()) } else { Sight::Other }
    }

    fn refused(&self, refusal: &Refusal, path: &str, patience: Duration) -> Sight {
        if refusal.wants_credentials() {
            return Sight::Likely(path.to_string());
        }
        // A slash more or less at the end, mostly. Once only: the next place is asked as it stands.
        match refusal.new_path(&self.target.endpoint).filter(|new| new != path) {
            Some(new) => self.moved(&new, patience),
            None => Sight::Other,
        }
    }

    fn moved(&self, path: &str, patience: Duration) -> Sight {
        let Some(target) = self.target.with_path(path) else { return Sight::Other };
        let there = Peer { courier: self.courier.clone(), target };
        there.greet(path, patience).unwrap_or(Sight::Other)
    }
}

/// Whether this is what a JSON-RPC server says to our greeting: its result, or an error.
fn is_answer(text: &str) -> bool {
    let kind = Message::parse(text, usize::MAX).map(|message| message.kind);
    matches!(kind, Ok(Kind::Response { id: ID | "null", .. }))
}

#[cfg(test)]
mod tests {
    use super::is_answer;

    #[test]
    fn only_json_rpc_answers_count() {
        assert!(is_answer(r#"{"jsonrpc":"2.0","id":"mcp-proxy-nature","result":{}}"#));
        assert!(is_answer(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}"#));
        for other in ["", "{}", "not found", r#"{"id":1,"result":{}}"#, r#"{"error":"no such page"}"#] {
            assert!(!is_answer(other), "{other}");
        }
    }
}
