//! An HTTP MCP server that does what a test tells it to (see `examples/fake`), at `/mcp`; with `FAKE_TRANSPORT=sse`
//! one of 2024-11-05 instead, at `/sse` and `/messages`. Every other path answers with what it was asked, so that
//! a test sees what a proxy made of it.
//!
//! Environment: `HOST`, `PORT` (0: any, the address is printed on stderr), `FAKE_NO_SESSIONS=1`, `FAKE_KEEP_ALIVE=1`,
//! `FAKE_FORGETS=404|400|text` (how it says that it does not know a session), `FAKE_KEEPS_SESSIONS=1` (none can be ended),
//! `FAKE_LOCKED=1` (who shows no credentials gets 401),
//! and what `examples/fake/settings.rs` says. Connections are closed after each answer unless told otherwise:
//! tiny_http can leave one of several connections opened together unserved until another one closes.

mod endpoint;
mod headers;
mod old;
mod out;
mod post;
mod streams;

#[path = "../fake/mod.rs"]
mod fake;

use endpoint::Endpoint;
use fake::{Server, Settings};
use old::Old;
use out::Out;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tiny_http::Request;

/// A request with its body read, as the handlers want it.
pub(crate) struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What is served where.
enum Site {
    Streamable(Endpoint),
    Old(Old),
}

fn main() {
    if fake::linger() {
        return;
    }
    let old = variable("FAKE_TRANSPORT") == "sse";
    let newest = if old { "2024-11-05" } else { "2025-11-25" };
    let server = Server::start(Settings::apply("fake_http", newest, &endpoint::TOOLS));
    let site = if old { Site::Old(Old::new(server)) } else { Site::Streamable(Endpoint::new(server)) };
    listen(Arc::new(site));
}

fn listen(site: Arc<Site>) {
    let host = Some(variable("HOST")).filter(|host| !host.is_empty()).unwrap_or("127.0.0.1".to_string());
    let port = variable("PORT").parse().unwrap_or(0);
    let server = match tiny_http::Server::http((host.as_str(), port)) {
        Ok(server) => server,
        Err(error) => return eprintln!("fake_http: {host}:{port}: {error}"),
    };
    eprintln!("fake_http on {}", server.server_addr());
    for request in server.incoming_requests() {
        let site = site.clone();
        std::thread::spawn(move || serve(&site, request));
    }
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn serve(site: &Site, mut request: Request) {
    let Some(asked) = Asked::read(&mut request) else { return };
    // The raw writer, because the usual answer keeps an event stream back until it has 8 KiB of it.
    let out = Out::new(request.into_writer());
    let locked = !variable("FAKE_LOCKED").is_empty() && asked.header("authorization").is_none();
    let written = match (site, asked.path.as_str()) {
        _ if locked => out.header("WWW-Authenticate", "Bearer").empty(401),
        (Site::Streamable(endpoint), "/mcp") => endpoint.serve(&asked, out),
        (Site::Old(old), "/sse") => old.open(&asked, out),
        (Site::Old(old), "/messages") => old.message(&asked, out),
        (Site::Old(_), "/mcp") => out.empty(404),
        _ => plain(&asked, out),
    };
    if let Err(error) = written {
        eprintln!("fake_http: {} {}: {error}", asked.method, asked.path);
    }
}

/// What has nothing to do with MCP.
fn plain(asked: &Asked, out: Out) -> io::Result<()> {
    match asked.path.as_str() {
        "/big" => out.body(200, "text/plain", &vec![b'x'; asked.number("bytes")]),
        "/status" => out.json(u16::try_from(asked.number("code")).unwrap_or(500), &json!({}).to_string()),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(asked.number("ms") as u64));
            out.json(200, &json!({"slow": true}).to_string())
        }
        _ => out.json(200, &asked.echo().to_string()),
    }
}

impl Asked {
    fn read(request: &mut Request) -> Option<Asked> {
        let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
        let headers = request.headers().iter();
        let mut asked = Asked {
            method: request.method().to_string(),
            path: path.to_string(),
            query: query.to_string(),
            headers: headers.map(|it| (it.field.to_string().to_lowercase(), it.value.to_string())).collect(),
            body: Vec::new(),
        };
        request.as_reader().read_to_end(&mut asked.body).ok()?;
        Some(asked)
    }

    /// The first header of that name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The body as one line.
    pub(crate) fn line(&self) -> String {
        String::from_utf8_lossy(&self.body).replace(['\r', '\n'], " ")
    }

    pub(crate) fn parameter(&self, key: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn number(&self, key: &str) -> usize {
        self.parameter(key).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    fn echo(&self) -> serde_json::Value {
        json!({
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": String::from_utf8_lossy(&self.body),
        })
    }
}
