//! What is sent: `tools/call echo`, in a session (2025-06-18) or standing for itself (2026-07-28).

use crate::load::{is_whole, read_some};
use crate::proxy::Proxy;
use std::error::Error;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

const LEGACY: &str = "2025-06-18";
const MODERN: &str = "2026-07-28";

/// All that the calls at one proxy have in common.
pub(crate) struct Call {
    head: String,
    tool: String,
    /// What follows the arguments.
    claim: String,
}

impl Call {
    /// Begins the sessions that the connections share, the servers in turn; one call for each of them.
    pub(crate) fn in_sessions(proxy: &Proxy) -> Result<Vec<Call>, Box<dyn Error>> {
        let mut stream = TcpStream::connect(&proxy.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let paths = proxy.paths.iter().cycle().take(proxy.sessions);
        paths
            .map(|path| {
                let head = handshake(&mut stream, &head(&proxy.address, path))
                    .map_err(|error| format!("{}{path} does not initialize: {error}", proxy.address))?;
                Ok(Call { head, tool: proxy.tool.clone(), claim: String::new() })
            })
            .collect()
    }

    /// A call that stands for itself.
    pub(crate) fn modern(proxy: &Proxy) -> Call {
        let (head, tool) = (head(&proxy.address, &proxy.paths[0]), proxy.tool.clone());
        let prefix = "io.modelcontextprotocol";
        Call {
            head: format!(
                "{head}MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
            ),
            claim: format!(
                r#","_meta":{{"{prefix}/protocolVersion":"{MODERN}","{prefix}/clientCapabilities":{{}}}}"#
            ),
            tool,
        }
    }

    /// One request; `id` and `text` need no escapes.
    pub(crate) fn request(&self, id: &str, text: &str) -> String {
        let Call { head, tool, claim } = self;
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{text}"}}{claim}}}}}"#
        );
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

fn head(address: &str, path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n"
    )
}

/// Begins a session; returns the head with what later requests must carry.
fn handshake(stream: &mut TcpStream, head: &str) -> Result<String, Box<dyn Error>> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{}},"clientInfo":{{"name":"bench","version":"1"}}}}}}"#
    );
    let answer = post(stream, head, &body)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(answer.into());
    }
    let session = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("mcp-session-id").then(|| value.trim().to_string())
    });
    let mut head = format!("{head}MCP-Protocol-Version: {LEGACY}\r\n");
    if let Some(session) = session {
        head += &format!("Mcp-Session-Id: {session}\r\n");
    }
    post(stream, &head, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
    Ok(head)
}

fn post(stream: &mut TcpStream, head: &str, body: &str) -> io::Result<String> {
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        read_some(stream, &mut answer)?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
