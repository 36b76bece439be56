//! Where we are, as clients see it: the URL, and a prefix that paths may have.

use super::peer::{FORWARDED_HOST, FORWARDED_PREFIX, FORWARDED_PROTO};
use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

/// The place of the proxy.
#[derive(Debug)]
pub struct Place {
    /// `public_url` without a slash at its end; empty if there is none.
    public: String,
    /// The path of that; empty if there is none.
    prefix: String,
    /// `http://127.0.0.1:3000`: where we listen.
    own: String,
}

impl Place {
    /// `public_url` may be empty, `own` is where we listen.
    pub fn new(public_url: &str, own: &str) -> Place {
        let public = public_url.trim_end_matches('/').to_string();
        let prefix = public.parse::<Uri>().map(|url| url.path().trim_end_matches('/').to_string());
        Place { prefix: prefix.unwrap_or_default(), public, own: own.to_string() }
    }

    /// The public base URL, without a slash at its end, where nobody in particular asks.
    pub fn base(&self) -> &str {
        if self.public.is_empty() { &self.own } else { &self.public }
    }

    /// The same for who has sent these header fields: `public_url`, or else what this client has asked. On the port of
    /// a single server (`door` is its name) that is not where the others are.
    pub(super) fn base_for(&self, door: &str, headers: &HeaderMap) -> String {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(&FORWARDED_HOST).and_then(|hosts| hosts.split(',').next());
        match (host, text(&FORWARDED_PROTO)) {
            (Some(host), Some(scheme)) if self.public.is_empty() && door.is_empty() => {
                format!("{scheme}://{}{}", host.trim(), text(&FORWARDED_PREFIX).unwrap_or_default())
            }
            _ => self.base().to_string(),
        }
    }

    /// Where a browser is that has sent these header fields.
    pub(super) fn seen(&self, headers: &HeaderMap) -> Seen {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let hosts = text(&FORWARDED_HOST).unwrap_or_default();
        let host = hosts.split(',').next().unwrap_or_default().trim();
        let asked = format!("{}://{host}", text(&FORWARDED_PROTO).unwrap_or("http"));
        let public = self.public.strip_suffix(&self.prefix).unwrap_or_default();
        let is_public = public.split_once("://").is_some_and(|(_, public)| public.eq_ignore_ascii_case(host));
        let prefix = text(&FORWARDED_PREFIX).unwrap_or(if is_public { &self.prefix } else { "" });
        let origin = if is_public { public.to_string() } else { asked };
        Seen { prefix: prefix.to_string(), public: public.to_string(), origin }
    }

    /// The path of a server, as clients write it.
    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Takes the prefix off what is asked for.
    pub(super) fn enter(&self, request: &mut Request<()>) {
        if self.prefix.is_empty() {
            return;
        }
        if let Some(target) = request.uri().path_and_query().cloned() {
            let within = self.within(target, request.headers_mut());
            *request.uri_mut() = Uri::from(within);
        }
    }

    /// A target without the prefix of `public_url`, which some reverse proxies take off and some do not. It wins over a
    /// server of that name, unless `X-Forwarded-Prefix` says that it was taken off before.
    fn within(&self, target: PathAndQuery, headers: &mut HeaderMap) -> PathAndQuery {
        if headers.contains_key(FORWARDED_PREFIX) {
            return target;
        }
        let rest = match target.as_str().strip_prefix(&self.prefix) {
            Some(rest) if rest.starts_with('/') => rest.parse(),
            Some(rest) if rest.is_empty() || rest.starts_with('?') => format!("/{rest}").parse(),
            _ => return target,
        };
        let Ok(rest) = rest else { return target };
        headers.extend(HeaderValue::from_str(&self.prefix).ok().map(|prefix| (FORWARDED_PREFIX, prefix)));
        rest
    }
}

/// Where we are for a browser.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// What stands before our paths there; empty if nothing does.
    pub prefix: String,
    /// Scheme, host and port.
    origin: String,
    /// Those of `public_url`: a reverse proxy may have kept to itself what it was asked.
    public: String,
}

impl Seen {
    /// Whether a page of this origin (RFC 6454) is one of ours.
    pub(super) fn is_own(&self, origin: &str) -> bool {
        [&self.origin, &self.public].iter().any(|own| own.eq_ignore_ascii_case(origin) && !own.is_empty())
    }

    /// Host and port.
    pub(super) fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }

    /// Whether nobody between us and the browser reads along.
    pub(super) fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// The port, where it is not the usual one.
    pub(super) fn port(&self) -> &str {
        let after = self.origin.rsplit_once(':').map_or("", |(_, port)| port);
        if after.bytes().all(|byte| byte.is_ascii_digit()) { after } else { "" }
    }
}

/// Tells the server what stands before its paths at the client: its name too.
pub(super) fn lead(headers: &mut HeaderMap, name: &str) {
    let prefix = headers.get(FORWARDED_PREFIX).and_then(|prefix| prefix.to_str().ok()).unwrap_or_default();
    if let Ok(prefix) = HeaderValue::from_str(&format!("{prefix}/{name}")) {
        headers.insert(FORWARDED_PREFIX, prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(public_url: &str, target: &str, forwarded: Option<&'static str>) -> String {
        let fields = forwarded.map(|prefix| (FORWARDED_PREFIX, HeaderValue::from_static(prefix)));
        let place = Place::new(public_url, "http://127.0.0.1:3000");
        place.within(target.parse().unwrap(), &mut fields.into_iter().collect()).to_string()
    }

    #[test]
    fn the_prefix_may_be_there_or_not() {
        let url = "https://home.example/mcp/";
        for (target, rest) in [
            ("/mcp", "/"),
            ("/mcp/", "/"),
            ("/mcp?x=1", "/?x=1"),
            ("/mcp/notes", "/notes"),
            ("/mcp/notes/mcp?x=%2f", "/notes/mcp?x=%2f"),
            ("/notes", "/notes"),
            ("/", "/"),
            ("/mcpx", "/mcpx"),
            ("/mcp/mcp", "/mcp"),
            ("/mcp//notes", "//notes"),
            ("/MCP/notes", "/MCP/notes"),
        ] {
            assert_eq!(within(url, target, None), rest, "{target}");
        }
        assert_eq!(within("https://home.example", "/mcp/notes", None), "/mcp/notes");
        assert_eq!(within("", "/mcp/notes", None), "/mcp/notes");
        assert_eq!(within("https://home.example/a/b", "/a/b/notes", None), "/notes");
        assert_eq!(within("https://home.example/a/b", "/a/notes", None), "/a/notes");
    }

    #[test]
    fn it_wins_over_a_server_of_its_name_unless_it_was_taken_off() {
        let url = "https://home.example/notes";
        assert_eq!(within(url, "/notes/x", None), "/x");
        assert_eq!(within(url, "/notes/notes/x", None), "/notes/x");
        assert_eq!(within(url, "/notes/x", Some("/notes")), "/notes/x");
    }

    #[test]
    fn the_base_is_public_or_what_was_asked() {
        let fields = [(FORWARDED_HOST, "home.example, inner"), (FORWARDED_PROTO, "https")];
        let mut headers: HeaderMap =
            fields.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        let own = "http://127.0.0.1:3000";
        assert_eq!(Place::new("", own).base_for("", &HeaderMap::new()), own);
        assert_eq!(Place::new("", own).base_for("", &headers), "https://home.example");
        assert_eq!(Place::new("", own).base_for("notes", &headers), own);
        headers.insert(FORWARDED_PREFIX, HeaderValue::from_static("/mcp"));
        assert_eq!(Place::new("", own).base_for("", &headers), "https://home.example/mcp");
        assert_eq!(Place::new("https://a.example/b/", own).base_for("", &headers), "https://a.example/b");
    }

    #[test]
    fn a_page_is_ours_if_it_comes_from_where_we_are_seen() {
        let seen = |public: &str, fields: &[(HeaderName, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            Place::new(public, "http://127.0.0.1:3000").seen(&fields.collect())
        };
        let plain = seen("", &[(FORWARDED_HOST, "127.0.0.1:3000"), (FORWARDED_PROTO, "http")]);
        assert!(plain.is_own("http://127.0.0.1:3000") && !plain.is_secure() && plain.prefix.is_empty());
        assert_eq!(plain.port(), "3000");
        for foreign in ["", "null", "https://127.0.0.1:3000", "http://127.0.0.1", "http://127.0.0.1:3001"] {
            assert!(!plain.is_own(foreign), "{foreign}");
        }
        let url = "https://home.example/mcp";
        let outside = seen(url, &[(FORWARDED_HOST, "Home.example"), (FORWARDED_PROTO, "http")]);
        assert!(outside.is_own("https://home.example") && !outside.is_own("http://home.example"));
        assert_eq!((outside.is_secure(), outside.prefix.as_str(), outside.port()), (true, "/mcp", ""));
        let inside = seen(url, &[(FORWARDED_HOST, "127.0.0.1:3000"), (FORWARDED_PROTO, "http")]);
        assert!(inside.is_own("http://127.0.0.1:3000") && inside.is_own("https://home.example"));
        assert_eq!((inside.is_secure(), inside.prefix.as_str()), (false, ""));
        let nowhere = seen("", &[]);
        assert!(!nowhere.is_own(""));
        let six = seen("", &[(FORWARDED_HOST, "[::1]"), (FORWARDED_PROTO, "https")]);
        assert!(six.is_own("https://[::1]") && six.port().is_empty());
    }
}
