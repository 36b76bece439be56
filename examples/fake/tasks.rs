//! Tasks of revision 2025-11-25, as far as a proxy has to carry them: with `FAKE_TASKS=1` every call that asks for
//! one is a task, and done at once.

use super::server::Server;
use super::wire::{Message, Reply};
use serde_json::{Value, json};

/// Whether this call is to be a task.
pub(crate) fn begins(server: &Server, message: &Message) -> bool {
    server.settings.tasks && message.tree().get("task").is_some()
}

/// Its id is the tool's name.
pub(crate) fn begin(message: &Message, reply: &Reply) {
    let id = message.tree()["name"].clone();
    reply.result(&json!({"task": task(&id)}).to_string());
}

/// None: not a method of tasks.
pub(crate) fn answer(server: &Server, method: &str, params: &Value) -> Option<Value> {
    let id = &params["taskId"];
    match method {
        _ if !server.settings.tasks => None,
        "tasks/get" => Some(task(id)),
        "tasks/result" => Some(json!({
            "content": [{"type": "text", "text": id}],
            "_meta": {"io.modelcontextprotocol/related-task": {"taskId": id}},
        })),
        _ => None,
    }
}

fn task(id: &Value) -> Value {
    let time = "2025-11-25T00:00:00Z";
    json!({"taskId": id, "status": "completed", "createdAt": time, "lastUpdatedAt": time, "ttl": 60000})
}
