//! Who stands at the other end: a client, or a reverse proxy that is trusted to say for whom it asks.
//!
//! `X-Forwarded-*` comes as whatever somebody has written. At the door it is put right, once: from there on it says
//! what is so, to us and to the servers that we start.

use crate::config::Nets;
use crate::http::{Exchange, Seldom};
use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

/// The client's address; one, and no port.
pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The hosts that it has asked, its own word first; each of them is checked like `Host`.
pub(super) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `http` or `https`, as the client speaks it.
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// What was before the path when the client sent it, and has been taken off.
pub(super) const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Others that say the same. Nobody we know needs them, and what a reverse proxy does not know it passes on unseen.
const SYNONYMS: [&str; 2] = ["forwarded", "x-real-ip"];

/// Longest prefix that is taken down.
const MAX_PREFIX_BYTES: usize = 256;

/// From which address a request comes: the client's, or that of the nearest reverse proxy we know nothing better of.
pub(super) fn address(exchange: &Exchange<'_>) -> IpAddr {
    let client = &exchange.client;
    let known = exchange.request.headers().get(FORWARDED_FOR).filter(|known| *known != client.addr_field());
    known.and_then(text).and_then(entry).unwrap_or_else(|| client.ip())
}

/// The reverse proxies that are believed.
#[derive(Debug)]
pub struct Peers {
    trusted: Nets,
    /// Somebody else has spoken as if it were one.
    strange: Mutex<Seldom>,
}

impl Peers {
    /// Nobody but these is believed.
    pub fn new(trusted: Nets) -> Peers {
        Peers { trusted, strange: Mutex::default() }
    }

    /// Puts `X-Forwarded-*` right; `field` is the peer's address as such a field holds it, `scheme` what it speaks.
    pub(super) fn settle(
        &self,
        headers: &mut HeaderMap,
        peer: IpAddr,
        field: &HeaderValue,
        scheme: &'static str,
    ) {
        let is_trusted = self.trusted.contain(peer);
        if !is_trusted && headers.contains_key(FORWARDED_FOR) {
            self.tell(peer);
        }
        let known = if is_trusted { said(headers, peer, &self.trusted) } else { HeaderMap::new() };
        forget(headers);
        headers.extend(known);
        headers.entry(FORWARDED_FOR).or_insert_with(|| field.clone());
        if let Some(host) = headers.get(header::HOST).cloned() {
            headers.entry(FORWARDED_HOST).or_insert(host);
        }
        headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static(scheme));
    }

    fn tell(&self, peer: IpAddr) {
        if self.strange.lock().unwrap_or_else(PoisonError::into_inner).is_due() {
            log::info!(event = "not-trusted"; "X-Forwarded-For from {peer} is not believed; if a reverse proxy of yours is there, add the address to trusted_proxies");
        }
    }
}

fn forget(headers: &mut HeaderMap) {
    let of_kind =
        |name: &&HeaderName| name.as_str().starts_with("x-forwarded-") || SYNONYMS.contains(&name.as_str());
    let names: Vec<HeaderName> = headers.keys().filter(of_kind).cloned().collect();
    names.iter().for_each(|name| drop(headers.remove(name)));
}

/// What a trusted peer says.
fn said(headers: &HeaderMap, peer: IpAddr, trusted: &Nets) -> HeaderMap {
    let mut known = HeaderMap::new();
    let hops = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = hops.flat_map(|field| text(field).unwrap_or_default().rsplit(','));
    known.insert(FORWARDED_FOR, value_of(client(hops, peer, trusted)));
    for host in headers.get_all(FORWARDED_HOST) {
        known.append(FORWARDED_HOST, host.clone());
    }
    let proto = headers.get(FORWARDED_PROTO).and_then(text).and_then(|list| list.split(',').next());
    let proto = ["http", "https"].into_iter().find(|known| proto.is_some_and(|proto| proto.trim() == *known));
    known.extend(proto.map(|proto| (FORWARDED_PROTO, HeaderValue::from_static(proto))));
    let prefix = headers.get(FORWARDED_PREFIX).and_then(text).and_then(prefix);
    known.extend(prefix.map(|prefix| (FORWARDED_PREFIX, prefix)));
    known
}

/// Whom the trusted ones have met: the last address that is none of theirs (`hops` run from the last to the first).
/// Before it stands what that one has said of itself; and before something that is no address, nothing at all.
fn client<'h>(hops: impl Iterator<Item = &'h str>, peer: IpAddr, trusted: &Nets) -> IpAddr {
    let mut client = peer.to_canonical();
    for hop in hops {
        if !trusted.contain(client) {
            break;
        }
        let Some(address) = entry(hop) else { break };
        client = address;
    }
    client
}

/// `1.2.3.4`, `2001:db8::1`, `[2001:db8::1]`, each with or without a port, as the one or other proxy writes it.
fn entry(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = inner.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// A prefix that can stand before a path of ours.
fn prefix(text: &str) -> Option<HeaderValue> {
    let prefix = text.trim().trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    let segments = prefix.strip_prefix('/').map(|path| path.split('/'));
    let is_path = prefix.chars().all(is_plain)
        && segments.is_some_and(|mut all| all.all(|segment| !["", ".", ".."].contains(&segment)));
    HeaderValue::from_str(prefix).ok().filter(|_| is_path && prefix.len() <= MAX_PREFIX_BYTES)
}

fn text(field: &HeaderValue) -> Option<&str> {
    field.to_str().ok()
}

fn value_of(address: IpAddr) -> HeaderValue {
    // An address has only letters that a field may have.
    HeaderValue::try_from(address.to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRUSTED: [&str; 2] = ["127.0.0.1", "10.0.0.0/8"];

    fn settled(peer: &str, fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        let trusted = Nets::try_from(TRUSTED.map(String::from).to_vec()).unwrap();
        let peer: IpAddr = peer.parse().unwrap();
        Peers::new(trusted).settle(&mut headers, peer, &value_of(peer.to_canonical()), "http");
        headers
    }

    fn client_of(peer: &str, list: &str) -> String {
        let headers = settled(peer, &[("x-forwarded-for", list)]);
        headers[FORWARDED_FOR].to_str().unwrap().to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_not_trusted() {
        for (peer, list, client) in [
            ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
            ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
            ("127.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("127.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
            ("127.0.0.1", "[2001:DB8::1]:4711", "2001:db8::1"),
            ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
            ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("::ffff:127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
            // All are ours: the farthest has asked for itself.
            ("127.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // What is no address ends what can be known.
            ("127.0.0.1", "203.0.113.7, unknown", "127.0.0.1"),
            ("127.0.0.1", "203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("127.0.0.1", "", "127.0.0.1"),
            // A stranger is heard with its own address only.
            ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
            ("127.0.0.2", "203.0.113.7", "127.0.0.2"),
            ("::ffff:203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ] {
            assert_eq!(client_of(peer, list), client, "{peer} says {list:?}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let fields = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7, 10.0.0.2")];
        assert_eq!(settled("127.0.0.1", &fields)[FORWARDED_FOR], "203.0.113.7");
    }

    #[test]
    fn only_a_trusted_peer_says_what_was_asked() {
        let fields = [
            ("host", "127.0.0.1:3000"),
            ("x-forwarded-host", "home.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/mcp/"),
            ("x-forwarded-port", "443"),
            ("x-real-ip", "203.0.113.7"),
            ("forwarded", "for=203.0.113.7"),
        ];
        let told = |peer| {
            let headers = settled(peer, &fields);
            assert!(
                !["x-forwarded-port", "x-real-ip", "forwarded"].iter().any(|it| headers.contains_key(*it))
            );
            let names = [FORWARDED_HOST, FORWARDED_PROTO, FORWARDED_PREFIX];
            names.map(|name| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_string())
        };
        assert_eq!(told("10.1.2.3"), ["home.example", "https", "/mcp"]);
        assert_eq!(told("203.0.113.9"), ["127.0.0.1:3000", "http", ""]);
    }

    #[test]
    fn what_makes_no_sense_is_not_taken() {
        for wrong in
            ["mcp", "/a//b", "//evil.example", "/a/../b", "/a?b", "/a b", "/<x>", "/", "", &"/x".repeat(200)]
        {
            let headers = settled("127.0.0.1", &[("x-forwarded-prefix", wrong)]);
            assert!(!headers.contains_key(FORWARDED_PREFIX), "{wrong}");
        }
        assert_eq!(settled("127.0.0.1", &[("x-forwarded-proto", "gopher")])[FORWARDED_PROTO], "http");
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_stranger_change_its_address(bytes in proptest::collection::vec(32_u8..=255, 0..200)) {
            prop_assume!(!bytes.contains(&127));
            let mut headers = HeaderMap::from_iter([(FORWARDED_FOR, HeaderValue::from_bytes(&bytes).unwrap())]);
            let peer: IpAddr = [203, 0, 113, 9].into();
            Peers::new(Nets::default()).settle(&mut headers, peer, &value_of(peer), "http");
            prop_assert_eq!(&headers[FORWARDED_FOR], "203.0.113.9");
        }

        /// Whatever a client writes: the trusted proxy behind it appends whom it has met, and that is what counts.
        #[test]
        fn no_bytes_before_a_trusted_word_change_it(bytes in proptest::collection::vec(32_u8..127, 0..200)) {
            let list = [&bytes[..], b", 203.0.113.7"].concat();
            let list = String::from_utf8(list).unwrap();
            prop_assert_eq!(client_of("127.0.0.1", &list), "203.0.113.7");
        }

        /// What comes out is always one address, and settling it again changes nothing.
        #[test]
        fn there_is_always_one_address(list in "[0-9a-f:., \\[\\]\"a-z]{0,80}") {
            let client = client_of("127.0.0.1", &list);
            prop_assert!(client.parse::<IpAddr>().is_ok());
            prop_assert_eq!(client_of("127.0.0.1", &client), client);
        }
    }
}
