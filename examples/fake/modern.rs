//! Revision 2026-07-28: no `initialize`, a claim in every request, subscriptions as one long request.

use super::peer::Peer;
use super::server::{Server, lock};
use super::wire::{Era, Message, Reply};
use serde_json::{Value, json};
use std::sync::Mutex;

pub(crate) const REVISION: &str = "2026-07-28";
pub(crate) const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Value,
}

/// The era in which a request is to be answered. A claim makes it modern, whatever its method.
pub(crate) fn admit(peer: &Peer, method: &str, message: &Message) -> Result<Era, Refusal> {
    let eras = peer.server.settings.eras.as_str();
    if eras == "legacy" {
        return Ok(Era::Legacy);
    }
    let meta = message.meta();
    let greets = method == "initialize" && meta.get(CLAIM).is_none();
    let era = match eras {
        "modern" if greets => return Err(unsupported(&Value::Null)),
        "modern" => Era::Modern,
        _ if greets => pin(peer, Era::Legacy)?,
        _ if method == "server/discover" || meta.get(CLAIM).is_some() => pin(peer, Era::Modern)?,
        _ => *peer.pinned.get().unwrap_or(&Era::Legacy),
    };
    if era == Era::Modern {
        claim(&meta)?;
    }
    Ok(era)
}

/// Of both eras the first message decides for good, as in the Python SDK.
fn pin(peer: &Peer, spoken: Era) -> Result<Era, Refusal> {
    match (*peer.pinned.get_or_init(|| spoken), spoken) {
        (Era::Modern, Era::Legacy) => Err(unsupported(&Value::Null)),
        (Era::Legacy, Era::Modern) => Err(refusal(-32600, "this connection serves the handshake era")),
        (era, _) => Ok(era),
    }
}

/// What every modern request has to say of itself.
fn claim(meta: &Value) -> Result<(), Refusal> {
    match meta.get(CLAIM) {
        None => return Err(refusal(-32602, &format!("_meta lacks {CLAIM}"))),
        Some(revision) if revision != REVISION => return Err(unsupported(revision)),
        Some(_) => {}
    }
    match meta.get(CAPABILITIES) {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(refusal(-32602, &format!("_meta lacks {CAPABILITIES}"))),
    }
}

fn refusal(code: i64, message: &str) -> Refusal {
    Refusal { code, message: message.to_string(), data: Value::Null }
}

fn unsupported(requested: &Value) -> Refusal {
    let data = json!({"supported": [REVISION], "requested": requested});
    Refusal { code: -32022, message: format!("only {REVISION} is spoken here"), data }
}

/// What only the modern era knows. False: not one of these.
pub(crate) fn answer(peer: &Peer, method: &str, message: &Message, reply: &Reply) -> bool {
    match method {
        "server/discover" => reply.result(&discovery(peer.server).to_string()),
        "subscriptions/listen" => peer.listens.begin(&message.tree()["notifications"], reply),
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

/// A notification: only the end of a subscription changes anything here.
pub(crate) fn notified(peer: &Peer, method: &str, message: &Message) {
    if method == "notifications/cancelled" {
        peer.listens.forget(&message.tree()["requestId"]);
    }
}

/// A client's subscriptions.
#[derive(Default)]
pub(crate) struct Listens(Mutex<Vec<Listen>>);

struct Listen {
    reply: Reply,
    filter: Value,
}

impl Listens {
    fn begin(&self, filter: &Value, reply: &Reply) {
        let listen = Listen { reply: reply.clone(), filter: filter.clone() };
        let mut all = lock(&self.0);
        listen.notify("notifications/subscriptions/acknowledged", json!({"notifications": filter}));
        all.push(listen);
    }

    /// Tells every listener that wants it; returns how many that were.
    pub(crate) fn publish(&self, method: &str, params: &Value) -> usize {
        let all = lock(&self.0);
        let wanting = all.iter().filter(|listen| listen.wants(method, params));
        wanting.map(|listen| listen.notify(method, params.clone())).count()
    }

    /// Ends every subscription with its result, as a server that shuts down does.
    pub(crate) fn end(&self) -> usize {
        let ended = std::mem::take(&mut *lock(&self.0));
        for listen in &ended {
            listen.reply.result(&json!({"_meta": {SUBSCRIPTION: listen.id()}}).to_string());
        }
        ended.len()
    }

    fn forget(&self, id: &Value) {
        lock(&self.0).retain(|listen| listen.id() != *id);
    }
}

impl Listen {
    fn notify(&self, method: &str, mut params: Value) {
        params["_meta"] = json!({SUBSCRIPTION: self.id()});
        self.reply.notify(method, &params);
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
