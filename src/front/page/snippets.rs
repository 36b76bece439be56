//! What to paste into a client so that it uses a server. Pure.

use crate::auth::oauth::is_loopback;
use serde_json::Value;

/// What goes where in one client.
pub(super) struct Snippet {
    pub client: &'static str,
    /// The file, or where to type it.
    pub place: &'static str,
    pub text: String,
}

/// For this server at this URL; with a place for the token where one is asked for.
pub(super) fn of(name: &str, url: &str, with_token: bool) -> [Snippet; 5] {
    let (name, quoted) = (Value::from(name), Value::from(url));
    let plain = name.as_str().unwrap_or_default();
    let headers = match with_token {
        true => ",\n      \"headers\": { \"Authorization\": \"Bearer TOKEN\" }",
        false => "",
    };
    let listed = |top: &str, entry: String| {
        format!("{{\n  \"{top}\": {{\n    {name}: {{\n      {entry}\n    }}\n  }}\n}}")
    };
    let option = if with_token { " --header \"Authorization: Bearer TOKEN\"" } else { "" };
    let snippet = |client, place, text| Snippet { client, place, text };
    [
        snippet(
            "Claude Code",
            "in a terminal",
            format!("claude mcp add --transport http {plain} {url}{option}"),
        ),
        snippet(
            "Claude Desktop",
            "claude_desktop_config.json",
            listed("mcpServers", remote(url, with_token)),
        ),
        snippet("Cursor", ".cursor/mcp.json", listed("mcpServers", format!("\"url\": {quoted}{headers}"))),
        snippet(
            "VS Code",
            ".vscode/mcp.json",
            listed("servers", format!("\"type\": \"http\",\n      \"url\": {quoted}{headers}")),
        ),
        snippet(
            "Gemini",
            "~/.gemini/settings.json",
            listed("mcpServers", format!("\"httpUrl\": {quoted}{headers}")),
        ),
    ]
}

/// Claude Desktop starts programs only; this one speaks to us. A space in an argument does not survive on Windows.
fn remote(url: &str, with_token: bool) -> String {
    let mut arguments = vec!["-y", "mcp-remote", url];
    if url.starts_with("http://") && !is_loopback(url) {
        arguments.push("--allow-http");
    }
    let environment = match with_token {
        true => ",\n      \"env\": { \"AUTHORIZATION\": \"Bearer TOKEN\" }",
        false => "",
    };
    if with_token {
        arguments.extend(["--header", "Authorization:${AUTHORIZATION}"]);
    }
    let arguments: Vec<String> = arguments.into_iter().map(|it| Value::from(it).to_string()).collect();
    format!("\"command\": \"npx\",\n      \"args\": [{}]{environment}", arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_can_be_read() {
        for (url, with_token) in [("http://127.0.0.1:3000/a", false), ("http://nas:3000/a", true)] {
            let [code, rest @ ..] = of("a", url, with_token);
            assert!(
                code.text.starts_with(&format!("claude mcp add --transport http a {url}")),
                "{}",
                code.text
            );
            for snippet in rest {
                let value: Value = serde_json::from_str(&snippet.text).expect(&snippet.text);
                let entry = value.as_object().unwrap().values().next().unwrap()["a"].to_string();
                assert!(entry.contains(url), "{entry}");
                assert_eq!(entry.contains("Bearer TOKEN"), with_token, "{entry}");
            }
        }
    }

    #[test]
    fn a_bridge_is_told_that_the_way_is_plain() {
        let desktop = |url: &str| of("a", url, false)[1].text.contains("--allow-http");
        assert!(desktop("http://nas:3000/a"));
        assert!(!desktop("http://127.0.0.1:3000/a") && !desktop("https://home.example/a"));
    }
}
