//! The endpoint: sessions, a few tools, and streams whose end is noticed.
//!
//! | tool | arguments | does |
//! |---|---|---|
//! | `echo` | text | |
//! | `sleep` | ms | |
//! | `env` | name | |
//! | `pid` | | |
//! | `headers` | | the request's headers, a JSON array of pairs, names in lower case |
//! | `stream` | steps, ms | an event stream: progress before each pause, then the result |
//! | `hang` | | an event stream that never answers; notices when the client closes it |
//! | `closed` | | how many such streams a client has closed |
//! | `notify` | method | sends a notification on this session's GET stream |
//! | `sessions` | | how many there are |
//! | `forget` | | forgets every session, as a restart would |
//! | `crash` | code | exits without an answer |

use crate::out::{Events, Out};
use crate::{Asked, variable};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const TOOLS: [&str; 12] = [
    "echo", "sleep", "env", "pid", "headers", "stream", "hang", "closed", "notify", "sessions", "forget",
    "crash",
];
/// How soon a stream notices that its client has gone.
const PULSE: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(crate) struct Mcp {
    /// Each session's GET streams.
    sessions: Mutex<HashMap<String, Vec<Sender<Value>>>>,
    opened: AtomicU64,
    closed: AtomicU64,
}

impl Mcp {
    pub(crate) fn serve(&self, asked: &Asked, out: Out) -> io::Result<()> {
        let message: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if message["method"] == "initialize" {
            return self.initialize(&message, out);
        }
        let session = asked.header("mcp-session-id").unwrap_or_default();
        if variable("FAKE_NO_SESSIONS").is_empty() {
            if session.is_empty() {
                return out.json(400, &failure(&Value::Null, -32000, "Bad Request: no session"));
            }
            if !self.sessions().contains_key(session) {
                return out.json(404, &failure(&Value::Null, -32001, "Session not found"));
            }
        }
        match asked.method.as_str() {
            "POST" => self.post(asked, session, &message, out),
            "GET" => self.listen(session, out),
            "DELETE" => {
                self.sessions().remove(session);
                out.empty(200)
            }
            _ => out.header("Allow", "GET, POST, DELETE").empty(405),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Vec<Sender<Value>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn initialize(&self, message: &Value, out: Out) -> io::Result<()> {
        let asked = message["params"]["protocolVersion"].as_str().unwrap_or_default();
        let revision = if ("2025-03-26".."2026").contains(&asked) { asked } else { "2025-11-25" };
        let result = json!({
            "protocolVersion": revision,
            "capabilities": {"tools": {"listChanged": true}},
            "serverInfo": {"name": "fake_http", "version": "1.0.0"},
        });
        let answer = success(&message["id"], &result);
        if !variable("FAKE_NO_SESSIONS").is_empty() {
            return out.json(200, &answer);
        }
        let session = format!("fake-{}-{}", std::process::id(), self.opened.fetch_add(1, Ordering::Relaxed));
        self.sessions().insert(session.clone(), Vec::new());
        out.header("Mcp-Session-Id", &session).json(200, &answer)
    }

    fn post(&self, asked: &Asked, session: &str, message: &Value, out: Out) -> io::Result<()> {
        let id = &message["id"];
        match message["method"].as_str() {
            _ if id.is_null() => out.empty(202),
            None => out.empty(202),
            Some("ping") => out.json(200, &success(id, &json!({}))),
            Some("tools/list") => {
                let tools = TOOLS.map(|name| json!({"name": name, "inputSchema": {"type": "object"}}));
                out.json(200, &success(id, &json!({"tools": tools})))
            }
            Some("tools/call") => self.call(asked, session, message, out),
            Some(method) => out.json(200, &failure(id, -32601, &format!("no such method: {method}"))),
        }
    }

    fn call(&self, asked: &Asked, session: &str, message: &Value, out: Out) -> io::Result<()> {
        let (id, params) = (&message["id"], &message["params"]);
        let name = params["name"].as_str().unwrap_or_default();
        match name {
            "stream" => return stream(id, params, out.events()?),
            "hang" => return self.hang(out.events()?),
            _ => {}
        }
        match self.tool(asked, session, name, &params["arguments"]) {
            Some(text) => out.json(200, &success(id, &content(&text))),
            None => out.json(200, &failure(id, -32602, &format!("no such tool: {name}"))),
        }
    }

    fn tool(&self, asked: &Asked, session: &str, name: &str, arguments: &Value) -> Option<String> {
        let text = |key: &str| arguments[key].as_str().unwrap_or_default();
        Some(match name {
            "echo" => text("text").to_string(),
            "sleep" => {
                pause(arguments);
                "slept".to_string()
            }
            "env" => variable(text("name")),
            "pid" => std::process::id().to_string(),
            "headers" => json!(asked.headers).to_string(),
            "closed" => self.closed.load(Ordering::Relaxed).to_string(),
            "notify" => self.notify(session, text("method")).to_string(),
            "sessions" => self.sessions().len().to_string(),
            "forget" => {
                self.sessions().clear();
                "forgotten".to_string()
            }
            "crash" => {
                std::process::exit(i32::try_from(arguments["code"].as_i64().unwrap_or(1)).unwrap_or(1))
            }
            _ => return None,
        })
    }

    /// Returns how many streams it went to.
    fn notify(&self, session: &str, method: &str) -> usize {
        let message = json!({"jsonrpc": "2.0", "method": method});
        let sessions = self.sessions();
        let streams = sessions.get(session).map_or(&[][..], Vec::as_slice);
        streams.iter().filter(|stream| stream.send(message.clone()).is_ok()).count()
    }

    fn listen(&self, session: &str, out: Out) -> io::Result<()> {
        let (sender, inbox) = channel();
        self.sessions().entry(session.to_string()).or_default().push(sender);
        self.pump(&inbox, out.events()?)
    }

    fn hang(&self, events: Events) -> io::Result<()> {
        let (_sender, inbox) = channel();
        self.pump(&inbox, events)
    }

    /// Until the session ends, or a write shows that the client has gone.
    fn pump(&self, inbox: &Receiver<Value>, mut events: Events) -> io::Result<()> {
        loop {
            let written = match inbox.recv_timeout(PULSE) {
                Ok(message) => events.send(&message),
                Err(RecvTimeoutError::Timeout) => events.keep_alive(),
                Err(RecvTimeoutError::Disconnected) => return events.end(),
            };
            if written.is_err() {
                self.closed.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        }
    }
}

fn stream(id: &Value, params: &Value, mut events: Events) -> io::Result<()> {
    let steps = params["arguments"]["steps"].as_u64().unwrap_or(1);
    for step in 1..=steps {
        let progress =
            json!({"progressToken": params["_meta"]["progressToken"], "progress": step, "total": steps});
        events.send(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress}))?;
        pause(&params["arguments"]);
    }
    events.send(&success(id, &content("done")))?;
    events.end()
}

fn pause(arguments: &Value) {
    std::thread::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap_or(0)));
}

fn content(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn success(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}
