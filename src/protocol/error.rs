//! JSON-RPC errors of our own making.

use serde_json::{Value, json};

/// The text is not JSON (JSON-RPC 2.0, section 5.1).
pub const PARSE_ERROR: i64 = -32700;
/// Not a request (JSON-RPC 2.0, section 5.1).
pub const INVALID_REQUEST: i64 = -32600;
/// No such method (JSON-RPC 2.0, section 5.1).
pub const METHOD_NOT_FOUND: i64 = -32601;
/// Wrong parameters (JSON-RPC 2.0, section 5.1).
pub const INVALID_PARAMS: i64 = -32602;
/// Something failed on our side or the child's (JSON-RPC 2.0, section 5.1).
pub const INTERNAL_ERROR: i64 = -32603;
/// What is wrong with the HTTP request rather than with the call: what the SDKs' servers use.
pub const BAD_REQUEST: i64 = -32000;
/// The session is not known: what the SDKs' servers use beside HTTP 404.
pub const SESSION_NOT_FOUND: i64 = -32001;

/// What is behind an error of ours, for who counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was asked cannot be done, or the answer cannot be passed on.
    Request,
    /// The server, or the connection to it, is gone with the call.
    Lost,
    /// There is no server to take the call.
    Unavailable,
    /// The server has too much to do.
    Overload,
    /// The call took too long.
    TimedOut,
    /// The call was taken back.
    Cancelled,
}

/// An error to send to a client or a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// JSON-RPC error code.
    pub code: i64,
    /// What happened and what to do next, in one sentence or two.
    pub message: String,
    /// More of it, for programs.
    pub data: Option<Value>,
    /// What is behind it. It is not sent.
    pub fault: Fault,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into(), data: None, fault: Fault::Request }
    }

    /// The same error with data.
    pub fn with(mut self, data: Value) -> RpcError {
        self.data = Some(data);
        self
    }

    /// The same error with another cause.
    pub fn blame(mut self, fault: Fault) -> RpcError {
        self.fault = fault;
        self
    }

    /// The response that carries it; `id` is raw JSON text, `null` where the request's id is not known.
    pub fn response(&self, id: &str) -> String {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(fields)) = (&self.data, error.as_object_mut()) {
            fields.insert("data".into(), data.clone());
        }
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
    }
}

/// The response that carries `result` (raw JSON) to the request `id` (raw JSON).
pub fn success(id: &str, result: &str) -> String {
    [r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, result, "}"].concat()
}
