//! Clients known by a document of their own: their id is its `https://` URL (draft-ietf-oauth-client-id-metadata-document).
//!
//! A stranger chooses that URL, so it is fetched as if by an enemy: only from public addresses, from exactly those that
//! were looked at, without following anybody elsewhere, little, briefly, and not many at once.

use super::client::{self, Client, Method};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// A longer document is refused.
const MOST_BYTES: u64 = 16 * 1024;
/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Documents that are fetched at once; more are refused.
const MOST_FETCHES: usize = 2;
/// Documents that are kept, the oldest go first.
const MOST_KEPT: usize = 16;
/// A document is fetched again after this time.
const KEPT: Duration = Duration::from_secs(300);
/// A longer URL is refused.
const MOST_URL_BYTES: usize = 1024;

/// Fetches them, and keeps a few for a while.
#[derive(Default)]
pub(super) struct Documents(Mutex<State>);

#[derive(Default)]
struct State {
    fetching: usize,
    kept: VecDeque<(String, Client, Instant)>,
}

impl Documents {
    /// The client whose document is at this URL.
    ///
    /// # Errors
    /// Why it is not known, for the person who waits.
    pub(super) fn client(&self, url: &str) -> Result<Client, String> {
        check_url(url)?;
        if let Some(client) = self.begin(url)? {
            return Ok(client);
        }
        let fetched = fetch(&agent(Public), url).and_then(|document| read(url, &document));
        let mut state = self.state();
        state.fetching -= 1;
        let client = fetched.map_err(|why| format!("The client's document {url} cannot be used: {why}."))?;
        state.kept.truncate(MOST_KEPT - 1);
        state.kept.push_front((url.to_string(), client.clone(), Instant::now()));
        Ok(client)
    }

    /// One that is kept, or the permission to fetch it.
    fn begin(&self, url: &str) -> Result<Option<Client>, String> {
        let mut state = self.state();
        state.kept.retain(|(.., since)| since.elapsed() < KEPT);
        if let Some((_, client, _)) = state.kept.iter().find(|(known, ..)| known == url) {
            return Ok(Some(client.clone()));
        }
        if state.fetching >= MOST_FETCHES {
            return Err("Too many clients are looked up at once. Try again in a moment.".to_string());
        }
        state.fetching += 1;
        Ok(None)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the draft asks of such an URL (section 3), as far as it is not seen from the document.
fn check_url(url: &str) -> Result<(), String> {
    let path = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    let is_plain = url.len() <= MOST_URL_BYTES && url.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let dots = |part: &str| part == "." || part == "..";
    let is_good = path.is_some_and(|path| !path.is_empty() && !path.split('/').any(dots));
    match is_plain && is_good && !url.contains(['#', '@', '\\']) {
        true => Ok(()),
        false => Err("The client's id is no URL of a client's document.".to_string()),
    }
}

fn agent(resolver: impl Resolver) -> Agent {
    let config = Agent::config_builder()
        .https_only(!cfg!(test))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), resolver)
}

fn fetch(agent: &Agent, url: &str) -> Result<Value, String> {
    let mut response =
        agent.get(url).header("accept", "application/json").call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("it is answered with status {}", response.status().as_u16()));
    }
    let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
    let body = body.map_err(|error| error.to_string())?;
    serde_json::from_slice(&body).map_err(|_| "it is not JSON".to_string())
}

/// What the document says. Where codes may go is checked when a client asks.
fn read(url: &str, document: &Value) -> Result<Client, String> {
    if document["client_id"] != url {
        return Err("its client_id is another".to_string());
    }
    // One that could sign (private_key_jwt) is taken like one without a secret: PKCE and its addresses protect it.
    let method = document["token_endpoint_auth_method"].as_str().unwrap_or("none");
    if method.starts_with("client_secret") || !document["client_secret"].is_null() {
        return Err("a client known by its document can have no secret".to_string());
    }
    let redirects = client::redirects(document).map_err(|fault| fault.description)?;
    Ok(Client { name: client::name(document), redirects, method: Method::None, issued: 0 })
}

/// Finds addresses of the internet only. What it finds is what is connected to: a name that means something else a
/// moment later gains nothing.
#[derive(Debug)]
struct Public;

impl Resolver for Public {
    fn resolve(
        &self,
        uri: &::http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        match found.iter().all(|address| is_public(address.ip())) {
            true => Ok(found),
            false => Err(Error::Other("its host is not on the internet".into())),
        }
    }
}

/// Whether an address is of the internet, and not of this machine, a network at home or a special purpose (IANA's
/// registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224.., ..)
    );
    !is_special
}

/// Global unicast (2000::/3), without what is for documents, or leads to an IPv4 address by a tunnel.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_tunnel = a == 0x2002 || (a == 0x2001 && b < 0x200);
    let is_for_documents = (a == 0x2001 && b == 0xdb8) || a == 0x3fff;
    a & 0xe000 == 0x2000 && !is_tunnel && !is_for_documents
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    const URL: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for good in ["1.1.1.1", "160.79.104.1", "172.15.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(is_public(good.parse().unwrap()), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn a_host_at_home_is_not_asked() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"] {
            let error = fetch(&agent(Public), &format!("http://{host}:{port}/c")).unwrap_err();
            assert!(error.contains("not on the internet") || error.contains("not found"), "{host}: {error}");
        }
        server.set_nonblocking(true).unwrap();
        assert!(server.accept().is_err(), "somebody came");
    }

    #[test]
    fn an_id_has_to_be_a_plain_url() {
        assert!(check_url(URL).is_ok());
        for bad in [
            "https://a.example",
            "https://a.example/",
            "http://a.example/c",
            "https://a@b.example/c",
            "https://a.example/c#d",
            "https://a.example/../c",
            "https://a.example/./c",
            "https://a.example/c d",
            &format!("https://a.example/{}", "x".repeat(1024)),
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_speaks_for_its_own_address_and_has_no_secret() {
        let good = json!({"client_id": URL, "client_name": "Claude", "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"]});
        assert_eq!(read(URL, &good).unwrap().name, "Claude");
        assert!(read("https://evil.example/c", &good).is_err());
        for (key, value) in [
            ("client_secret", json!("x")),
            ("token_endpoint_auth_method", json!("client_secret_post")),
            ("redirect_uris", json!([])),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert!(read(URL, &bad).is_err(), "{key}");
        }
    }

    /// What a server on this machine answers with, fetched as if it were public.
    fn answer(answer: String) -> Result<Value, String> {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/c", server.local_addr().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = server.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            });
            fetch(&agent(DefaultResolver::default()), &url)
        })
    }

    #[test]
    fn what_is_fetched_is_short_json_and_leads_nowhere() {
        let of = |status: &str, body: &str| {
            answer(format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ))
        };
        assert_eq!(of("200 OK", "{\"a\": 1}").unwrap(), json!({"a": 1}));
        assert!(of("200 OK", "<html>").unwrap_err().contains("not JSON"));
        assert!(of("302 Found", "{}").unwrap_err().contains("302"));
        assert!(of("404 Not Found", "{}").unwrap_err().contains("404"));
        assert!(of("200 OK", &format!("\"{}\"", "x".repeat(MOST_BYTES as usize))).is_err());
    }

    #[test]
    fn few_are_fetched_at_once_and_few_are_kept() {
        let documents = Documents::default();
        (0..MOST_FETCHES).for_each(|_| assert_eq!(documents.begin(URL), Ok(None)));
        assert!(documents.begin(URL).unwrap_err().contains("Too many"));
        let client = Client { name: "x".into(), redirects: Vec::new(), method: Method::None, issued: 0 };
        documents.state().kept.push_front((URL.to_string(), client.clone(), Instant::now()));
        assert_eq!(documents.begin(URL), Ok(Some(client)));
    }
}
