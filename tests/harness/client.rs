//! An MCP client that hides nothing: a session, and every message as JSON.

use super::{Response, Stream, request};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub struct Client {
    url: String,
    headers: Vec<(String, String)>,
    next_id: AtomicU64,
    /// The result of `initialize`.
    pub server: Value,
}

/// How a session is to begin.
pub struct Options {
    url: String,
    revision: String,
    capabilities: Value,
    headers: Vec<(String, String)>,
}

impl Options {
    pub fn revision(mut self, revision: &str) -> Options {
        self.revision = revision.to_string();
        self
    }

    /// For example `json!({"sampling": {}})`.
    pub fn capabilities(mut self, capabilities: Value) -> Options {
        self.capabilities = capabilities;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Options {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// The handshake, or the JSON-RPC error in its place.
    #[track_caller]
    pub fn try_connect(self) -> Result<Client, Value> {
        let client = Client::connect_nothing(&self.url);
        let info = json!({"name": "test", "version": "1.0.0"});
        let params =
            json!({"protocolVersion": self.revision, "capabilities": self.capabilities, "clientInfo": info});
        let response = client.post(&client.message("initialize", params));
        match response.messages().pop().expect("an answer").get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(self.connect()),
        }
    }

    /// The handshake.
    #[track_caller]
    pub fn connect(self) -> Client {
        let mut client = Client::connect_nothing(&self.url);
        client.headers.extend(self.headers);
        let info = json!({"name": "test", "version": "1.0.0"});
        let params =
            json!({"protocolVersion": self.revision, "capabilities": self.capabilities, "clientInfo": info});
        let response = client.post(&client.message("initialize", params));
        assert_eq!(response.status, 200, "{response:?}");
        client.server = response.messages().pop().expect("an answer")["result"].clone();
        let revision = client.server["protocolVersion"].as_str().expect("a revision").to_string();
        client.add_header("MCP-Protocol-Version", &revision);
        if let Some(session) = response.header("mcp-session-id") {
            client.add_header("Mcp-Session-Id", session);
        }
        client.notify("notifications/initialized", json!({}));
        client
    }
}

impl Client {
    #[track_caller]
    pub fn connect(url: &str) -> Client {
        Client::options(url).connect()
    }

    /// Without a session yet.
    fn connect_nothing(url: &str) -> Client {
        let headers =
            [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_string())).to_vec();
        Client { url: url.to_string(), headers, next_id: 0.into(), server: Value::Null }
    }

    pub fn options(url: &str) -> Options {
        let revision = "2025-11-25".to_string();
        Options { url: url.to_string(), revision, capabilities: json!({}), headers: Vec::new() }
    }

    fn add_header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_string(), value.to_string()));
    }

    /// The same session, at another address.
    pub fn at(&self, url: &str) -> Client {
        let (headers, server) = (self.headers.clone(), self.server.clone());
        Client { url: url.to_string(), headers, next_id: 1000.into(), server }
    }

    /// The same client with another id of its session.
    pub fn with_session(&self, id: &str) -> Client {
        let mut client = self.at(&self.url);
        client.headers.retain(|(name, _)| name != "Mcp-Session-Id");
        client.add_header("Mcp-Session-Id", id);
        client
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Empty if the server keeps none.
    pub fn session(&self) -> &str {
        let header = self.headers.iter().find(|(name, _)| name == "Mcp-Session-Id");
        header.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// A request with the next id. Every client counts from 0, so that ids collide as they do in life.
    pub fn message(&self, method: &str, params: Value) -> Value {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
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

    /// POSTs a message of any kind and reads the answer to its end.
    #[track_caller]
    pub fn post(&self, message: &Value) -> Response {
        self.post_bytes(message.to_string().as_bytes())
    }

    #[track_caller]
    pub fn post_bytes(&self, body: &[u8]) -> Response {
        request("POST", &self.url, &self.headers(), body)
    }

    /// The result, or the JSON-RPC error.
    #[track_caller]
    pub fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        let message = self.message(method, params);
        let response = self.post(&message);
        assert_eq!(response.status, 200, "{response:?}");
        let mut messages = response.messages();
        messages.retain(|it| it["id"] == message["id"] && it.get("method").is_none());
        assert_eq!(messages.len(), 1, "one answer to {message}, please: {response:?}");
        match messages[0].get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(messages[0]["result"].clone()),
        }
    }

    /// A tool's result.
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

    /// The JSON in a tool's text, for `received`, `environ`, `state` and the like.
    #[track_caller]
    pub fn json(&self, tool: &str, arguments: Value) -> Value {
        serde_json::from_str(&self.text(tool, arguments)).unwrap()
    }

    #[track_caller]
    pub fn notify(&self, method: &str, params: Value) {
        let response = self.post(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
        assert_eq!(response.status, 202, "{response:?}");
    }

    /// Answers a request of the server's.
    #[track_caller]
    pub fn answer(&self, id: &Value, result: Value) {
        let response = self.post(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
        assert_eq!(response.status, 202, "{response:?}");
    }

    /// POSTs a request that is answered by an event stream.
    #[track_caller]
    pub fn stream(&self, message: &Value) -> Stream {
        Stream::open("POST", &self.url, &self.headers(), message.to_string().as_bytes())
    }

    /// POSTs a request that may be answered by an event stream, or by JSON.
    #[track_caller]
    pub fn begin(&self, message: &Value) -> Result<Stream, Response> {
        Stream::try_open("POST", &self.url, &self.headers(), message.to_string().as_bytes())
    }

    /// The GET stream.
    #[track_caller]
    pub fn listen(&self) -> Stream {
        self.resume(None)
    }

    /// The GET stream after this event, if one is named.
    #[track_caller]
    pub fn resume(&self, last_event_id: Option<&str>) -> Stream {
        let mut headers = self.headers();
        headers.retain(|(name, _)| !matches!(*name, "Accept" | "Content-Type"));
        headers.push(("Accept", "text/event-stream"));
        headers.extend(last_event_id.map(|id| ("Last-Event-ID", id)));
        Stream::open("GET", &self.url, &headers, b"")
    }

    /// DELETE.
    #[track_caller]
    pub fn end(&self) -> Response {
        request("DELETE", &self.url, &self.headers(), b"")
    }
}

/// One request of revision 2026-07-28, with everything that revision asks for.
#[track_caller]
pub fn modern(url: &str, id: Value, method: &str, mut params: Value) -> Response {
    let headers = modern_headers(method, &params);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    if params["_meta"].get("io.modelcontextprotocol/clientCapabilities").is_none() {
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    }
    let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    request("POST", url, &headers, message.to_string().as_bytes())
}

/// The headers that say again what is in the body.
pub fn modern_headers(method: &str, params: &Value) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("Content-Type", "application/json".to_string()),
        ("Accept", "application/json, text/event-stream".to_string()),
        ("MCP-Protocol-Version", "2026-07-28".to_string()),
        ("Mcp-Method", method.to_string()),
    ];
    let name = params["name"].as_str().or(params["uri"].as_str()).or(params["taskId"].as_str());
    headers.extend(name.map(|name| ("Mcp-Name", header_value(name))));
    if name == Some("mirror") {
        headers.extend(mirrored(&params["arguments"]));
    }
    headers
}

/// What the schema of the fakes' tool `mirror` says of its arguments.
fn mirrored(arguments: &Value) -> Vec<(&'static str, String)> {
    let fields = [
        ("Mcp-Param-Region", &arguments["region"]),
        ("Mcp-Param-Count", &arguments["count"]),
        ("Mcp-Param-City", &arguments["place"]["city"]),
    ];
    let text = |value: &Value| value.as_str().map_or(value.to_string(), header_value);
    fields.iter().filter(|(_, it)| !it.is_null()).map(|(name, it)| (*name, text(it))).collect()
}

/// As it is, or as base64 if a header field cannot hold it (2026-07-28, Streamable HTTP, Value Encoding).
fn header_value(text: &str) -> String {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !text.starts_with("=?");
    if plain { text.to_string() } else { format!("=?base64?{}?=", base64(text.as_bytes())) }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits = (0..3).fold(0, |bits, place| bits << 8 | usize::from(*three.get(place).unwrap_or(&0)));
        let letter = |place: usize| char::from(ALPHABET[bits >> (18 - 6 * place) & 63]);
        let letters: String = (0..=three.len()).map(letter).collect();
        format!("{letters:=<4}")
    };
    bytes.chunks(3).map(four).collect()
}
