//! `mcp-proxy list`: the servers of the running proxy.

use super::control::Control;

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
    let mut text =
        format!("{:20}  {:6}  {:9}  {:9}  {:>8}  {}\n", "NAME", "KIND", "STATE", "HEALTH", "RESTARTS", "URL");
    for server in servers {
        let field = |name: &str| server[name].as_str().unwrap_or("-").to_string();
        let restarts = server["restarts"].as_u64().unwrap_or(0);
        let row = [field("name"), field("kind"), field("state"), field("health"), field("url")];
        text +=
            &format!("{:20}  {:6}  {:9}  {:9}  {restarts:>8}  {}\n", row[0], row[1], row[2], row[3], row[4]);
    }
    Ok(text)
}
