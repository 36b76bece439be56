//! Revision 2026-07-28: no `initialize`, a claim in every request, subscriptions as one long request.

use crate::server::Server;
use crate::wire::{self, Era, Message, Reply};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

const REVISION: &str = "2026-07-28";
const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

#[derive(Default)]
pub(crate) struct Modern {
    /// The era this process serves, once its first message has said it.
    pinned: OnceLock<Era>,
    listens: Mutex<Vec<Listen>>,
}

struct Listen {
    reply: Reply,
    filter: Value,
}

pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: &'static str,
    pub(crate) data: Value,
}

/// The era in which a request is to be answered.
pub(crate) fn admit(server: &Server, method: &str, message: &Message) -> Result<Era, Refusal> {
    let claimed = || message.tree()["_meta"].get(CLAIM).is_some();
    let spoken = match server.settings.eras.as_str() {
        "modern" if method == "initialize" => return Err(unsupported("modern only")),
        "modern" => return Ok(Era::Modern),
        "both" if method == "initialize" => Era::Legacy,
        "both" if method == "server/discover" || claimed() => Era::Modern,
        "both" => return Ok(*server.modern.pinned.get().unwrap_or(&Era::Legacy)),
        _ => return Ok(Era::Legacy),
    };
    match (*server.modern.pinned.get_or_init(|| spoken), spoken) {
        (Era::Modern, Era::Legacy) => Err(unsupported("this connection serves the modern era")),
        (Era::Legacy, Era::Modern) => Err(Refusal {
            code: -32600,
            message: "this connection serves the handshake era",
            data: Value::Null,
        }),
        (era, _) => Ok(era),
    }
}

fn unsupported(message: &'static str) -> Refusal {
    Refusal { code: -32022, message, data: json!({"supported": [REVISION]}) }
}

/// What only the modern era knows. False: not one of these.
pub(crate) fn answer(server: &Server, method: &str, message: &Message, reply: &Reply) -> bool {
    match method {
        "server/discover" => reply.result(&discovery(server).to_string()),
        "subscriptions/listen" => listen(server, message, reply),
        _ => return false,
    }
    true
}

fn discovery(server: &Server) -> Value {
    json!({
        "supportedVersions": [REVISION],
        "capabilities": server.capabilities(),
        "instructions": "Does what it is told.",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": server.settings.name, "version": "1.0.0"}},
    })
}

fn listen(server: &Server, message: &Message, reply: &Reply) {
    let filter = message.tree()["notifications"].clone();
    let listen = Listen { reply: reply.clone(), filter: filter.clone() };
    listen.notify("notifications/subscriptions/acknowledged", json!({"notifications": filter}));
    listens(server).push(listen);
}

impl Listen {
    fn notify(&self, method: &str, mut params: Value) {
        params["_meta"] = json!({SUBSCRIPTION: self.id()});
        wire::notify(method, &params);
    }

    fn id(&self) -> Value {
        serde_json::from_str(self.reply.id()).unwrap_or_default()
    }

    fn wants(&self, method: &str, params: &Value) -> bool {
        let kind = method.trim_start_matches("notifications/").trim_end_matches("/list_changed");
        match self.filter["resourceSubscriptions"].as_array() {
            Some(uris) if method == "notifications/resources/updated" => uris.contains(&params["uri"]),
            _ => self.filter[format!("{kind}ListChanged")] == json!(true),
        }
    }
}

/// Tells every listener that wants it; returns how many that were.
pub(crate) fn publish(server: &Server, method: &str, params: &Value) -> usize {
    let all = listens(server);
    let wanting = all.iter().filter(|listen| listen.wants(method, params));
    wanting.map(|listen| listen.notify(method, params.clone())).count()
}

/// Ends every subscription with its result, as a server that shuts down does.
pub(crate) fn end_listens(server: &Server) -> usize {
    let ended = std::mem::take(&mut *listens(server));
    for listen in &ended {
        listen.reply.result(&json!({"_meta": {SUBSCRIPTION: listen.id()}}).to_string());
    }
    ended.len()
}

/// A notification: only the end of a subscription changes anything here.
pub(crate) fn notified(server: &Server, method: &str, message: &Message) {
    if method == "notifications/cancelled" {
        let id = &message.tree()["requestId"];
        listens(server).retain(|listen| listen.id() != *id);
    }
}

fn listens(server: &Server) -> MutexGuard<'_, Vec<Listen>> {
    server.modern.listens.lock().unwrap_or_else(PoisonError::into_inner)
}
