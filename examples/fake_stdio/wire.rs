//! JSON-RPC as lines: what comes in keeps its bytes, what goes out is one write each.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::Write;

/// A message as it came.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) method: Option<String>,
    #[serde(borrow)]
    pub(crate) params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

impl Message<'_> {
    /// The parameters as a tree, for everything that need not be fast; null if there are none.
    pub(crate) fn tree(&self) -> Value {
        self.params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

/// The two shapes of the protocol: with `initialize`, and without.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

/// Where an answer goes. Owned, so that a thread can take it along.
#[derive(Clone)]
pub(crate) struct Reply {
    id: String,
    pub(crate) era: Era,
}

impl Reply {
    pub(crate) fn to(id: &RawValue, era: Era) -> Reply {
        Reply { id: id.get().to_string(), era }
    }

    pub(crate) fn to_nobody() -> Reply {
        Reply { id: "null".to_string(), era: Era::Legacy }
    }

    /// The id's JSON text.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// `json` is an object; a modern one says that it is complete, unless it says otherwise.
    pub(crate) fn result(&self, json: &str) {
        let id = &self.id;
        if self.era == Era::Legacy || json.contains("\"resultType\"") {
            return send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{json}}}"#));
        }
        let members = json.trim_start_matches('{');
        let comma = if members == "}" { "" } else { "," };
        send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete"{comma}{members}}}"#));
    }

    /// A tool's result: one text, given as the JSON of a string.
    pub(crate) fn text_json(&self, json: &str) {
        self.result(&format!(r#"{{"content":[{{"type":"text","text":{json}}}]}}"#));
    }

    pub(crate) fn text(&self, text: &str) {
        self.text_json(&quote(text));
    }

    pub(crate) fn error(&self, code: i64, message: &str) {
        self.error_with(code, message, &Value::Null);
    }

    pub(crate) fn error_with(&self, code: i64, message: &str, data: &Value) {
        let (id, message) = (&self.id, quote(message));
        let data = if data.is_null() { String::new() } else { format!(r#","data":{data}"#) };
        send(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}{data}}}}}"#
        ));
    }
}

pub(crate) fn notify(method: &str, params: &Value) {
    send(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#));
}

/// One line on stdout. A proxy that went away is no reason to panic: the end of stdin says the same.
pub(crate) fn send(line: &str) {
    let mut bytes = Vec::with_capacity(line.len() + 1);
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    let _ = std::io::stdout().lock().write_all(&bytes);
}

/// The JSON of a string.
pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
