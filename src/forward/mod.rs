//! To servers that speak HTTP themselves: ours on a port, or somebody else's at a URL. Bodies stream both ways.

mod connector;
mod courier;
mod ending;
mod errand;
mod failure;
mod fields;
mod filter;
mod leash;
pub mod link;
mod load;
mod loopback;
mod passage;
mod probe;
mod relay;
mod session;
mod socket;
mod stream;

use crate::auth::Caller;
use crate::config::redact;
use crate::config::spec::{Options, RemoteSpec};
use crate::http::{Exchange, Response};
use crate::limits::Limits;
use crate::meter::Direction;
use crate::protocol::error::RpcError;
use crate::server::{Context, Endpoint, Running, Server};
use ::http::uri::{PathAndQuery, Scheme};
use ::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use courier::Courier;
use load::{Load, Ticket};
use relay::Relay;
pub(crate) use session::Session;
use session::registry::Sessions;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The forwarder of one HTTP server.
pub struct Forward {
    server: Arc<Server>,
    place: Place,
    options: Options,
    limits: Limits,
    restart_wait: Duration,
    courier: Courier,
    /// Those that the server keeps for clients of its own era and transport.
    sessions: Sessions,
    load: Load,
}

/// Where a server is.
enum Place {
    /// Elsewhere, and it stays there.
    Fixed(Arc<Target>),
    /// Where its present child listens: the child of that generation, here.
    Child(Mutex<Option<(u64, Arc<Target>)>>),
}

/// Where requests go.
#[derive(Clone)]
pub struct Target {
    /// The MCP endpoint.
    endpoint: Uri,
    /// The endpoint as anybody may see it: without the credentials and keys that a URL can hold.
    shown: String,
    /// Added to each request; they win over the client's.
    headers: HeaderMap,
}

impl Target {
    /// A child of ours.
    ///
    /// # Errors
    /// The path does not make a URL.
    pub fn child(endpoint: &Endpoint) -> Result<Target, String> {
        let url = format!("http://{}{}", endpoint.address, endpoint.path).parse();
        let endpoint = url.map_err(|error| format!("path: {error}"))?;
        Ok(Target::new(endpoint, HeaderMap::new()))
    }

    /// A server that runs elsewhere.
    ///
    /// # Errors
    /// A header field has a name or value that HTTP does not allow, or the URL needs TLS and this program has none.
    pub fn remote(spec: &RemoteSpec) -> Result<Target, String> {
        if spec.url.scheme() == Some(&Scheme::HTTPS) && !cfg!(feature = "tls") {
            return Err("https:// needs TLS, which this program was built without (feature \"tls\")".into());
        }
        let field = |(name, value): (&String, &String)| {
            let name: HeaderName = name.parse().map_err(|_| format!("headers: {name:?} is no field name"))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("headers: the value of {name} is not allowed"))?;
            Ok((name, value))
        };
        let headers = spec.headers.iter().map(field).collect::<Result<HeaderMap, String>>()?;
        Ok(Target::new(spec.url.clone(), headers))
    }

    /// The same server at another URL.
    pub fn at(&self, endpoint: Uri) -> Target {
        Target::new(endpoint, self.headers.clone())
    }

    /// The same server at another path, if that makes a URL.
    fn with_path(&self, path: &str) -> Option<Target> {
        let mut parts = self.endpoint.clone().into_parts();
        parts.path_and_query = Some(path.parse().ok()?);
        Uri::from_parts(parts).ok().map(|endpoint| self.at(endpoint))
    }

    /// Adds its own fields to a request's. As everywhere, what the configuration says wins.
    fn put_headers(&self, headers: &mut HeaderMap) {
        // Also to be extended by nothing, a map grows.
        if !self.headers.is_empty() {
            headers.extend(self.headers.clone());
        }
    }

    fn new(endpoint: Uri, headers: HeaderMap) -> Target {
        let shown = redact::url(&endpoint.to_string());
        Target { endpoint, shown, headers }
    }

    /// The URL of a path below the server's root, or of the endpoint with the request's query behind its own.
    fn url(&self, path: Option<&PathAndQuery>, query: Option<&str>) -> Uri {
        let path_and_query = match (path, query) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(query)) => {
                let own = self.endpoint.query().map(|own| format!("{own}&")).unwrap_or_default();
                format!("{}?{own}{query}", self.endpoint.path()).parse().ok()
            }
            (None, None) => return self.endpoint.clone(),
        };
        let mut parts = self.endpoint.clone().into_parts();
        parts.path_and_query = path_and_query;
        Uri::from_parts(parts).unwrap_or_else(|_| self.endpoint.clone())
    }
}

impl Forward {
    /// A forwarder for a server that may not run yet; `target` is where it is, unless it is a child of ours.
    pub fn new(
        server: Arc<Server>,
        target: Option<Target>,
        options: Options,
        context: &Arc<Context>,
    ) -> Arc<Forward> {
        let courier = Courier::new(&options);
        let sessions = Sessions::new(server.meter(), Arc::clone(context), target.is_some());
        Arc::new(Forward {
            server,
            place: target
                .map_or_else(|| Place::Child(Mutex::default()), |target| Place::Fixed(Arc::new(target))),
            options,
            limits: context.limits.clone(),
            restart_wait: Duration::from_secs(context.restart.restart_wait_seconds),
            courier,
            sessions,
            load: Load::default(),
        })
    }

    /// Requests under way, streams for listening not counted.
    pub fn in_flight(&self) -> usize {
        self.load.calls()
    }

    /// Waits until nothing is in flight, or `deadline`.
    pub fn drain(&self, deadline: Instant) {
        self.load.drain(deadline);
    }

    /// Whether no request is under way, no stream open, and none has been for that long.
    pub fn has_rested(&self, patience: Duration) -> bool {
        self.load.has_rested(patience)
    }

    /// The session of that id, if it is one that this server keeps for this caller, and not over.
    pub(crate) fn session(&self, id: &HeaderValue, caller: &Caller) -> Option<Arc<Session>> {
        self.sessions.find(id, caller.principal())
    }

    /// So many bytes of an answer have come.
    fn count_received(&self, bytes: usize) {
        self.server.meter().bytes.of(Direction::FromServer).add(bytes as u64);
    }

    fn is_elsewhere(&self) -> bool {
        matches!(self.place, Place::Fixed(_))
    }

    /// How long the server remembers its sessions: a child of ours while it lives, one elsewhere in its own time.
    fn life(&self, generation: u64) -> u64 {
        if self.is_elsewhere() { 0 } else { generation }
    }

    /// The server, which a request waits for: `restart_wait_seconds`, or as long as a start may take.
    ///
    /// # Errors
    /// It does not run; what the client is told.
    pub fn running(&self) -> Result<Running, RpcError> {
        let patience = self.restart_wait.max(self.options.start_timeout);
        self.server.wait_running(patience).map_err(|why| self.server.unavailable(&why))
    }

    /// Where it is reached while this child runs.
    ///
    /// # Errors
    /// It does not speak HTTP after all; in words.
    fn target(&self, running: &Running) -> Result<Arc<Target>, String> {
        let known = match &self.place {
            Place::Fixed(target) => return Ok(Arc::clone(target)),
            Place::Child(known) => known,
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, target)) = known.as_ref().filter(|(generation, _)| *generation == running.generation)
        {
            return Ok(Arc::clone(target));
        }
        let endpoint = running.endpoint.as_ref().ok_or("it does not speak HTTP; try again")?;
        let target = Arc::new(Target::child(endpoint)?);
        *known = Some((running.generation, Arc::clone(&target)));
        Ok(target)
    }

    /// Where it is reached now.
    ///
    /// # Errors
    /// It does not run, or does not speak HTTP; in words.
    fn present_target(&self) -> Result<Arc<Target>, String> {
        let running = self.server.running().ok_or("it does not run")?;
        self.target(&running)
    }

    /// The server runs and speaks nothing we know.
    pub fn unknown_speech(&self, why: String) -> RpcError {
        self.server.given_up("unknown-protocol", why)
    }

    /// Forwards one request; `path` is what is left of the path behind the server's name, none for the endpoint.
    /// `body` is its body, if it was read already; `session` that which it names, at the endpoint.
    pub(crate) fn handle(
        self: &Arc<Self>,
        mut exchange: Exchange<'_>,
        caller: &Caller,
        path: Option<&PathAndQuery>,
        body: Option<Vec<u8>>,
        session: Option<Arc<Session>>,
    ) -> Response {
        if path.is_some() && !self.filter(caller).hides_nothing() {
            return filter::closed_path(self.server.name());
        }
        if self.is_elsewhere() {
            fields::hide_client(exchange.request.headers_mut());
        }
        match Ticket::of(self, &exchange) {
            Some(ticket) => Relay { forward: self, exchange, caller, path, session }.run(body, ticket),
            None => failure::too_many_streams(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(endpoint: &'static str, path: Option<&'static str>, query: Option<&str>) -> String {
        let target = Target::new(Uri::from_static(endpoint), HeaderMap::new());
        target.url(path.map(PathAndQuery::from_static).as_ref(), query).to_string()
    }

    #[test]
    fn a_query_goes_behind_that_of_the_endpoint() {
        assert_eq!(url("http://h/mcp", None, None), "http://h/mcp");
        assert_eq!(url("http://h/mcp", None, Some("profile=7")), "http://h/mcp?profile=7");
        assert_eq!(url("http://h/mcp?key=1", None, Some("profile=7")), "http://h/mcp?key=1&profile=7");
        assert_eq!(url("http://h", None, Some("profile=7")), "http://h/?profile=7");
        assert_eq!(url("http://h/mcp?key=1", None, None), "http://h/mcp?key=1");
        assert_eq!(url("http://h/mcp?key=1", Some("/x?y=1"), Some("y=1")), "http://h/x?y=1");
    }
}
