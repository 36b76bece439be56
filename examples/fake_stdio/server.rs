//! What this server remembers.

use crate::journal::Journal;
use crate::modern::Modern;
use crate::settings::Settings;
use crate::wire::{self, Message, Reply};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Oldest first.
const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) journal: Journal,
    pub(crate) modern: Modern,
    told: Mutex<Told>,
    asked: Mutex<HashMap<u64, Sender<String>>>,
    questions: AtomicU64,
}

/// What the client told it; the tool `state` shows it.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) client: Value,
    pub(crate) level: Option<String>,
    pub(crate) subscriptions: BTreeSet<String>,
    pub(crate) tools: Vec<String>,
}

impl Server {
    /// Lives as long as the process, so that threads may borrow it.
    pub(crate) fn start() -> &'static Server {
        Box::leak(Box::new(Server {
            settings: Settings::apply(),
            journal: Journal::default(),
            modern: Modern::default(),
            told: Mutex::default(),
            asked: Mutex::default(),
            questions: AtomicU64::new(0),
        }))
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn initialize(&self, message: &Message, reply: &Reply) {
        let params = message.tree();
        let asked = params["protocolVersion"].as_str().unwrap_or_default();
        let newest = self.settings.revision.as_str();
        let revision = if REVISIONS.contains(&asked) && asked <= newest { asked } else { newest };
        let result = json!({
            "protocolVersion": revision,
            "capabilities": self.capabilities(),
            "serverInfo": {"name": self.settings.name, "version": "1.0.0"},
            "instructions": "Does what it is told.",
        });
        reply.result(&result.to_string());
        self.told().client = params;
    }

    pub(crate) fn capabilities(&self) -> Value {
        let mut all = json!({
            "tools": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
            "prompts": {"listChanged": true},
            "completions": {},
        });
        if self.settings.logging {
            all["logging"] = json!({});
        }
        all
    }

    /// Sends a request to the client; the answer comes through the channel. The ids are small numbers,
    /// the same that clients use, so that a proxy which mixes them up is found out.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Receiver<String> {
        let id = self.questions.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = channel();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        wire::send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        answer
    }

    /// A response: the JSON of its result, or of its error.
    pub(crate) fn take_answer(&self, message: &Message) {
        let id = message.id.and_then(|id| id.get().parse().ok());
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = id.and_then(|id: u64| asked.remove(&id));
        if let (Some(sender), Some(body)) = (sender, message.result.or(message.error)) {
            let _ = sender.send(body.get().to_string());
        }
    }
}
