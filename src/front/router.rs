//! The handler of all doors.

use super::guard::Guard;
use super::route::Route;
use super::{answer, cors};
use crate::bridge::LinePlace;
use crate::fleet::{Fleet, Served};
use crate::http::{Exchange, Handler, Response};
use crate::log::printable;
use crate::ops::report::{self, Overall};
use crate::server::Status;
use ::http::uri::PathAndQuery;
use ::http::{HeaderValue, Method, StatusCode, header};
use crossbeam_channel::Sender;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the front asks of the main thread.
pub enum Command {
    /// Read everything again; the outcome goes to who asked.
    Reload(Option<Sender<Result<String, String>>>),
}

/// The front door of all servers.
pub struct Front {
    fleet: Arc<Fleet>,
    guard: Guard,
    /// How clients reach us: `http://127.0.0.1:3000`, or `public_url`.
    base: String,
    secret: String,
    commands: Box<dyn Fn(Command) + Send + Sync>,
    stopping: AtomicBool,
}

impl Front {
    /// A front for these servers; `secret` opens the commands.
    pub fn new(
        fleet: Arc<Fleet>,
        guard: Guard,
        base: String,
        secret: String,
        commands: Box<dyn Fn(Command) + Send + Sync>,
    ) -> Front {
        Front { fleet, guard, base, secret, commands, stopping: AtomicBool::new(false) }
    }

    /// From now on `/health` and `/ready` answer 503.
    pub fn begin_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn send(&self, command: Command) {
        (self.commands)(command);
    }

    fn dispatch(&self, exchange: Exchange<'_>) -> Response {
        let Some(target) = exchange.request.uri().path_and_query().cloned() else {
            return answer::error(StatusCode::BAD_REQUEST, "the request target is not a path");
        };
        let route = Route::of(&exchange.door, &target);
        match route {
            Route::WellKnown => answer::error(StatusCode::NOT_FOUND, "there is no authorization here"),
            Route::Endpoint { .. } | Route::Line { .. } | Route::Below { .. } if self.is_stopping() => {
                ending()
            }
            Route::Endpoint { name } => self.endpoint(exchange, &name),
            Route::Line { name, place } => self.line(exchange, &name, place),
            Route::Below { name, rest } => self.below(exchange, &name, &rest),
            Route::Control { name, action } => self.control(&exchange.request, &name, action),
            Route::Reload => self.reload(&exchange.request),
            Route::NoName => answer::error(
                StatusCode::NOT_FOUND,
                self.names("this proxy serves each server under its name"),
            ),
            Route::Nothing => answer::error(StatusCode::NOT_FOUND, self.names("there is nothing here")),
            _ if !matches!(*exchange.request.method(), Method::GET | Method::HEAD) => get_only(),
            Route::Index => self.index(),
            Route::Health => self.health(),
            Route::Ready => self.ready(),
            Route::Servers => {
                answer::json(StatusCode::OK, &report::servers(&self.fleet.serving(), &self.base))
            }
            Route::ServerHealth { name } => self.with(&name, |served| self.server_health(served)),
            Route::ServerLogs { name } => self.with(&name, |served| {
                answer::text(served.server.log().iter().map(|line| printable(line) + "\n").collect())
            }),
        }
    }

    fn endpoint(&self, exchange: Exchange<'_>, name: &str) -> Response {
        self.with(name, |served| served.bridge.handle(exchange))
    }

    fn line(&self, exchange: Exchange<'_>, name: &str, place: LinePlace) -> Response {
        self.with(name, |served| served.bridge.handle_line(exchange, place))
    }

    fn below(&self, exchange: Exchange<'_>, name: &str, rest: &PathAndQuery) -> Response {
        self.with(name, |served| {
            served.bridge.settle();
            match served.bridge.forward() {
                Some(forward) => forward.handle(exchange, Some(rest), None),
                None => answer::error(
                    StatusCode::NOT_FOUND,
                    format!("server {name} is reached at /{name}; it has no other paths"),
                ),
            }
        })
    }

    fn with(&self, name: &str, work: impl FnOnce(&Served) -> Response) -> Response {
        self.fleet.get(name).map_or_else(|| self.unknown(name), |served| work(&served))
    }

    /// 404 with the reason, if the server was found and left out, else with the names there are.
    pub(super) fn unknown(&self, name: &str) -> Response {
        let serving = self.fleet.serving();
        match serving.left_out.iter().find(|out| out.name == name) {
            Some(out) => {
                let text =
                    format!("server {name} ({}) is left out: {}; {}", out.place, out.reason, out.remedy);
                answer::error(StatusCode::NOT_FOUND, text)
            }
            None => answer::error(StatusCode::NOT_FOUND, self.names("no server has that name")),
        }
    }

    fn names(&self, what: &str) -> String {
        let serving = self.fleet.serving();
        let names: Vec<String> = serving.servers.keys().map(|name| format!("/{name}")).collect();
        if names.is_empty() {
            format!("{what}; no server is served yet")
        } else {
            format!("{what}; there are: {}", names.join(" "))
        }
    }

    fn index(&self) -> Response {
        answer::text(format!(
            "MCP Proxy {}\n\n{}",
            env!("CARGO_PKG_VERSION"),
            report::table(&self.fleet.serving(), &self.base)
        ))
    }

    fn health(&self) -> Response {
        let serving = self.fleet.serving();
        let statuses: Vec<Status> = serving.servers.values().map(|served| served.server.status()).collect();
        let overall = report::overall(&statuses, self.is_stopping());
        answer::json(status_of(overall.is_serving()), &report::health(&serving, overall))
    }

    fn ready(&self) -> Response {
        let starting = report::starting(&self.fleet.serving());
        let ready = starting.is_empty() && !self.is_stopping();
        answer::json(status_of(ready), &json!({ "ready": ready, "starting": starting }))
    }

    fn server_health(&self, served: &Served) -> Response {
        let status = served.server.status();
        let up = status.running.is_some() || status.rests();
        let well = up && report::overall(&[status], false) == Overall::Ok;
        answer::json(status_of(well), &report::server(served, &self.base))
    }
}

impl Handler for Front {
    fn handle(&self, exchange: Exchange<'_>) -> Response {
        let headers = exchange.request.headers();
        if let Err(refused) = self.guard.check(headers) {
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

fn status_of(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn ending() -> Response {
    let mut response = answer::error(StatusCode::SERVICE_UNAVAILABLE, "the proxy is ending; try again");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

fn get_only() -> Response {
    not_allowed("GET, HEAD, OPTIONS", "this is read by GET")
}

fn not_allowed(allow: &'static str, message: &str) -> Response {
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
