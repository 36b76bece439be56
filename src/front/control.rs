//! Commands to a running proxy: only for who can read its run file, or has signed in as its owner.

use super::page::visit;
use super::route::Action;
use super::router::{Command, Front};
use super::{answer, page};
use crate::auth::Caller;
use crate::http::Response;
use ::http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::json;

impl Front {
    /// `POST /api/servers/NAME/ACTION`
    pub(super) fn control(
        &self,
        request: &Request<()>,
        caller: &Caller,
        name: &str,
        action: Action,
    ) -> Response {
        if let Some(refusal) = refuse(request.method()) {
            return refusal;
        }
        let Some(served) = self.fleet().get(name) else { return self.unknown(caller, name) };
        match action {
            Action::Start => served.start(),
            Action::Stop => served.stop(),
            Action::Restart => served.restart(),
        }
        log::info!(server = name, event = "command"; "{action:?} by command");
        match caller.form() {
            // The form of a page without scripts.
            Some(_) if page::is_for_person(request.headers()) => {
                visit::home(&self.place().seen(request.headers()), None)
            }
            _ => answer::json(StatusCode::ACCEPTED, &json!({ "ok": true })),
        }
    }

    /// `POST /api/reload`
    pub(super) fn reload(&self, request: &Request<()>) -> Response {
        if let Some(refusal) = refuse(request.method()) {
            return refusal;
        }
        let (reply, outcome) = crossbeam_channel::bounded(1);
        self.send(Command::Reload(Some(reply)));
        match outcome.recv() {
            Ok(Ok(summary)) => answer::json(StatusCode::OK, &json!({ "ok": true, "summary": summary })),
            Ok(Err(problem)) => answer::error(StatusCode::CONFLICT, problem),
            Err(_) => answer::error(StatusCode::SERVICE_UNAVAILABLE, "the proxy is ending"),
        }
    }
}

/// Why a command is not carried out, if it is not.
fn refuse(method: &Method) -> Option<Response> {
    (method != Method::POST).then(|| {
        let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, "commands are sent by POST");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        response
    })
}
