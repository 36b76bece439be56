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
    /// Begins the session that all connections share, if the era has sessions.
    pub(crate) fn begin(proxy: &Proxy, modern: bool) -> Result<Call, Box<dyn Error>> {
        let (address, path) = (&proxy.address, &proxy.path);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n"
        );
        let tool = proxy.tool.clone();
        if !modern {
            return Ok(Call { head: handshake(address, &head)?, tool, claim: String::new() });
        }
        let prefix = "io.modelcontextprotocol";
        Ok(Call {
            head: format!(
                "{head}MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
            ),
            claim: format!(
                r#","_meta":{{"{prefix}/protocolVersion":"{MODERN}","{prefix}/clientCapabilities":{{}}}}"#
            ),
            tool,
        })
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

/// Begins a session; returns the head with what later requests must carry.
fn handshake(address: &str, head: &str) -> Result<String, Box<dyn Error>> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{}},"clientInfo":{{"name":"bench","version":"1"}}}}}}"#
    );
    let answer = post(address, head, &body)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(format!("{address} does not initialize: {answer}").into());
    }
    let session = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("mcp-session-id").then(|| value.trim().to_string())
    });
    let mut head = format!("{head}MCP-Protocol-Version: {LEGACY}\r\n");
    if let Some(session) = session {
        head += &format!("Mcp-Session-Id: {session}\r\n");
    }
    post(address, &head, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
    Ok(head)
}

fn post(address: &str, head: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        read_some(&mut stream, &mut answer)?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
