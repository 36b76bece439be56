//! The environment of a child: a short allow-list of ours, then its own `.env`, then its configuration, then what
//! we assign. Nothing of another server and nothing else of the proxy's.

use crate::config::spec::{ChildSpec, Transport};
use std::collections::BTreeMap;

/// What any program may need to run: where things are, who the user is, how to reach the network.
const ALLOWED: [&str; 21] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "LD_LIBRARY_PATH",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
];
const ALLOWED_PREFIXES: [&str; 3] = ["LC_", "XDG_", "SSL_CERT_"];

/// Quiet and unbuffered, unless the server is configured otherwise.
const MANNERS: [(&str, &str); 4] = [
    ("NO_COLOR", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("NODE_NO_WARNINGS", "1"),
    ("FASTMCP_SHOW_CLI_BANNER", "false"),
];

/// Builds the whole environment. `inherited` is the proxy's own; `dotenv` the pairs of the folder's `.env`.
pub(super) fn build(
    inherited: impl Iterator<Item = (String, String)>,
    dotenv: Vec<(String, String)>,
    child: &ChildSpec,
    port: Option<u16>,
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        MANNERS.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    all.extend(inherited.filter(|(name, _)| is_allowed(name) || child.pass_env.contains(name)));
    all.extend(dotenv);
    all.extend(child.env.clone());
    if let (Some(Transport::Http), Some(port)) = (child.transport, port) {
        for prefix in ["", "MCP_", "FASTMCP_"] {
            all.insert(format!("{prefix}PORT"), port.to_string());
            all.insert(format!("{prefix}HOST"), "127.0.0.1".into());
        }
    }
    all
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name) || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(transport: Transport) -> ChildSpec {
        ChildSpec {
            transport: Some(transport),
            ways: vec![],
            cwd: "/".into(),
            env: BTreeMap::from([("B".into(), "config".into()), ("NO_COLOR".into(), "0".into())]),
            env_file: None,
            env_digest: 0,
            pass_env: vec!["MINE".into()],
            port: None,
            path: None,
            required: vec![],
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn nothing_is_inherited_that_is_not_named() {
        let ours = pairs(&[
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("MINE", "1"),
            ("GITHUB_TOKEN", "s"),
            ("MCP_PROXY_X", "s"),
        ]);
        let env = build(
            ours.into_iter(),
            pairs(&[("A", "dotenv"), ("B", "dotenv")]),
            &child(Transport::Stdio),
            Some(1),
        );
        let names: Vec<&str> = env.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "A",
                "B",
                "FASTMCP_SHOW_CLI_BANNER",
                "LC_ALL",
                "MINE",
                "NODE_NO_WARNINGS",
                "NO_COLOR",
                "PATH",
                "PYTHONUNBUFFERED"
            ]
        );
        assert_eq!((env["B"].as_str(), env["NO_COLOR"].as_str()), ("config", "0"));
    }

    #[test]
    fn an_http_server_is_told_its_port() {
        let env = build(std::iter::empty(), vec![], &child(Transport::Http), Some(3007));
        assert_eq!((env["PORT"].as_str(), env["MCP_HOST"].as_str()), ("3007", "127.0.0.1"));
    }
}
