//! Who may talk to us from a browser: Host and Origin, checked on every request against DNS rebinding
//! (MCP 2025-11-25, basic, transports, Security Warning).

use ::http::{HeaderMap, Uri, header};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The names this proxy answers to.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
}

impl Guard {
    /// Beside the loopback names and any address (rebinding needs a name): the machine's own name with and without
    /// `.local`, the host of `public_url`, and what is configured.
    pub fn new(machine: &str, public_url: &str, hosts: &[String], origins: &[String]) -> Guard {
        let mut names = BTreeSet::from(["localhost".to_string()]);
        let machine = machine.to_ascii_lowercase();
        let short = machine.strip_suffix(".local").unwrap_or(&machine);
        if !short.is_empty() {
            names.extend([short.to_string(), format!("{short}.local")]);
        }
        names.extend(public_url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_ascii_lowercase)));
        names.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        let origins =
            origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        Guard { hosts: names, origins }
    }

    /// # Errors
    /// What is wrong with the request, for a 403.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
        if let Some(host) = text(header::HOST).filter(|host| !self.allows_host(host)) {
            return Err(format!(
                "Host {host:?} is not a name of this proxy; add it to allowed_hosts in proxy.toml"
            ));
        }
        match text(header::ORIGIN) {
            Some(origin) if !self.allows_origin(origin) => {
                Err(format!("Origin {origin:?} is not allowed; add it to allowed_origins in proxy.toml"))
            }
            _ => Ok(()),
        }
    }

    /// `name`, `name:port`, `1.2.3.4`, `[::1]:port`.
    fn allows_host(&self, host: &str) -> bool {
        if let Some(rest) = host.strip_prefix('[') {
            let (address, port) = rest.split_once(']').unwrap_or((rest, "x"));
            return address.parse::<Ipv6Addr>().is_ok() && is_port(port);
        }
        let (name, port) = match host.find(':') {
            Some(at) => host.split_at(at),
            None => (host, ""),
        };
        is_port(port) && (name.parse::<Ipv4Addr>().is_ok() || self.hosts.contains(&name.to_ascii_lowercase()))
    }

    fn allows_origin(&self, origin: &str) -> bool {
        let lower = origin.to_ascii_lowercase();
        let host = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
        self.origins.contains(&lower) || host.is_some_and(|host| self.allows_host(host))
    }
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::HeaderValue;

    fn status(name: header::HeaderName, value: &str) -> bool {
        let guard =
            Guard::new("Pi.local", "https://home.example/mcp", &["nas".into()], &["app://obsidian".into()]);
        guard.check(&HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])).is_ok()
    }

    #[test]
    fn only_our_own_names_and_addresses_are_hosts() {
        for good in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:3000",
            "[::1]:3000",
            "[::1]",
            "192.168.1.5",
            "pi",
            "pi.local:80",
            "home.example",
            "NAS:1",
        ] {
            assert!(status(header::HOST, good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "localhost:x",
            "[::1",
            "[::1]x",
            "127.0.0.1.nip.io",
            "",
            "127.0.0.1:99999",
            "localhost:",
        ] {
            assert!(!status(header::HOST, bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_a_host_of_ours_or_a_configured_one() {
        for good in ["http://localhost:6274", "https://home.example", "http://[::1]:5", "app://obsidian"] {
            assert!(status(header::ORIGIN, good), "{good}");
        }
        for bad in ["null", "http://evil.example", "https://localhost.evil.example", "file://", "app://other"]
        {
            assert!(!status(header::ORIGIN, bad), "{bad}");
        }
    }
}
