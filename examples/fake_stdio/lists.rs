//! Everything that is not a tool call: lists, resources, prompts, completion, log level.

use crate::modern;
use crate::server::Server;
use crate::tools;
use crate::wire::{Era, Message, Reply};
use serde_json::{Value, json};

pub(crate) fn answer(server: &'static Server, method: &str, message: &Message, reply: &Reply) {
    if reply.era == Era::Modern && modern::answer(server, method, message, reply) {
        return;
    }
    let params = message.tree();
    let result = match method {
        "tools/list" => tool_list(server, &params),
        "resources/list" => json!({"resources": [resource("one"), resource("two")]}),
        "resources/templates/list" => {
            json!({"resourceTemplates": [{"uriTemplate": "test://{name}", "name": "any"}]})
        }
        "resources/read" => read(&params),
        "prompts/list" => json!({"prompts": [{"name": "hello", "arguments": [{"name": "name"}]}]}),
        "prompts/get" => prompt(&params),
        "completion/complete" => complete(&params),
        _ if reply.era == Era::Legacy => match legacy(server, method, &params) {
            Some(result) => result,
            None => return unknown(method, reply),
        },
        _ => return unknown(method, reply),
    };
    reply.result(&result.to_string());
}

fn unknown(method: &str, reply: &Reply) {
    reply.error(-32601, &format!("no such method: {method}"));
}

/// What the modern era did away with.
fn legacy(server: &Server, method: &str, params: &Value) -> Option<Value> {
    let text = |key: &str| params[key].as_str().unwrap_or_default().to_string();
    let mut told = server.told();
    match method {
        "logging/setLevel" if server.settings.logging => told.level = Some(text("level")),
        "resources/subscribe" => drop(told.subscriptions.insert(text("uri"))),
        "resources/unsubscribe" => drop(told.subscriptions.remove(&text("uri"))),
        _ => return None,
    }
    Some(json!({}))
}

/// With `FAKE_PAGES` the second half comes behind a cursor.
fn tool_list(server: &Server, params: &Value) -> Value {
    let mut names: Vec<String> = tools::NAMES.iter().map(ToString::to_string).collect();
    names.extend(server.settings.extra_tool.clone());
    names.extend(server.told().tools.iter().cloned());
    let tool = |name: &String| json!({"name": name, "inputSchema": {"type": "object"}});
    let all: Vec<Value> = names.iter().map(tool).collect();
    let half = all.len() / 2;
    match (server.settings.pages, params["cursor"].as_str()) {
        (true, None) => json!({"tools": all[..half], "nextCursor": "page-2"}),
        (true, Some(_)) => json!({"tools": all[half..]}),
        (false, _) => json!({"tools": all}),
    }
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
