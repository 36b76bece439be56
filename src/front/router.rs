//! The handler of all doors.

use super::guard::Guard;
use super::peer::Peers;
use super::place::{self, Place};
use super::route::Route;
use super::{answer, cors, page, peer};
use crate::auth::{Access, Audit, Caller, out_of_path};
use crate::fleet::{Fleet, Served};
use crate::http::{self, Exchange, Handler, Response};
use crate::meter::Refusal;
use crate::ops::feed::Feed;
use ::http::uri::PathAndQuery;
use ::http::{HeaderValue, Method, StatusCode, header};
use crossbeam_channel::Sender;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::SystemTime;

/// What the front asks of the main thread.
pub enum Command {
    /// Read everything again; the outcome goes to who asked.
    Reload(Option<Sender<Result<String, String>>>),
}

/// The front door of all servers.
pub struct Front {
    fleet: Arc<Fleet>,
    peers: Peers,
    guard: Guard,
    place: Place,
    access: Arc<Access>,
    feed: Arc<Feed>,
    audit: Audit,
    /// Whether a token may stand in the path.
    takes_paths: bool,
    commands: Box<dyn Fn(Command) + Send + Sync>,
    stopping: AtomicBool,
    begun: SystemTime,
    /// Held by who makes an OpenAPI document.
    documents: Arc<()>,
    /// Who calls us: held weakly, as it holds us.
    listener: OnceLock<Weak<http::Server>>,
}

impl Front {
    /// A front for these servers; with `takes_paths` a token may stand in the path.
    pub fn new(
        fleet: Arc<Fleet>,
        peers: Peers,
        guard: Guard,
        place: Place,
        access: Access,
        takes_paths: bool,
        commands: Box<dyn Fn(Command) + Send + Sync>,
    ) -> Front {
        let feed = Feed::new(Arc::clone(&fleet));
        Front {
            fleet,
            peers,
            guard,
            place,
            access: Arc::new(access),
            feed,
            audit: Audit::default(),
            takes_paths,
            commands,
            stopping: AtomicBool::new(false),
            begun: SystemTime::now(),
            documents: Arc::default(),
            listener: OnceLock::new(),
        }
    }

    /// Whose figures `/metrics` shows.
    pub fn is_behind(&self, listener: &Arc<http::Server>) {
        let _ = self.listener.set(Arc::downgrade(listener)); // once, at the start
    }

    /// From now on `/health` and `/ready` answer 503.
    pub fn begin_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn listener(&self) -> Option<Arc<http::Server>> {
        self.listener.get().and_then(Weak::upgrade)
    }

    pub(super) fn begun(&self) -> SystemTime {
        self.begun
    }

    pub(super) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    pub(super) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    pub(super) fn access(&self) -> &Arc<Access> {
        &self.access
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn audit(&self) -> &Audit {
        &self.audit
    }

    pub(super) fn documents(&self) -> &Arc<()> {
        &self.documents
    }

    pub(super) fn send(&self, command: Command) {
        (self.commands)(command);
    }

    /// Answers, and leaves a note for the access log, if there is one.
    fn dispatch(&self, exchange: Exchange<'_>) -> Response {
        let Some(target) = exchange.request.uri().path_and_query().cloned() else {
            return answer::error(StatusCode::BAD_REQUEST, "the request target is not a path");
        };
        let route = Route::of(&exchange.door, &target);
        let place = http::access_is_logged()
            .then(|| http::Place { route: route.kind(), place: self.asked_for(&route).to_string() });
        let mut response = self.admit(exchange, route);
        if let Some(place) = place {
            response.extensions_mut().insert(place);
        }
        response
    }

    /// What anybody may have, then who asks.
    fn admit(&self, mut exchange: Exchange<'_>, route: Route) -> Response {
        // Where it is off, its paths are as closed as any that mean nothing.
        let is_oauth = matches!(route, Route::Oauth(_)) && self.access.oauth().is_some();
        if is_oauth || route == Route::WellKnown {
            return self.authorization(exchange, &route);
        }
        if route == Route::Login {
            return self.sign_in(exchange);
        }
        let caller = match self.caller(&mut exchange, &route) {
            Ok(caller) => caller,
            Err(refusal) => return *refusal,
        };
        if !route.is_of_server() {
            return self.serve(exchange, &caller, route);
        }
        page::cookie::withhold(exchange.request.headers_mut());
        let mut response = self.serve(exchange, &caller, route);
        page::cookie::withhold_theirs(response.headers_mut());
        response
    }

    /// What the caller may have.
    fn serve(&self, mut exchange: Exchange<'_>, caller: &Caller, route: Route) -> Response {
        match route {
            Route::Endpoint { .. } | Route::Line { .. } | Route::Below { .. } | Route::Plain { .. }
                if self.is_stopping() =>
            {
                ending()
            }
            Route::Endpoint { name } => self.with(caller, &name, |served| {
                served.bridge.settle();
                lead(&mut exchange, served);
                served.bridge.handle(exchange, caller)
            }),
            Route::Line { name, place } => {
                self.with(caller, &name, |served| served.bridge.handle_line(exchange, place, caller))
            }
            Route::Below { name, rest } => self.below(exchange, caller, &name, &rest),
            Route::Plain { name, thing } => self.plain(exchange, caller, &name, &thing),
            own => self.serve_own(&exchange, caller, own),
        }
    }

    #[inline(never)] // see crate::thread::STACK_BYTES
    fn below(
        &self,
        mut exchange: Exchange<'_>,
        caller: &Caller,
        name: &str,
        rest: &PathAndQuery,
    ) -> Response {
        self.with(caller, name, |served| {
            served.bridge.settle();
            lead(&mut exchange, served);
            match served.bridge.forward() {
                Some(forward) => forward.handle(exchange, caller, Some(rest), None, None),
                None => answer::error(
                    StatusCode::NOT_FOUND,
                    format!(
                        "server {name} is reached at {}; it has no other paths",
                        self.place.path_of(name)
                    ),
                ),
            }
        })
    }

    pub(super) fn with(
        &self,
        caller: &Caller,
        name: &str,
        work: impl FnOnce(&Served) -> Response,
    ) -> Response {
        self.fleet.get(name).map_or_else(|| self.unknown(caller, name), |served| work(&served))
    }

    /// 404 with the reason, if the server was found and left out, else with the names there are.
    pub(super) fn unknown(&self, caller: &Caller, name: &str) -> Response {
        let serving = self.fleet.serving();
        match serving.left_out.iter().find(|out| out.name == name) {
            Some(out) => {
                let text =
                    format!("server {name} ({}) is left out: {}; {}", out.place, out.reason, out.remedy);
                answer::error(StatusCode::NOT_FOUND, text)
            }
            None => answer::error(StatusCode::NOT_FOUND, self.names(caller, "no server has that name")),
        }
    }

    /// The names of servers that the caller may use: of others they shall not hear.
    pub(super) fn names(&self, caller: &Caller, what: &str) -> String {
        let serving = self.fleet.serving();
        let theirs = serving.servers.keys().filter(|name| caller.may_use(name));
        let names: Vec<String> = theirs.map(|name| self.place.path_of(name)).collect();
        if names.is_empty() {
            format!("{what}; no server is served yet")
        } else {
            format!("{what}; there are: {}", names.join(" "))
        }
    }
}

impl Handler for Front {
    fn handle(&self, mut exchange: Exchange<'_>) -> Response {
        let Exchange { client, request, .. } = &mut exchange;
        self.peers.settle(request.headers_mut(), client.ip(), client.addr_field(), client.scheme());
        if exchange.door.is_empty() {
            self.place.enter(&mut exchange.request);
        }
        let has_token = self.takes_paths && out_of_path(&mut exchange.request);
        let mut response = self.respond(exchange);
        if has_token {
            // A page must not tell the next one where it came from.
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        response
    }
}

impl Front {
    fn respond(&self, exchange: Exchange<'_>) -> Response {
        let headers = exchange.request.headers();
        if let Err(refused) = self.guard.check(headers) {
            let address = peer::address(&exchange);
            self.audit.refused(address, "proxy", Refusal::Origin, "foreign Host or Origin");
            return answer::error(StatusCode::FORBIDDEN, refused);
        }
        let origin = headers.get(header::ORIGIN).cloned();
        let mut response = match *exchange.request.method() {
            Method::OPTIONS => cors::preflight(headers),
            // It would show a page the fields that browsers keep from it (RFC 9110, 9.3.8).
            Method::TRACE => not_allowed("GET, POST, DELETE, OPTIONS", "TRACE is not answered here"),
            _ => {
                let mut response = self.dispatch(exchange);
                cors::drop_theirs(&mut response);
                response
            }
        };
        cors::expose(&mut response, origin.as_ref());
        response
    }
}

/// An HTTP server is told what stands before its paths at the client: its name too. Nobody else reads it.
fn lead(exchange: &mut Exchange<'_>, served: &Served) {
    if exchange.door.is_empty() && served.bridge.forward().is_some() {
        place::lead(exchange.request.headers_mut(), served.server.name());
    }
}

fn ending() -> Response {
    let mut response = answer::error(StatusCode::SERVICE_UNAVAILABLE, "the proxy is ending; try again");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

pub(super) fn get_only() -> Response {
    not_allowed("GET, HEAD, OPTIONS", "this is read by GET")
}

pub(super) fn not_allowed(allow: &'static str, message: &str) -> Response {
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
