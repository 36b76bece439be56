//! What the proxy itself answers: who is served, how it is, and what it counts.

use super::route::Route;
use super::router::{Front, get_only};
use super::{answer, page, probe};
use crate::auth::Caller;
use crate::fleet::Served;
use crate::http::{Exchange, Response};
use crate::ops::metrics;
use crate::ops::report::{self, Overall};
use ::http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;

impl Front {
    /// What is the proxy's own.
    #[inline(never)] // see crate::thread::STACK_BYTES
    pub(super) fn serve_own(&self, exchange: &Exchange<'_>, caller: &Caller, route: Route) -> Response {
        let base = || match caller.is_operator() && caller.form().is_none() {
            // Commands may ask at an address that is theirs alone.
            true => self.place().base().to_string(),
            false => self.place().base_for(&exchange.door, exchange.request.headers()),
        };
        match route {
            Route::Control { name, action } => self.control(&exchange.request, caller, &name, action),
            Route::Reload => self.reload(&exchange.request),
            Route::Link => self.link(&exchange.request),
            Route::Logout => self.sign_out(&exchange.request),
            Route::NoName => answer::error(
                StatusCode::NOT_FOUND,
                self.names(caller, "this proxy serves each server under its name"),
            ),
            Route::Nothing
            // What is answered before it comes here.
            | Route::WellKnown
            | Route::Oauth(_)
            | Route::Login
            | Route::Endpoint { .. }
            | Route::Line { .. }
            | Route::Below { .. }
            | Route::Plain { .. } => {
                answer::error(StatusCode::NOT_FOUND, self.names(caller, "there is nothing here"))
            }
            _ if !matches!(*exchange.request.method(), Method::GET | Method::HEAD) => get_only(),
            Route::Index if page::is_for_person(exchange.request.headers()) => {
                self.page(&exchange.request, caller, &base())
            }
            Route::Index => self.index(&base()),
            Route::OpenApi => self.openapi(exchange, caller, &base()),
            Route::Health => self.health(exchange, caller),
            Route::HealthEvents => self.health_events(exchange, caller, base()),
            Route::Ready => self.ready(caller),
            Route::Metrics => self.metrics(),
            Route::Servers => self.servers(&base()),
            Route::ServerHealth { name } => {
                self.with(caller, &name, |served| self.server_health(served, &base()))
            }
            Route::ServerLogs { name } => {
                self.with(caller, &name, |served| self.logs(exchange, Arc::clone(&served.server)))
            }
        }
    }

    fn index(&self, base: &str) -> Response {
        answer::text(format!(
            "MCP Proxy {}\n\n{}",
            env!("CARGO_PKG_VERSION"),
            report::table(&self.fleet().serving(), base)
        ))
    }

    fn health(&self, exchange: &Exchange<'_>, caller: &Caller) -> Response {
        if probe::is_wanted(exchange.request.headers()) {
            return probe::answer(&exchange.client, if self.is_stopping() { "down" } else { "up" });
        }
        let serving = self.fleet().serving();
        let overall = report::overall_of(&serving, self.is_stopping());
        let body = match caller.may_use_all() {
            true => report::health(&serving, overall),
            false => json!({ "status": if overall.is_serving() { "up" } else { "down" } }),
        };
        answer::json(status_of(overall.is_serving()), &body)
    }

    fn ready(&self, caller: &Caller) -> Response {
        let starting = report::starting(&self.fleet().serving());
        let ready = starting.is_empty() && !self.is_stopping();
        let body = match caller.may_use_all() {
            true => json!({ "ready": ready, "starting": starting }),
            false => json!({ "ready": ready }),
        };
        answer::json(status_of(ready), &body)
    }

    fn servers(&self, base: &str) -> Response {
        self.fleet().measure();
        answer::json(StatusCode::OK, &report::servers(&self.fleet().serving(), base))
    }

    fn metrics(&self) -> Response {
        self.fleet().measure();
        let (wrong_passwords, lockouts) = self.access().guesses();
        answer::metrics(metrics::text(&metrics::Sources {
            serving: &self.fleet().serving(),
            http: &self.listener().map(|listener| listener.stats()).unwrap_or_default(),
            refusals: self.audit().refusals(),
            wrong_passwords,
            lockouts,
            begun: self.begun(),
        }))
    }

    fn server_health(&self, served: &Served, base: &str) -> Response {
        self.fleet().measure();
        let status = served.server.status();
        let up = status.running.is_some() || status.rests();
        let well = up && report::overall(&[status], false) == Overall::Ok;
        answer::json(status_of(well), &report::server(served, base))
    }
}

fn status_of(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
