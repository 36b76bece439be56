//! Log messages. In the legacy era they all go out, whatever the level: to hold back what nobody wants is then
//! left to a proxy's own sense. In the modern era a request gets what it asked for in its `_meta`, and no more.

use super::wire::{Era, Reply};
use serde_json::{Value, json};

/// Least severe first.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// `params` are those of the request in which this is said.
pub(crate) fn say(reply: &Reply, params: &Value, level: &str, text: &str) {
    if wanted(reply.era, params, level) {
        let data = json!({"level": level, "logger": "fake", "data": text});
        reply.notify("notifications/message", &data);
    }
}

/// One message of each level.
pub(crate) fn say_all(reply: &Reply, params: &Value) {
    LEVELS.iter().for_each(|level| say(reply, params, level, level));
}

fn wanted(era: Era, params: &Value, level: &str) -> bool {
    let place = |name: &str| LEVELS.iter().position(|level| *level == name);
    match params["_meta"]["io.modelcontextprotocol/logLevel"].as_str() {
        _ if era == Era::Legacy => true,
        Some(least) => place(level) >= place(least) && place(least).is_some(),
        None => false,
    }
}
