//! Who may talk to us from a browser: Host and Origin, checked on every request against DNS rebinding
//! (MCP 2025-11-25, basic, transports, Security Warning).

use super::peer::FORWARDED_HOST;
use ::http::{HeaderMap, Uri, header};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
        // The port does not count, so it may be there or not.
        names.extend(hosts.iter().filter_map(|host| Some(place(host)?.0)));
        let origins =
            origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        Guard { hosts: names, origins }
    }

    /// # Errors
    /// What is wrong with the request, for a 403.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        let host = headers.get(header::HOST).map(|value| value.to_str().unwrap_or("\u{fffd}"));
        let mut hosts = host.into_iter().chain(forwarded_hosts(headers).filter(|asked| Some(*asked) != host));
        if let Some(host) = hosts.find(|host| !self.allows_host(host)) {
            return Err(format!(
                "Host {host:?} is not a name of this proxy; add it to allowed_hosts in proxy.toml"
            ));
        }
        let mut origins =
            headers.get_all(header::ORIGIN).iter().map(|value| value.to_str().unwrap_or("\u{fffd}"));
        let asked = || forwarded_hosts(headers).next().or(host);
        match origins.find(|origin| !self.allows_origin(origin, asked())) {
            Some(origin) => {
                Err(format!("Origin {origin:?} is not allowed; add it to allowed_origins in proxy.toml"))
            }
            None => Ok(()),
        }
    }

    fn allows_host(&self, host: &str) -> bool {
        place(host).is_some_and(|(name, address)| address.is_some() || self.hosts.contains(&name))
    }

    /// A page is trusted like the host it came from, and a stranger may serve one from an address as well. So an
    /// address must be of this machine, or the very one this request went to.
    fn allows_origin(&self, origin: &str, own: Option<&str>) -> bool {
        let lower = origin.to_ascii_lowercase();
        if self.origins.contains(&lower) {
            return true;
        }
        let Some(host) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) else {
            return false;
        };
        let is_ours = |(name, address): (String, Option<IpAddr>)| {
            self.hosts.contains(&name) || address.is_some_and(|address| address.is_loopback())
        };
        own.is_some_and(|own| own.eq_ignore_ascii_case(host)) || place(host).is_some_and(is_ours)
    }
}

/// What reverse proxies say was asked, the client's own word first.
fn forwarded_hosts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let fields = headers.get_all(FORWARDED_HOST).iter();
    fields.flat_map(|field| field.to_str().unwrap_or("\u{fffd}").split(',').map(str::trim))
}

/// Takes `name`, `name:port`, `1.2.3.4` or `[::1]:port` apart: the name in lower case, and the address if it is one.
fn place(authority: &str) -> Option<(String, Option<IpAddr>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let address = inner.parse::<Ipv6Addr>().ok()?;
        return is_port(port).then(|| (format!("[{}]", inner.to_ascii_lowercase()), Some(address.into())));
    }
    let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let address = name.parse::<Ipv4Addr>().ok().map(IpAddr::from);
    is_port(port).then(|| (name.to_ascii_lowercase(), address))
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::HeaderValue;

    fn status(name: header::HeaderName, value: &str) -> bool {
        let guard = Guard::new(
            "Pi.local",
            "https://home.example/mcp",
            &["nas".into(), "Box:8080".into()],
            &["app://obsidian".into()],
        );
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
            "box",
            "box:3000",
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
    fn what_was_asked_before_a_reverse_proxy_is_a_host_too() {
        let check = |host: &'static str, forwarded: &'static str, origin: &'static str| {
            let fields = [(header::HOST, host), (FORWARDED_HOST, forwarded), (header::ORIGIN, origin)];
            let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
            Guard::new("", "", &["home.example".into()], &[]).check(&HeaderMap::from_iter(fields)).is_ok()
        };
        let page = "https://home.example";
        assert!(check("127.0.0.1:3000", "home.example", page));
        assert!(check("127.0.0.1:3000", "192.168.1.5", "https://192.168.1.5"));
        assert!(!check("127.0.0.1:3000", "evil.example", page));
        assert!(!check("127.0.0.1:3000", "localhost, evil.example", page));
        assert!(!check("evil.example", "localhost", page));
    }

    #[test]
    fn an_origin_is_a_host_of_ours_or_a_configured_one() {
        for good in [
            "http://localhost:6274",
            "https://home.example",
            "http://NAS:5",
            "http://127.8.0.1:5",
            "http://[::1]:5",
            "app://obsidian",
        ] {
            assert!(status(header::ORIGIN, good), "{good}");
        }
        for bad in [
            "null",
            "http://evil.example",
            "https://localhost.evil.example",
            "file://",
            "app://other",
            "http://203.0.113.5",
            "http://203.0.113.5:3000",
            "http://0.0.0.0:3000",
            "http://[2001:db8::1]",
            "http://127.0.0.1@203.0.113.5",
        ] {
            assert!(!status(header::ORIGIN, bad), "{bad}");
        }
    }

    #[test]
    fn a_page_of_the_address_that_is_asked_may_ask() {
        let check = |host, origin| {
            let headers = [(header::HOST, host), (header::ORIGIN, origin)];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            Guard::new("", "", &[], &[]).check(&HeaderMap::from_iter(headers)).is_ok()
        };
        assert!(check("192.168.1.5:3000", "http://192.168.1.5:3000"));
        assert!(check("[FD00::5]:3000", "https://[fd00::5]:3000"));
        assert!(!check("192.168.1.5:3000", "http://192.168.1.5:8080"));
        assert!(!check("192.168.1.5:3000", "http://192.168.1.5"));
        assert!(!check("evil.example", "http://evil.example"));
    }
}
