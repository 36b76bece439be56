//! JSON-RPC as text: what comes in keeps its bytes, what goes out is one message at a time.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

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

impl Message<'_> {
    /// `_meta` of the parameters, which may hold beside it what no tree can (1e400).
    pub(crate) fn meta(&self) -> Value {
        let params = self.params.and_then(|raw| serde_json::from_str::<Params<'_>>(raw.get()).ok());
        let meta = params.and_then(|params| serde_json::from_str(params.meta?.get()).ok());
        meta.unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

/// The two shapes of the protocol: with `initialize`, and without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

/// Where messages go. A client that has gone is no reason to panic.
pub(crate) trait Outlet: Send + Sync {
    /// A notification, or a request of the server's own.
    fn send(&self, line: &str);

    /// The last message to a request. `status` is what HTTP says with it, if it has said nothing yet.
    fn answer(&self, line: &str, status: u16) {
        let _ = status;
        self.send(line);
    }
}

pub(crate) type Out = Arc<dyn Outlet>;

/// Where the answer to one request goes. Owned, so that a thread can take it along.
#[derive(Clone)]
pub(crate) struct Reply {
    id: String,
    pub(crate) era: Era,
    pub(crate) out: Out,
}

impl Reply {
    /// `id` is JSON text.
    pub(crate) fn to(id: &str, era: Era, out: &Out) -> Reply {
        Reply { id: id.to_string(), era, out: out.clone() }
    }

    /// The id's JSON text.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// `json` is an object; a modern one says that it is complete, unless it says otherwise.
    pub(crate) fn result(&self, json: &str) {
        let id = &self.id;
        let line = if self.era == Era::Legacy || json.starts_with(r#"{"resultType""#) {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{json}}}"#)
        } else {
            let members = json.trim_start_matches('{');
            let comma = if members == "}" { "" } else { "," };
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete"{comma}{members}}}"#)
        };
        self.out.answer(&line, 200);
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
        let status = match (self.era, code) {
            (Era::Modern, -32601) => 404,
            (Era::Modern, -32022..=-32020) => 400,
            _ => 200,
        };
        self.fail(status, code, message, data);
    }

    /// A request that is refused before it is understood.
    pub(crate) fn refuse(&self, code: i64, message: &str, data: &Value) {
        self.fail(400, code, message, data);
    }

    fn fail(&self, status: u16, code: i64, message: &str, data: &Value) {
        let (id, message) = (&self.id, quote(message));
        let data = if data.is_null() { String::new() } else { format!(r#","data":{data}"#) };
        let error = format!(r#"{{"code":{code},"message":{message}{data}}}"#);
        self.out.answer(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#), status);
    }

    /// A notification that belongs to the request.
    pub(crate) fn notify(&self, method: &str, params: &Value) {
        self.out.send(&notification(method, params));
    }
}

pub(crate) fn notification(method: &str, params: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

/// The JSON of a string.
pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
