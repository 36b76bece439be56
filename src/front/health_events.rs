//! `/health/ws`: the way from a request to one who watches.

use super::access::admitted;
use super::route::Route;
use super::router::Front;
use super::{answer, page};
use crate::auth::{Caller, Denial};
use crate::http::{Exchange, RETRY_AFTER_SECONDS, Response, websocket};
use crate::ops::feed::Watcher;
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;

/// What `figures` in the query may be, in seconds.
const FIGURES_SECONDS: std::ops::RangeInclusive<u64> = 1..=60;

impl Front {
    /// A client that may see `/servers`, and watches it from now on.
    pub(super) fn health_events(&self, exchange: &Exchange<'_>, caller: &Caller, base: String) -> Response {
        let accepted = match websocket::accept(&exchange.request) {
            Ok(accepted) => accepted,
            Err(refusal) => return *refusal,
        };
        let Ok(figures) = figures(exchange.request.uri().query().unwrap_or_default()) else {
            return answer::error(
                StatusCode::BAD_REQUEST,
                "figures in the query is how often they are to be told: 1 to 60 seconds",
            );
        };
        let Some(permit) = exchange.client.try_stream() else { return too_many() };
        let welcome = self.is_still_welcome(exchange.request.headers(), caller);
        let watcher = Watcher::new(self.feed(), base, figures, welcome);
        accepted.answer(move |connection| {
            let _permit = permit;
            watcher.watch(connection)
        })
    }

    /// Whether who sent these header fields would be let in again, at a later time.
    fn is_still_welcome(&self, headers: &HeaderMap, caller: &Caller) -> impl Fn() -> bool + Send + 'static {
        let access = Arc::clone(self.access());
        let visit = caller.form().and_then(|_| page::cookie::of(headers, &self.place().seen(headers)));
        let visit = visit.map(String::from);
        let credentials = headers.get_all(header::AUTHORIZATION).iter().cloned();
        let credentials: HeaderMap = credentials.map(|value| (header::AUTHORIZATION, value)).collect();
        move || {
            let caller = match &visit {
                Some(cookie) => access.visitor(cookie).ok_or(Denial::Missing),
                None => access.recognise(&credentials),
            };
            caller.and_then(|caller| admitted(caller, &Route::HealthEvents)).is_ok()
        }
    }
}

/// How often figures are asked for, if they are.
fn figures(query: &str) -> Result<Option<Duration>, ()> {
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "figures");
    let Some((_, seconds)) = asked else { return Ok(None) };
    let seconds = seconds.parse().ok().filter(|seconds| FIGURES_SECONDS.contains(seconds));
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or(())
}

fn too_many() -> Response {
    let mut response = answer::error(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many streams are open; try again later, or raise max_connections in [limits]",
    );
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    response
}
