//! Where an authorization code may be sent. A code that goes elsewhere is somebody else's, so no client chooses freely
//! (RFC 9700, 4.1): it has to be on this list, and among the addresses that the client has registered. Pure.

/// Hosted clients. `*` at the end stands for one or more letters, digits, `-`, `.`, `_`, `~` and `/`.
const HOSTED: [&str; 5] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://chatgpt.com/connector/oauth/*",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://vertexaisearch.cloud.google.com/oauth-redirect",
];
/// Programs on the user's own computer (RFC 8252, 7.3).
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
/// A longer address is refused.
const MOST_BYTES: usize = 1024;

/// The addresses that are allowed: those of hosted clients, loopback ones, and what is configured.
pub struct Redirects(Vec<String>);

impl Redirects {
    /// `further` are whole addresses, or beginnings that end in `*`.
    pub fn new(further: &[String]) -> Redirects {
        Redirects(further.to_vec())
    }

    /// Whether a code may be sent there.
    pub fn admits(&self, uri: &str) -> bool {
        let listed = || HOSTED.into_iter().chain(self.0.iter().map(String::as_str));
        is_plain(uri) && (is_loopback(uri) || listed().any(|allowed| matches(allowed, uri)))
    }
}

/// Whether what is asked for is what was registered: to the letter, but for the port of a loopback address, which a
/// program gets anew each time (RFC 8252, 7.3).
pub fn is_same(registered: &str, asked: &str) -> bool {
    let without_port = |uri| loopback(uri).map(|(host, _, rest)| (host, rest));
    registered == asked || without_port(asked).is_some_and(|asked| without_port(registered) == Some(asked))
}

/// Whether the address is one of the computer that the browser runs on.
pub fn is_loopback(uri: &str) -> bool {
    loopback(uri).is_some()
}

/// What a person recognises the place by: `claude.ai`, `127.0.0.1:5000`, `cursor:`.
pub fn place(uri: &str) -> &str {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return &uri[..uri.find(':').map_or(uri.len(), |at| at + 1)];
    };
    match scheme {
        "https" | "http" => rest.split(['/', '?']).next().unwrap_or(rest),
        _ => &uri[..=scheme.len()],
    }
}

/// Visible ASCII, and nothing that programs take apart in different ways.
fn is_plain(uri: &str) -> bool {
    let odd = |byte: u8| !(0x21..=0x7e).contains(&byte) || b"\"#<>\\^`{|}".contains(&byte);
    let authority =
        uri.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(rest));
    uri.len() <= MOST_BYTES && !uri.bytes().any(odd) && !authority.contains('@')
}

fn matches(allowed: &str, uri: &str) -> bool {
    let is_path = |rest: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        !rest.is_empty()
            && rest.bytes().all(plain)
            && !rest.split('/').any(|part| part == "." || part == "..")
    };
    match allowed.strip_suffix('*') {
        Some(beginning) => uri.strip_prefix(beginning).is_some_and(is_path),
        None => uri == allowed,
    }
}

/// Host, port and the rest of a loopback address.
fn loopback(uri: &str) -> Option<(&str, &str, &str)> {
    let rest = uri.strip_prefix("http://").filter(|_| is_plain(uri))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = LOOPBACK.into_iter().find(|host| authority.starts_with(host))?;
    let port = &authority[host.len()..];
    let is_port = port
        .strip_prefix(':')
        .is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok());
    (port.is_empty() || is_port).then_some((host, port, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosted_clients_and_programs_on_the_same_computer_are_let_in() {
        let redirects = Redirects::new(&["cursor://anysphere.cursor-mcp/oauth/callback".to_string()]);
        for good in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/AbC-1_2",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "https://vertexaisearch.cloud.google.com/oauth-redirect",
            "http://127.0.0.1:33418",
            "http://127.0.0.1/callback",
            "http://[::1]:5/x?y=1",
            "http://localhost:6274/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert!(redirects.admits(good), "{good}");
        }
    }

    #[test]
    fn nobody_else_is() {
        let redirects = Redirects::new(&["https://own.example/cb/*".to_string()]);
        for bad in [
            "",
            "https://evil.example/api/mcp/auth_callback",
            "https://claude.ai.evil.example/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback?x=1",
            "https://claude.ai@evil.example/api/mcp/auth_callback",
            "http://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/",
            "https://chatgpt.com/connector/oauth/../../evil",
            "https://chatgpt.com/connector/oauth/a?next=evil",
            "https://chatgpt.com/connector/oauth/a#b",
            "https://own.example/cb/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:+80/",
            "http://127.0.0.1:/",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://localhost:80@evil.example/",
            "http://localhost\\@evil.example/",
            "http://127.0.0.1#@evil.example/",
            "https://127.0.0.1/",
            "http://127.0.0.2/",
            "javascript:alert(1)",
            "data:text/html,x",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "http://127.0.0.1/ä",
            "http://127.0.0.1/\r\nX: y",
        ] {
            assert!(!redirects.admits(bad), "{bad}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        assert!(is_same("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"));
        assert!(is_same("http://localhost/cb", "http://localhost:2/cb"));
        assert!(!is_same("http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb2"));
        assert!(!is_same("http://127.0.0.1:1/cb", "http://localhost:1/cb"));
        assert!(!is_same("https://claude.ai/a", "https://claude.ai:444/a"));
    }

    #[test]
    fn people_are_shown_where_it_goes() {
        for (uri, shown) in [
            ("https://claude.ai/api", "claude.ai"),
            ("http://127.0.0.1:5?x", "127.0.0.1:5"),
            ("cursor://a/b", "cursor:"),
            ("com.example:/cb", "com.example:"),
        ] {
            assert_eq!(place(uri), shown);
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(uri in "(https?://(127\\.0\\.0\\.1|localhost|\\[::1\\]))?[:@/?#\\\\a-z0-9.]{0,12}|\\PC*") {
            let redirects = Redirects::new(&[]);
            let _ = (place(&uri), is_same(&uri, &uri));
            if redirects.admits(&uri) {
                let host = place(&uri);
                prop_assert!(LOOPBACK.iter().any(|own| host.strip_prefix(own).is_some_and(|port| {
                    port.is_empty() || port.starts_with(':')
                })), "{}", uri);
            }
        }
    }
}
