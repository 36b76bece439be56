//! The transport of 2024-11-05: one GET stream for everything that comes, POSTs for everything that goes.

use crate::fake::{Peer, Server};
use crate::out::Out;
use crate::streams::Streams;
use crate::{Asked, post};
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Each client, and the stream on which it is answered.
type Sessions = HashMap<String, (Arc<Peer>, Arc<Streams>)>;

pub(crate) struct Old {
    server: &'static Server,
    sessions: Mutex<Sessions>,
    opened: AtomicU64,
}

impl Old {
    pub(crate) fn new(server: &'static Server) -> Old {
        Old { server, sessions: Mutex::default(), opened: AtomicU64::new(0) }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// GET /sse: the first event names the address for the client's messages, as a path.
    pub(crate) fn open(&self, asked: &Asked, out: Out) -> io::Result<()> {
        if asked.method != "GET" {
            return out.header("Allow", "GET").empty(405);
        }
        let id = format!("old-{}-{}", std::process::id(), self.opened.fetch_add(1, Ordering::Relaxed));
        let streams = Arc::new(Streams::default());
        let inbox = streams.open();
        self.sessions().insert(id.clone(), (Peer::new(self.server, streams.clone()), streams));
        let mut events = out.events()?;
        events.named("endpoint", &format!("/messages?sessionId={id}"))?;
        let heard = post::pump(&inbox, events);
        self.sessions().remove(&id);
        heard.map(drop)
    }

    /// POST /messages: accepted at once, answered on the stream.
    pub(crate) fn message(&self, asked: &Asked, out: Out) -> io::Result<()> {
        let id = asked.parameter("sessionId").unwrap_or_default();
        let Some((peer, streams)) = self.sessions().get(id).cloned() else {
            return out.body(404, "text/plain", b"Session not found");
        };
        if serde_json::from_slice::<Value>(&asked.body).is_err() {
            return out.body(400, "text/plain", b"Invalid message");
        }
        let accepted = out.body(202, "text/plain", b"Accepted");
        let outlet: crate::fake::Out = streams;
        peer.take(asked.line(), &outlet);
        accepted
    }
}
