//! A client of revision 2026-07-28: no session, and in every request what the server has to know of it.

use super::{Response, Stream, modern_headers, request};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

const META: &str = "io.modelcontextprotocol/";

/// Hides nothing: each request can be sent as it would be, or changed before.
pub struct Modern {
    url: String,
    next_id: AtomicU64,
    capabilities: Value,
    level: Option<String>,
    headers: Vec<(String, String)>,
}

impl Modern {
    pub fn new(url: &str) -> Modern {
        let capabilities = json!({});
        Modern { url: url.to_string(), next_id: 0.into(), capabilities, level: None, headers: Vec::new() }
    }

    /// For example `json!({"sampling": {}})`, declared in every request from now on.
    pub fn capabilities(mut self, capabilities: Value) -> Modern {
        self.capabilities = capabilities;
        self
    }

    /// Asks for log messages from this level on, in every request from now on.
    pub fn log_level(mut self, level: &str) -> Modern {
        self.level = Some(level.to_string());
        self
    }

    /// One more header field in every request, such as `Mcp-Param-Region`.
    pub fn header(mut self, name: &str, value: &str) -> Modern {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// A request with the next id and its claim. Every client counts from 0, so that ids collide as they do in life.
    pub fn message(&self, method: &str, params: Value) -> Value {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.message_with(json!(id), method, params)
    }

    /// A request with an id of the caller's own.
    pub fn message_with(&self, id: Value, method: &str, mut params: Value) -> Value {
        let meta = &mut params["_meta"];
        meta[format!("{META}protocolVersion")] = json!("2026-07-28");
        meta[format!("{META}clientCapabilities")] = self.capabilities.clone();
        meta[format!("{META}clientInfo")] = json!({"name": "test", "version": "1.0.0"});
        if let Some(level) = &self.level {
            meta[format!("{META}logLevel")] = json!(level);
        }
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    pub fn call_message(&self, tool: &str, arguments: Value) -> Value {
        self.message("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// A call that wants progress under this token.
    pub fn progress_message(&self, tool: &str, arguments: Value, token: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": token}});
        self.message("tools/call", params)
    }

    /// The header fields that this message has to have, in the order in which a test may take some away.
    pub fn headers(&self, message: &Value) -> Vec<(String, String)> {
        let method = message["method"].as_str().unwrap_or_default();
        let own = modern_headers(method, &message["params"]);
        let own = own.into_iter().map(|(name, value)| (name.to_string(), value));
        own.chain(self.headers.iter().cloned()).collect()
    }

    /// POSTs a message of any kind and reads the answer to its end.
    #[track_caller]
    pub fn post(&self, message: &Value) -> Response {
        self.post_with(message, &borrowed(&self.headers(message)))
    }

    /// The same with other header fields than it ought to have.
    #[track_caller]
    pub fn post_with(&self, message: &Value, headers: &[(&str, &str)]) -> Response {
        request("POST", &self.url, headers, message.to_string().as_bytes())
    }

    /// The result, or the JSON-RPC error, with whatever HTTP status it came.
    #[track_caller]
    pub fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        self.answer_to(&self.message(method, params))
    }

    /// POSTs this request and returns its result or error.
    #[track_caller]
    pub fn answer_to(&self, message: &Value) -> Result<Value, Value> {
        let response = self.post(message);
        let mut messages = response.messages();
        messages.retain(|it| it["id"] == message["id"] && it.get("method").is_none());
        assert_eq!(messages.len(), 1, "one answer to {message}, please: {response:?}");
        match messages[0].get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(messages[0]["result"].clone()),
        }
    }

    #[track_caller]
    pub fn discover(&self) -> Value {
        self.request("server/discover", json!({})).unwrap_or_else(|error| panic!("discover: {error}"))
    }

    /// A tool's result, which may be that input is required.
    #[track_caller]
    pub fn call(&self, tool: &str, arguments: Value) -> Value {
        self.try_call(tool, arguments).unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    #[track_caller]
    pub fn try_call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The text in a tool's result.
    #[track_caller]
    pub fn text(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {result}")).to_string()
    }

    /// The JSON in a tool's text.
    #[track_caller]
    pub fn json(&self, tool: &str, arguments: Value) -> Value {
        serde_json::from_str(&self.text(tool, arguments)).unwrap()
    }

    /// The same call once more, with what it was waiting for: `asked` is the result that required it, `answers` the
    /// results by the keys of its `inputRequests`.
    #[track_caller]
    pub fn retry(&self, tool: &str, arguments: Value, asked: &Value, answers: Value) -> Result<Value, Value> {
        let mut params = json!({"name": tool, "arguments": arguments, "inputResponses": answers});
        if let Some(state) = asked.get("requestState") {
            params["requestState"] = state.clone();
        }
        self.request("tools/call", params)
    }

    /// POSTs a message that is answered by an event stream.
    #[track_caller]
    pub fn open(&self, message: &Value) -> Stream {
        let headers = self.headers(message);
        Stream::open("POST", &self.url, &borrowed(&headers), message.to_string().as_bytes())
    }

    #[track_caller]
    pub fn stream(&self, method: &str, params: Value) -> Stream {
        self.open(&self.message(method, params))
    }

    /// `subscriptions/listen`, for example to `json!({"toolsListChanged": true})`.
    #[track_caller]
    pub fn listen(&self, filter: Value) -> Stream {
        self.stream("subscriptions/listen", json!({"notifications": filter}))
    }

    /// The same under an id of the caller's own.
    #[track_caller]
    pub fn listen_as(&self, id: Value, filter: Value) -> Stream {
        self.open(&self.message_with(id, "subscriptions/listen", json!({"notifications": filter})))
    }
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
