//! Log messages: at the level that the client set, or that the request names in the modern era. A legacy client
//! that has set none gets them all, a modern request that names none gets none.

use super::peer::Peer;
use super::wire::{Era, Reply};
use serde_json::{Value, json};

/// Least severe first.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// `params` are those of the request in which this is said.
pub(crate) fn say(peer: &Peer, reply: &Reply, params: &Value, level: &str, text: &str) {
    let least = match reply.era {
        Era::Legacy => peer.told().level.clone().or_else(|| Some("debug".to_string())),
        Era::Modern => params["_meta"]["io.modelcontextprotocol/logLevel"].as_str().map(str::to_string),
    };
    let place = |name: &str| LEVELS.iter().position(|level| *level == name);
    if least.is_some_and(|least| place(level) >= place(&least)) {
        let data = json!({"level": level, "logger": "fake", "data": text});
        reply.notify("notifications/message", &data);
    }
}

/// One message of each level.
pub(crate) fn say_all(peer: &Peer, reply: &Reply, params: &Value) {
    LEVELS.iter().for_each(|level| say(peer, reply, params, level, level));
}
