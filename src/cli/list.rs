//! `mcp-proxy list`: the servers of the running proxy.

use super::control::Control;
use crate::log::printable;

/// A table for people, or what `/servers` says.
pub(super) fn list(control: &Control, json: bool) -> Result<String, String> {
    let (_, body) = control.get("/servers")?;
    if json {
        return serde_json::to_string_pretty(&body)
            .map(|text| text + "\n")
            .map_err(|error| error.to_string());
    }
    let Some(servers) = body["servers"].as_array() else {
        return Err("the proxy gave no list of servers; is it of another version?".into());
    };
    let mut text = row(["NAME", "KIND", "STATE", "HEALTH", "RESTARTS", "URL"]);
    for server in servers {
        let field = |name: &str| server[name].as_str().unwrap_or("-");
        let restarts = server["restarts"].as_u64().unwrap_or(0).to_string();
        text +=
            &row([field("name"), field("kind"), field("state"), field("health"), &restarts, field("url")]);
        if let Some(reason) = server["reason"].as_str() {
            text += &format!(
                "  {reason}: {}\n",
                printable(server["last_error"].as_str().unwrap_or("no error was seen"))
            );
        }
    }
    for out in body["left_out"].as_array().into_iter().flatten() {
        let field = |name: &str| out[name].as_str().unwrap_or("-");
        let words = format!("left out: {} ({}): {}", field("name"), field("place"), field("reason"));
        text += &(printable(&words) + "\n");
    }
    Ok(text)
}

fn row([name, kind, state, health, restarts, url]: [&str; 6]) -> String {
    format!("{name:20}  {kind:6}  {state:9}  {health:9}  {restarts:>8}  {url}\n")
}
