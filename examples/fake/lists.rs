//! Everything that is not a tool call: lists, resources, prompts, completion, log level.

use super::peer::Peer;
use super::server::Server;
use super::wire::{Era, Message, Reply};
use super::{ask, modern, tasks, tools};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn answer(peer: &Arc<Peer>, method: &str, message: &Message, reply: &Reply) {
    let params = message.tree();
    if method == "prompts/get" && params["name"] == "ask" {
        return ask::prompt().begin(peer, &params, reply.clone());
    }
    if method == "resources/read" && !exists(&params) {
        let code = if reply.era == Era::Modern { -32602 } else { -32002 };
        return reply.error_with(code, "Resource not found", &json!({"uri": params["uri"]}));
    }
    if reply.era == Era::Modern && modern::answer(peer, method, message, reply) {
        return;
    }
    let found = listed(peer.server, method, &params).map(|result| cacheable(result, reply.era));
    let found = found.or_else(|| got(method, &params));
    let legacy = || (reply.era == Era::Legacy).then(|| legacy(peer, method, &params)).flatten();
    match found.or_else(legacy) {
        Some(result) => reply.result(&result.to_string()),
        None => reply.error(-32601, &format!("no such method: {method}")),
    }
}

/// What a client may keep, as a modern server has to say.
fn listed(server: &Server, method: &str, params: &Value) -> Option<Value> {
    Some(match method {
        "tools/list" => tool_list(server, params),
        "resources/list" => json!({"resources": [resource("one"), resource("two")]}),
        "resources/templates/list" => {
            json!({"resourceTemplates": [{"uriTemplate": "test://{name}", "name": "any"}]})
        }
        "resources/read" => read(params),
        "prompts/list" => {
            json!({"prompts": [{"name": "hello", "arguments": [{"name": "name"}]}, {"name": "ask"}]})
        }
        _ => return None,
    })
}

fn cacheable(mut result: Value, era: Era) -> Value {
    if era == Era::Modern {
        result["ttlMs"] = json!(0);
        result["cacheScope"] = json!("private");
    }
    result
}

fn got(method: &str, params: &Value) -> Option<Value> {
    Some(match method {
        "prompts/get" => prompt(params),
        "completion/complete" => complete(params),
        _ => return None,
    })
}

/// What the modern era did away with.
fn legacy(peer: &Peer, method: &str, params: &Value) -> Option<Value> {
    let text = |key: &str| params[key].as_str().unwrap_or_default().to_string();
    let mut told = peer.told();
    match method {
        "logging/setLevel" if peer.server.settings.logging => told.level = Some(text("level")),
        "resources/subscribe" => drop(told.subscriptions.insert(text("uri"))),
        "resources/unsubscribe" => drop(told.subscriptions.remove(&text("uri"))),
        _ => return tasks::answer(peer.server, method, params),
    }
    Some(json!({}))
}

/// With `FAKE_PAGES` the second half comes behind a cursor.
fn tool_list(server: &Server, params: &Value) -> Value {
    let mut names: Vec<String> = tools::NAMES.iter().map(ToString::to_string).collect();
    names.extend(server.settings.more_tools.iter().map(ToString::to_string));
    names.extend(server.settings.extra_tools.iter().cloned());
    names.extend(server.added().iter().cloned());
    let tool = |name: &String| json!({"name": name, "inputSchema": schema(name)});
    let all: Vec<Value> = names.iter().map(tool).collect();
    let half = all.len() / 2;
    match (server.settings.pages, params["cursor"].as_str()) {
        (true, None) => json!({"tools": all[..half], "nextCursor": "page-2"}),
        (true, Some(_)) => json!({"tools": all[half..]}),
        (false, _) => json!({"tools": all}),
    }
}

/// The arguments of `mirror` come once more as the header fields `Mcp-Param-Region` and so on.
fn schema(tool: &str) -> Value {
    if tool != "mirror" {
        return json!({"type": "object"});
    }
    let place = json!({"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}});
    json!({"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "place": place,
    }})
}

/// Every `test://` there is, but for `test://missing`.
fn exists(params: &Value) -> bool {
    params["uri"].as_str().is_some_and(|uri| uri.starts_with("test://") && uri != "test://missing")
}

fn resource(name: &str) -> Value {
    json!({"uri": format!("test://{name}"), "name": name, "mimeType": "text/plain"})
}

fn read(params: &Value) -> Value {
    let text = format!("content of {}", params["uri"].as_str().unwrap_or_default());
    json!({"contents": [{"uri": params["uri"], "mimeType": "text/plain", "text": text}]})
}

fn prompt(params: &Value) -> Value {
    let name = params["arguments"]["name"].as_str().unwrap_or("you");
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": format!("Say hello to {name}")}}]})
}

fn complete(params: &Value) -> Value {
    let start = params["argument"]["value"].as_str().unwrap_or_default();
    let values: Vec<&str> = ["alpha", "beta"].into_iter().filter(|word| word.starts_with(start)).collect();
    json!({"completion": {"values": values, "hasMore": false}})
}
