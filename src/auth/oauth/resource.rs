//! What a token is for (RFC 8707): one server, or all of them. Pure.

use ::http::Uri;
use serde::{Deserialize, Serialize};

/// The servers a client may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Every server of this proxy.
    All,
    /// The server of this name.
    Server(String),
}

impl Resource {
    /// What a `resource` parameter means: the URL under which clients reach the proxy ([`base`]) or a server, `/NAME`,
    /// `/NAME/`, `/NAME/mcp` or `/NAME/sse`. None if it is something else's.
    pub fn read(url: &str, base: &str) -> Option<Resource> {
        if url.contains(['#', '?']) {
            return None;
        }
        let rest = normal(url)?.strip_prefix(base)?.to_string();
        match rest.strip_prefix('/') {
            None if rest.is_empty() => Some(Resource::All),
            Some("") => Some(Resource::All),
            Some(path) => {
                let (name, below) = path.split_once('/').unwrap_or((path, ""));
                (is_name(name) && matches!(below, "" | "mcp" | "sse"))
                    .then(|| Resource::Server(name.to_string()))
            }
            None => None,
        }
    }

    /// Whether a token for this one opens the other, too.
    pub fn covers(&self, other: &Resource) -> bool {
        *self == Resource::All || self == other
    }
}

/// Only what names of servers are made of: the rest has a meaning elsewhere, `*` in patterns.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(plain)
}

/// The form of `public_url` that everything is compared with: scheme and host in lower case, no usual port, no slash at
/// the end.
pub fn base(public_url: &str) -> Option<String> {
    Some(normal(public_url)?.trim_end_matches('/').to_string())
}

fn normal(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
    let port = authority.port_u16().filter(|port| (scheme.as_str(), *port) != ("https", 443));
    let port = port.filter(|port| (scheme.as_str(), *port) != ("http", 80));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    (!authority.as_str().contains('@'))
        .then(|| format!("{scheme}://{}{port}{}", authority.host().to_ascii_lowercase(), uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(url: &str) -> Option<Resource> {
        Resource::read(url, &base("https://Home.example:443/mcp/").unwrap())
    }

    #[test]
    fn a_server_is_known_by_each_of_its_addresses() {
        let notes = Some(Resource::Server("notes".to_string()));
        for url in [
            "https://home.example/mcp/notes",
            "https://home.example/mcp/notes/",
            "https://home.example/mcp/notes/mcp",
            "https://home.example/mcp/notes/sse",
            "HTTPS://HOME.example:443/mcp/notes",
        ] {
            assert_eq!(read(url), notes, "{url}");
        }
        assert_eq!(read("https://home.example/mcp"), Some(Resource::All));
        assert_eq!(read("https://home.example/mcp/"), Some(Resource::All));
    }

    #[test]
    fn what_is_not_ours_is_none() {
        for url in [
            "",
            "notes",
            "/mcp/notes",
            "http://home.example/mcp/notes",
            "https://home.example/other",
            "https://home.example/mcpnotes",
            "https://home.example:444/mcp/notes",
            "https://home.example.evil.example/mcp/notes",
            "https://x@home.example/mcp/notes",
            "https://home.example/mcp//",
            "https://home.example/mcp/notes/other",
            "https://home.example/mcp/notes?x=1",
            "https://home.example/mcp/notes#x",
            "https://home.example/mcp/*",
            "https://home.example/mcp/n*",
            "https://home.example/mcp/no%74es",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn one_server_does_not_open_another() {
        let [notes, mail] = ["notes", "mail"].map(|name| Resource::Server(name.to_string()));
        assert!(notes.covers(&notes) && Resource::All.covers(&mail) && Resource::All.covers(&Resource::All));
        assert!(!notes.covers(&mail) && !notes.covers(&Resource::All));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(url in "(https://home\\.example/mcp)?\\PC*") {
            let _ = base(&url);
            if let Some(Resource::Server(name)) = read(&url) {
                prop_assert!(is_name(&name), "{}", name);
            }
        }
    }
}
