//! Commands to a running proxy: only for who can read its run file.

use super::answer;
use super::route::Action;
use super::router::{Command, Front};
use crate::http::Response;
use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::json;

impl Front {
    /// `POST /api/servers/NAME/ACTION`
    pub(super) fn control(&self, request: &Request<()>, name: &str, action: Action) -> Response {
        if let Some(refusal) = self.refuse(request) {
            return refusal;
        }
        let Some(served) = self.fleet().get(name) else { return self.unknown(name) };
        match action {
            Action::Start => served.start(),
            Action::Stop => served.stop(),
            Action::Restart => served.restart(),
        }
        log::info!(server = name, event = "command"; "{action:?} by command");
        answer::json(StatusCode::ACCEPTED, &json!({ "ok": true }))
    }

    /// `POST /api/reload`
    pub(super) fn reload(&self, request: &Request<()>) -> Response {
        if let Some(refusal) = self.refuse(request) {
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

    /// Why a command is not carried out, if it is not.
    fn refuse(&self, request: &Request<()>) -> Option<Response> {
        if request.method() != Method::POST {
            let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, "commands are sent by POST");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return Some(response);
        }
        if is_bearer(request.headers(), self.secret()) {
            return None;
        }
        let text =
            "this needs the control secret of the run file in the state folder; use the mcp-proxy command";
        let mut response = answer::error(StatusCode::UNAUTHORIZED, text);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Some(response)
    }
}

/// Compares in a time that does not depend on where the two differ.
fn is_bearer(headers: &HeaderMap, secret: &str) -> bool {
    let given =
        headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    given.is_some_and(|given| {
        let differences = given.iter().zip(secret.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        given.len() == secret.len() && differences == 0
    })
}
