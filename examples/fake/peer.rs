//! One client as the server sees it: all of stdin, a session of HTTP, or a single modern request there.

use super::modern::{self, Listens, Refusal};
use super::server::{Server, lock};
use super::wire::{Era, Message, Out, Reply, notification};
use super::{lists, tasks, tools};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// Oldest first.
const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

pub(crate) struct Peer {
    pub(crate) server: &'static Server,
    /// For what belongs to no request.
    out: Out,
    /// The era this client is served in, once its first message has said it.
    pub(crate) pinned: OnceLock<Era>,
    pub(crate) listens: Listens,
    told: Mutex<Told>,
    asked: Mutex<HashMap<u64, Sender<String>>>,
    questions: AtomicU64,
}

/// What the client told; the tool `state` shows it.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) client: Value,
    pub(crate) level: Option<String>,
    pub(crate) subscriptions: BTreeSet<String>,
    /// The ids of the elicitations that `require_url` has named.
    pub(crate) required: BTreeSet<String>,
}

impl Peer {
    pub(crate) fn new(server: &'static Server, out: Out) -> Arc<Peer> {
        let peer = Arc::new(Peer {
            server,
            out,
            pinned: OnceLock::new(),
            listens: Listens::default(),
            told: Mutex::default(),
            asked: Mutex::default(),
            questions: AtomicU64::new(0),
        });
        server.join(&peer);
        peer
    }

    /// One message from the client; what it causes goes to `out`.
    pub(crate) fn take(self: &Arc<Peer>, line: String, out: &Out) {
        if !self.server.settings.never_answer {
            match serde_json::from_str::<Message>(line.trim_end_matches(['\r', '\n'])) {
                Ok(message) => self.route(&message, out),
                Err(error) => {
                    Reply::to("null", Era::Legacy, out).refuse(-32700, &error.to_string(), &Value::Null);
                }
            }
        }
        self.server.journal.keep(line);
    }

    fn route(self: &Arc<Peer>, message: &Message, out: &Out) {
        let Some(method) = message.method.as_deref() else {
            return self.take_answer(message);
        };
        let Some(id) = message.id else {
            return modern::notified(self, method, message);
        };
        match modern::admit(self, method, message) {
            Ok(era) => self.request(method, message, Reply::to(id.get(), era, out)),
            Err(Refusal { code, message, data }) => {
                Reply::to(id.get(), Era::Legacy, out).refuse(code, &message, &data);
            }
        }
    }

    fn request(self: &Arc<Peer>, method: &str, message: &Message, reply: Reply) {
        match method {
            "tools/call" if tasks::begins(self.server, message) => tasks::begin(message, &reply),
            "tools/call" => tools::call(self, message, reply),
            "initialize" if reply.era == Era::Legacy => self.initialize(message, &reply),
            "ping" if reply.era == Era::Legacy => reply.result("{}"),
            _ => lists::answer(self, method, message, &reply),
        }
    }

    fn initialize(&self, message: &Message, reply: &Reply) {
        let params = message.tree();
        let asked = params["protocolVersion"].as_str().unwrap_or_default();
        let newest = self.server.settings.revision.as_str();
        let revision = if REVISIONS.contains(&asked) && asked <= newest { asked } else { newest };
        let result = json!({
            "protocolVersion": revision,
            "capabilities": self.server.capabilities(),
            "serverInfo": {"name": self.server.settings.name, "version": "1.0.0"},
            "instructions": "Does what it is told.",
        });
        reply.result(&result.to_string());
        self.told().client = params;
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }

    /// Tells this client, if it wants to know; returns how many times.
    pub(crate) fn publish(&self, method: &str, params: &Value) -> usize {
        let told = self.told();
        let subscribed = params["uri"].as_str().is_none_or(|uri| told.subscriptions.contains(uri));
        if told.client.is_null() || !subscribed {
            return self.listens.publish(method, params);
        }
        self.out.send(&notification(method, params));
        1
    }

    /// Sends a request to the client; the answer comes through the channel. The ids are small numbers,
    /// the same that clients use, so that a proxy which mixes them up is found out.
    pub(crate) fn ask(&self, out: &Out, method: &str, params: &Value) -> Receiver<String> {
        let id = self.questions.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = channel();
        lock(&self.asked).insert(id, sender);
        out.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        answer
    }

    /// A response: the JSON of its result, or of its error.
    fn take_answer(&self, message: &Message) {
        let id = message.id.and_then(|id| id.get().parse().ok());
        let sender = id.and_then(|id: u64| lock(&self.asked).remove(&id));
        if let (Some(sender), Some(body)) = (sender, message.result.or(message.error)) {
            let _ = sender.send(body.get().to_string());
        }
    }
}
