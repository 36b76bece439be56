//! Streamable HTTP: sessions and GET streams for the legacy era, single requests for the modern one.
//!
//! Beside the tools of every fake it has these:
//!
//! | tool | arguments | does |
//! |---|---|---|
//! | `headers` | | the request's headers, a JSON array of pairs, names in lower case |
//! | `closed` | | how many streams clients have closed before their end |
//! | `notify` | method | sends a notification on this session's GET stream; answers on how many |
//! | `sessions` | | how many there are |
//! | `named` | | every session id that a client has named, a JSON array |
//! | `forget` | | forgets every session, as a restart would |
//!
//! When a modern client closes the stream of a request, `received` shows it as the `notifications/cancelled` that
//! a stdio server would have been sent.

use crate::fake::{CLAIM, Era, Peer, REVISION, Reply, Server};
use crate::out::Out;
use crate::post::{self, Post};
use crate::streams::Streams;
use crate::{Asked, headers, variable};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) const TOOLS: [&str; 6] = ["headers", "closed", "notify", "sessions", "named", "forget"];

pub(crate) struct Endpoint {
    server: &'static Server,
    sessions: Mutex<HashMap<String, Session>>,
    opened: AtomicU64,
    closed: AtomicU64,
    /// Every `Mcp-Session-Id` that a client has named.
    named: Mutex<BTreeSet<String>>,
}

#[derive(Clone)]
struct Session {
    peer: Arc<Peer>,
    streams: Arc<Streams>,
}

impl Session {
    fn new(server: &'static Server) -> Session {
        let streams = Arc::new(Streams::default());
        Session { peer: Peer::new(server, streams.clone()), streams }
    }
}

impl Endpoint {
    pub(crate) fn new(server: &'static Server) -> Endpoint {
        let (sessions, named) = (Mutex::default(), Mutex::default());
        Endpoint { server, sessions, opened: AtomicU64::new(0), closed: AtomicU64::new(0), named }
    }

    pub(crate) fn serve(&self, asked: &Asked, out: Out) -> io::Result<()> {
        let message: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if let Some(refusal) = headers::unacceptable(asked) {
            return out.empty(refusal);
        }
        let claimed = message["params"]["_meta"].get(CLAIM).is_some();
        match self.server.settings.eras.as_str() {
            "modern" => self.modern(asked, &message, out),
            "both" if claimed || asked.header("mcp-protocol-version") == Some(REVISION) => {
                self.modern(asked, &message, out)
            }
            _ => self.legacy(asked, &message, out),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn legacy(&self, asked: &Asked, message: &Value, out: Out) -> io::Result<()> {
        if message["method"] == "initialize" {
            return self.initialize(asked, out);
        }
        let id = asked.header("mcp-session-id").unwrap_or_default();
        self.note(id);
        let session = match self.sessions().get(id) {
            Some(session) => session.clone(),
            None if !variable("FAKE_NO_SESSIONS").is_empty() => Session::new(self.server),
            None if id.is_empty() => return out.json(400, &failure(-32000, "Bad Request: no session")),
            None => return unknown(out),
        };
        let out = out.header("Mcp-Session-Id", id);
        match asked.method.as_str() {
            "POST" => self.post(asked, message, &session, out).map(drop),
            "GET" => {
                let inbox = session.streams.open();
                drop(session); // the stream ends with the session, and must not keep it
                let heard = post::pump(&inbox, out.events()?)?;
                self.count(heard);
                Ok(())
            }
            "DELETE" if !variable("FAKE_KEEPS_SESSIONS").is_empty() => out.empty(405),
            "DELETE" => {
                self.sessions().remove(id);
                out.empty(200)
            }
            _ => out.header("Allow", "GET, POST, DELETE").empty(405),
        }
    }

    fn note(&self, id: &str) {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_string());
    }

    fn initialize(&self, asked: &Asked, out: Out) -> io::Result<()> {
        let session = Session::new(self.server);
        let post = Post::default();
        session.peer.take(asked.line(), &post.outlet());
        if !variable("FAKE_NO_SESSIONS").is_empty() {
            return post.answer(out).map(drop);
        }
        let id = format!("fake-{}-{}", std::process::id(), self.opened.fetch_add(1, Ordering::Relaxed));
        self.sessions().insert(id.clone(), session);
        post.answer(out.header("Mcp-Session-Id", &id)).map(drop)
    }

    fn modern(&self, asked: &Asked, message: &Value, out: Out) -> io::Result<()> {
        if asked.method != "POST" {
            return out.header("Allow", "POST").empty(405);
        }
        if let Some(why) = headers::mismatch(asked, message) {
            let error = json!({"code": -32020, "message": why});
            return out
                .json(400, &json!({"jsonrpc": "2.0", "id": message["id"], "error": error}).to_string());
        }
        let alone = Session::new(self.server);
        let _ = alone.peer.pinned.set(Era::Modern); // nobody else can have
        if !self.post(asked, message, &alone, out)? {
            let params = json!({"requestId": message["id"], "reason": "the client closed the stream"});
            let line = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
            self.server.journal.keep(line.to_string());
        }
        Ok(())
    }

    /// Returns whether the client was there to the end.
    fn post(&self, asked: &Asked, message: &Value, session: &Session, out: Out) -> io::Result<bool> {
        let post = Post::default();
        match self.own_tool(asked, message, session) {
            Some(text) => {
                let modern = message["params"]["_meta"].get(CLAIM).is_some();
                let era = if modern { Era::Modern } else { Era::Legacy };
                Reply::to(&message["id"].to_string(), era, &post.outlet()).text(&text);
                self.server.journal.keep(asked.line());
            }
            None => session.peer.take(asked.line(), &post.outlet()),
        }
        let request = message.get("method").is_some() && message.get("id").is_some();
        if !request && message.is_object() {
            return out.empty(202).map(|()| true);
        }
        post.answer(out).map(|heard| self.count(heard))
    }

    /// Counts the streams that their clients have closed.
    fn count(&self, heard: bool) -> bool {
        self.closed.fetch_add(u64::from(!heard), Ordering::Relaxed);
        heard
    }

    fn own_tool(&self, asked: &Asked, message: &Value, session: &Session) -> Option<String> {
        if message["method"] != "tools/call" {
            return None;
        }
        Some(match message["params"]["name"].as_str()? {
            "headers" => json!(asked.headers).to_string(),
            "closed" => self.closed.load(Ordering::Relaxed).to_string(),
            "notify" => session.streams.notify(&message["params"]["arguments"]["method"]).to_string(),
            "sessions" => self.sessions().len().to_string(),
            "named" => json!(*self.named.lock().unwrap_or_else(PoisonError::into_inner)).to_string(),
            "forget" => {
                self.sessions().clear();
                "forgotten".to_string()
            }
            _ => return None,
        })
    }
}

/// In the ways of the SDKs.
fn unknown(out: Out) -> io::Result<()> {
    let words = "Bad Request: No valid session ID provided";
    match variable("FAKE_FORGETS").as_str() {
        "400" => out.json(400, &failure(-32000, words)),
        "text" => out.body(400, "text/plain", words.as_bytes()),
        _ => out.json(404, &failure(-32001, "Session not found")),
    }
}

fn failure(code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}}).to_string()
}
