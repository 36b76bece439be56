//! `mcp-proxy list`: the servers of the running proxy.

use super::control::Control;
use super::form::{Form, Paint};
use crate::log::printable;
use serde_json::Value;

/// A table for people, or what `/servers` says.
pub(super) fn list(control: &Control, form: Form) -> Result<String, String> {
    let (_, body) = control.get("/servers")?;
    let paint = match form {
        Form::Json => return Ok(format!("{body:#}\n")),
        Form::Text(paint) => paint,
    };
    let Some(servers) = body["servers"].as_array() else {
        return Err("the proxy gave no list of servers; is it of another version?".into());
    };
    let mut text = row(["NAME", "KIND", "STATE", "HEALTH", "RESTARTS", "URL"]);
    for server in servers {
        let field = |name: &str| server[name].as_str().unwrap_or("-");
        let restarts = server["restarts"].as_u64().unwrap_or(0).to_string();
        let words = [field("name"), field("kind"), field("state"), field("health"), &restarts, field("url")];
        text += &coloured(&row(words), server, paint);
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

/// Green what serves, red what is ill; what rests or begins stays as it is.
fn coloured(row: &str, server: &Value, paint: Paint) -> String {
    let row = row.trim_end();
    let row = match (server["state"].as_str(), server["health"].as_str()) {
        (_, Some("unhealthy")) => paint.bad(row),
        (_, Some("degraded")) => paint.odd(row),
        (Some("ready"), _) => paint.good(row),
        (Some("stopped"), _) if !matches!(server["reason"].as_str(), Some("asleep" | "requested")) => {
            paint.bad(row)
        }
        _ => row.to_string(),
    };
    row + "\n"
}
