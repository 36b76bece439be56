//! A client of 2024-11-05: one GET stream for everything that comes, POSTs to the address it names.

use super::{Response, Stream, request};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

pub struct SseClient {
    /// Where the `endpoint` event said that messages go.
    pub endpoint: String,
    /// The result of `initialize`.
    pub server: Value,
    stream: Stream,
    next_id: AtomicU64,
}

impl SseClient {
    /// Opens the stream at this address, waits for the `endpoint` event, and shakes hands.
    #[track_caller]
    pub fn connect(url: &str) -> SseClient {
        SseClient::connect_with(url, json!({}))
    }

    /// With these capabilities, for example `json!({"sampling": {}})`.
    #[track_caller]
    pub fn connect_with(url: &str, capabilities: Value) -> SseClient {
        let stream = Stream::open("GET", url, &[("Accept", "text/event-stream")], b"");
        let (_, first) = stream.next_event();
        assert_eq!(first.event.as_deref(), Some("endpoint"), "{first:?}");
        let endpoint = resolve(url, &first.data.expect("an address"));
        let mut client = SseClient { endpoint, server: Value::Null, stream, next_id: 0.into() };
        let info = json!({"name": "test", "version": "1.0.0"});
        let params =
            json!({"protocolVersion": "2024-11-05", "capabilities": capabilities, "clientInfo": info});
        client.server = client.request("initialize", params).expect("initialize");
        client.notify("notifications/initialized", json!({}));
        client
    }

    /// Sends a message of any kind; what it causes comes on the stream.
    #[track_caller]
    pub fn post(&self, message: &Value) -> Response {
        let headers = [("Content-Type", "application/json")];
        request("POST", &self.endpoint, &headers, message.to_string().as_bytes())
    }

    #[track_caller]
    pub fn send(&self, message: &Value) {
        let response = self.post(message);
        assert_eq!(response.status, 202, "{response:?}");
    }

    #[track_caller]
    pub fn notify(&self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Answers a request of the server's.
    #[track_caller]
    pub fn answer(&self, id: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    /// Sends a request and returns its id.
    #[track_caller]
    pub fn begin(&self, method: &str, params: Value) -> Value {
        let id = json!(self.next_id.fetch_add(1, Ordering::Relaxed));
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next message on the stream.
    #[track_caller]
    pub fn next(&self) -> Value {
        self.stream.next_message().1
    }

    /// The result or error of this request; everything before it is dropped.
    #[track_caller]
    pub fn wait(&self, id: &Value) -> Result<Value, Value> {
        let (_, answer) =
            self.stream.wait_message(|message| message["id"] == *id && message.get("method").is_none());
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    #[track_caller]
    pub fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        self.wait(&self.begin(method, params))
    }

    /// Begins a tool's call and returns its id.
    #[track_caller]
    pub fn begin_call(&self, tool: &str, arguments: Value) -> Value {
        self.begin("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    #[track_caller]
    pub fn try_call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        self.wait(&self.begin_call(tool, arguments))
    }

    /// The text in a tool's result.
    #[track_caller]
    pub fn text(&self, tool: &str, arguments: Value) -> String {
        let result = self.try_call(tool, arguments).unwrap_or_else(|error| panic!("{tool}: {error}"));
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {result}")).to_string()
    }

    /// The JSON in a tool's text.
    #[track_caller]
    pub fn json(&self, tool: &str, arguments: Value) -> Value {
        serde_json::from_str(&self.text(tool, arguments)).unwrap()
    }
}

/// An address, a path at the same host, or one beside what was asked for, as every client of that time resolves it.
fn resolve(url: &str, endpoint: &str) -> String {
    if endpoint.starts_with("http://") {
        return endpoint.to_string();
    }
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    match endpoint.starts_with('/') {
        true => format!("http://{host}{endpoint}"),
        false => {
            let folder = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            format!("http://{host}/{folder}{endpoint}")
        }
    }
}
