//! `/api/openapi.json`: what plain HTTP reaches, as an OpenAPI 3.1 document made of the tools there are at this moment.
//! It wakes no server, and one that does not answer in time is left out.

use super::super::answer;
use super::super::router::Front;
use super::schema::{self, PLAIN};
use crate::auth::Caller;
use crate::bridge::{Asker, Failure};
use crate::fleet::Served;
use crate::http::{Exchange, RETRY_AFTER_SECONDS, Response};
use crate::protocol::json as text;
use crate::protocol::lists::List;
use crate::server::Health;
use ::http::{HeaderValue, StatusCode, header};
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one server may take to tell its tools, and all of them together.
const PATIENCE: Duration = Duration::from_secs(2);
const ALL_PATIENCE: Duration = Duration::from_secs(6);
/// Bytes of the tools of all servers, and their number; those of another one that would be more are left out.
const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_TOOLS: usize = 2_000;
/// So many documents are made at once.
const AT_ONCE: usize = 4;
/// The statuses of errors, each with what it means.
const ERRORS: [(&str, &str); 9] = [
    ("400", "The arguments are no JSON object, or the server does not like them."),
    ("404", "There is no such server, tool or resource."),
    ("413", "The body is longer than max_message_bytes."),
    ("415", "The body is no JSON."),
    ("422", "The tool ran and says that it has failed."),
    ("501", "The server has a question for its user, which plain HTTP cannot answer."),
    ("502", "The server answered with an error of its own, or ended before it answered."),
    ("503", "The server does not run or takes no more; it has not seen the call."),
    ("504", "The server did not answer in time; the call was cancelled."),
];
/// Those where a token is asked for.
const AUTH_ERRORS: [(&str, &str); 3] = [
    ("401", "A token is needed, or this one is not good."),
    ("403", "The token is not for that."),
    ("429", "Too many wrong tokens came from this address."),
];

impl Front {
    /// The document for this caller; `base` is the URL that paths are below.
    pub(in super::super) fn openapi(&self, exchange: &Exchange<'_>, caller: &Caller, base: &str) -> Response {
        let turn = Arc::clone(self.documents());
        if Arc::strong_count(&turn) > AT_ONCE + 1 {
            return busy();
        }
        let end = Instant::now() + ALL_PATIENCE;
        let mut document = Document { is_closed: self.access().is_asked(), ..Document::default() };
        let serving = self.fleet().serving();
        for (name, served) in serving.servers.iter().filter(|(name, _)| caller.may_use(name)) {
            let until = Some(end.min(Instant::now() + PATIENCE));
            let tools = tools(served, Asker { caller, client: &exchange.client, until });
            let added = tools.and_then(|tools| document.add(name, &tools));
            added.unwrap_or_else(|why| document.leave_out(name, &why));
        }
        answer::json(StatusCode::OK, &document.finish(base))
    }
}

fn busy() -> Response {
    let mut response = answer::error(
        StatusCode::SERVICE_UNAVAILABLE,
        "as many of these documents as may be are being made; try again in a moment",
    );
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    response
}

/// Its tools (raw JSON).
///
/// # Errors
/// They are not to be had now; in words.
fn tools(served: &Served, asker: Asker<'_>) -> Result<Vec<String>, String> {
    let status = served.server.status();
    if asker.until.is_some_and(|until| until <= Instant::now()) {
        return Err("the servers before it took too long".into());
    }
    if !served.bridge.is_at_hand(List::Tools) {
        return Err(match status.rests() {
            true => "it sleeps, and what it offers is not known yet: its first call wakes it".into(),
            false => format!("it is {}", status.state),
        });
    }
    if matches!(status.health, Health::Degraded | Health::Unhealthy) {
        return Err(format!("it is {}", status.health));
    }
    served.bridge.items(asker, List::Tools).map_err(|failure| match failure {
        Failure::NotSent(fault) | Failure::Failed(fault) => fault.message,
        Failure::GivenUp => "it did not answer in time".into(),
        Failure::Asked | Failure::Hidden => "it does not tell".into(),
    })
}

/// A document in the making.
#[derive(Default)]
struct Document {
    /// Whether a token is asked for.
    is_closed: bool,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    tags: Vec<Value>,
    left_out: Map<String, Value>,
    ids: BTreeSet<String>,
    bytes: usize,
}

impl Document {
    fn leave_out(&mut self, server: &str, why: &str) {
        self.left_out.insert(server.into(), why.into());
    }

    /// # Errors
    /// There is no room.
    fn add(&mut self, server: &str, tools: &[String]) -> Result<(), String> {
        let bytes = self.bytes + tools.iter().map(String::len).sum::<usize>();
        if bytes > MAX_BYTES || self.paths.len() + tools.len() > MAX_TOOLS {
            return Err(format!("there are more than {MAX_TOOLS} tools, or {MAX_BYTES} bytes of them"));
        }
        self.bytes = bytes;
        self.tags.push(json!({ "name": server }));
        self.add_lists(server);
        tools.iter().for_each(|tool| self.add_tool(server, tool));
        Ok(())
    }

    fn add_lists(&mut self, server: &str) {
        let object = json!({ "application/json": { "schema": { "type": "object" } } });
        let tools = self.operation(server, "tools", "The tools of this server", &object);
        let mut resources =
            self.operation(server, "resources", "Its resources, or what is in one", &any_body());
        let uri = json!({ "type": "string" });
        resources["parameters"] =
            json!([{ "name": "uri", "in": "query", "description": "Which one to read", "schema": uri }]);
        for (place, operation) in [("tools", tools), ("resources", resources)] {
            self.paths.insert(format!("/api/{server}/{place}"), json!({ "get": operation }));
        }
    }

    fn add_tool(&mut self, server: &str, tool: &str) {
        let of = |name| text::member(tool, name);
        let words = |name| of(name).and_then(text::string);
        let Some(name) = words("name").filter(|name| !matches!(name.as_str(), "" | "." | "..")) else {
            return;
        };
        let path = format!("/api/{server}/tools/{}", utf8_percent_encode(&name, PLAIN));
        if self.paths.contains_key(&path) {
            return;
        }
        let title = words("title").unwrap_or_else(|| name.clone());
        let mut operation = self.operation(server, &name, &title, &any_body());
        let id = operation["operationId"].as_str().unwrap_or_default().to_string();
        let arguments = self.schema(&format!("{id}.arguments"), of("inputSchema"));
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": arguments } } });
        let output = of("outputSchema").map(|output| self.schema(&format!("{id}.result"), Some(output)));
        operation["responses"]["200"]["content"]["application/json"]["schema"] = result_schema(output);
        if let Some(description) = words("description") {
            operation["description"] = description.into();
        }
        self.paths.insert(path, json!({ "post": operation }));
    }

    fn operation(&mut self, server: &str, name: &str, summary: &str, content: &Value) -> Value {
        let id = self.new_id(server, name);
        let mut responses = Map::new();
        responses.insert("200".into(), json!({ "description": "The result.", "content": content }));
        for (status, _) in self.errors() {
            let place = format!("#/components/responses/{status}");
            responses.insert(status.into(), json!({ "$ref": place }));
        }
        json!({ "operationId": id, "tags": [server], "summary": summary, "responses": responses })
    }

    /// A reference to a schema (raw JSON) under this name; to one of any object if nothing can be made of it.
    fn schema(&mut self, name: &str, raw: Option<&str>) -> Value {
        let place = format!("#/components/schemas/{name}");
        let schema = raw.and_then(|raw| schema::embedded(raw, &place));
        self.schemas.insert(name.into(), schema.unwrap_or_else(|| json!({ "type": "object" })));
        json!({ "$ref": place })
    }

    /// One that nothing else has, of letters that each language has in names.
    fn new_id(&mut self, server: &str, name: &str) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let id: String = format!("{server}_{name}").chars().map(plain).take(100).collect();
        let numbered = (self.ids.len()..).map(|n| format!("{id}_{n}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !self.ids.contains(id));
        let id = free.unwrap_or_default();
        self.ids.insert(id.clone());
        id
    }

    fn errors(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        ERRORS.into_iter().chain(AUTH_ERRORS.into_iter().filter(|_| self.is_closed))
    }

    fn finish(mut self, base: &str) -> Value {
        self.schemas.insert("Error".into(), error_schema());
        let responses: Map<String, Value> = self
            .errors()
            .map(|(status, description)| {
                let content =
                    json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
                (status.into(), json!({ "description": description, "content": content }))
            })
            .collect();
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": "MCP Proxy", "version": env!("CARGO_PKG_VERSION") },
            "servers": [{ "url": base }],
            "tags": self.tags,
            "paths": self.paths,
            "components": { "schemas": self.schemas, "responses": responses },
            "x-unavailable": self.left_out,
        });
        if self.is_closed {
            document["components"]["securitySchemes"] =
                json!({ "token": { "type": "http", "scheme": "bearer" } });
            document["security"] = json!([{ "token": [] }]);
        }
        document
    }
}

/// JSON, or the parts of one type.
fn any_body() -> Value {
    let part = json!({ "schema": { "type": "string" } });
    json!({ "application/json": { "schema": { "type": "object" } }, "text/plain": part, "image/*": {}, "audio/*": {} })
}

fn result_schema(output: Option<Value>) -> Value {
    let mut properties = json!({ "content": { "type": "array", "items": { "type": "object" } } });
    if let Some(output) = output {
        properties["structuredContent"] = output;
    }
    json!({ "type": "object", "properties": properties })
}

fn error_schema() -> Value {
    json!({ "type": "object", "required": ["error"], "properties": { "error": { "type": "string" }, "data": {} } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_tools_fit_into_a_document() {
        let tools = |count: usize, bytes: usize| -> Vec<String> {
            let text = "x".repeat(bytes);
            (0..count).map(|n| format!(r#"{{"name":"t{n}","description":"{text}"}}"#)).collect()
        };
        let mut document = Document::default();
        for (server, tools, fits) in [
            ("a", tools(10, 10), true),
            ("many", tools(MAX_TOOLS, 0), false),
            ("large", tools(2, MAX_BYTES / 2), false),
            ("b", tools(10, 10), true),
        ] {
            assert_eq!(document.add(server, &tools).is_ok(), fits, "{server}");
        }
        let document = document.finish("http://h");
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.contains_key("/api/a/tools/t9") && paths.contains_key("/api/b/tools/t9"));
        assert_eq!(paths.len(), 2 * (10 + 2));
    }
}
