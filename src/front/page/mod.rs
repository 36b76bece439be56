//! The status page at `/`: rendered here, complete without scripts, and kept up to date by the one it holds.

pub(super) mod cookie;
mod figures;
mod server;
mod snippets;
mod standing;
mod view;
pub(super) mod visit;

use super::html;
use super::router::Front;
use crate::auth::Caller;
use crate::http::Response;
use crate::ops::report;
use ::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use serde_json::Value;
use std::time::SystemTime;
use view::{View, Viewer};

/// Of what a server has said, so much is shown where it is in trouble.
const LAST_LINES: usize = 3;

impl Front {
    /// The page as this caller sees it; with the query `live` only what changes of it.
    pub(super) fn page(&self, request: &Request<()>, caller: &Caller, base: &str) -> Response {
        self.fleet().measure();
        let report = self.reported(base);
        let viewer = match caller.form() {
            Some(word) if caller.is_operator() => Viewer::Owner(word),
            Some(word) => Viewer::Guest(word),
            None if caller.principal().is_empty() => Viewer::Anyone,
            None => Viewer::Program,
        };
        let view = View {
            report: &report,
            viewer,
            prefix: &self.place().seen(request.headers()).prefix,
            with_token: self.access().is_asked() && self.access().oauth().is_none(),
            now: SystemTime::now(),
        };
        let text = if request.uri().query() == Some("live") { view.live() } else { view.whole() };
        let mut response = html::page(StatusCode::OK, text, view::policy());
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
        response
    }

    /// The body of `/servers`, and what those have said last with which something is wrong.
    fn reported(&self, base: &str) -> Value {
        let serving = self.fleet().serving();
        let mut report = report::servers(&serving, base);
        for entry in report["servers"].as_array_mut().into_iter().flatten() {
            let served = entry["name"].as_str().and_then(|name| serving.servers.get(name));
            if let Some(served) = served.filter(|_| standing::of(entry).trouble.is_some()) {
                let mut said: Vec<String> = served.server.log().into_iter().map(|line| line.text).collect();
                said.dedup();
                entry["said"] = said.split_off(said.len().saturating_sub(LAST_LINES)).into();
            }
        }
        report
    }
}

/// Whether this is asked by a person's browser, and not by a program that takes anything.
pub(super) fn is_for_person(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html")))
}
