//! An HTTP MCP server for tests, at `/mcp`; every other path answers with what it was asked, so that a test sees
//! what a proxy made of it.
//!
//! Environment: `HOST`, `PORT` (0: any, the address is printed on stderr), `FAKE_START_DELAY_MS`,
//! `FAKE_NO_SESSIONS=1`, `FAKE_KEEP_ALIVE=1`. Connections are closed after each answer unless told otherwise:
//! tiny_http can leave one of several connections opened together unserved until another one closes.

mod mcp;
mod out;

use out::Out;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tiny_http::{Request, Server};

/// A request with its body read, as the handlers want it.
pub(crate) struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn main() {
    std::thread::sleep(Duration::from_millis(variable("FAKE_START_DELAY_MS").parse().unwrap_or(0)));
    let host = Some(variable("HOST")).filter(|host| !host.is_empty()).unwrap_or("127.0.0.1".to_string());
    let port = variable("PORT").parse().unwrap_or(0);
    let server = match Server::http((host.as_str(), port)) {
        Ok(server) => server,
        Err(error) => return eprintln!("fake_http: {host}:{port}: {error}"),
    };
    eprintln!("fake_http on {}", server.server_addr());
    let mcp = Arc::new(mcp::Mcp::default());
    for request in server.incoming_requests() {
        let mcp = mcp.clone();
        std::thread::spawn(move || serve(&mcp, request));
    }
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn serve(mcp: &mcp::Mcp, mut request: Request) {
    let Some(asked) = Asked::read(&mut request) else { return };
    // The raw writer, because the usual answer keeps an event stream back until it has 8 KiB of it.
    let out = Out::new(request.into_writer());
    let written = match asked.path.as_str() {
        "/mcp" => mcp.serve(&asked, out),
        "/big" => out.body(200, "text/plain", &vec![b'x'; asked.number("bytes")]),
        "/status" => out.json(u16::try_from(asked.number("code")).unwrap_or(500), &json!({})),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(asked.number("ms") as u64));
            out.json(200, &json!({"slow": true}))
        }
        _ => out.json(200, &asked.echo()),
    };
    if let Err(error) = written {
        eprintln!("fake_http: {} {}: {error}", asked.method, asked.path);
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

    fn number(&self, key: &str) -> usize {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
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
