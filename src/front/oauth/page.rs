//! The page that asks the owner: plain HTML without scripts that works on a phone, with the keyboard and read aloud.

use crate::auth::oauth::{Asked, Resource, is_loopback, place};
use crate::front::html::{document, escaped, strong};
use crate::http::Response;
use ::http::StatusCode;

/// What the owner is asked.
pub(super) struct Consent<'c> {
    pub asked: &'c Asked,
    /// What comes back with the answer.
    pub form: &'c str,
    /// The issuer.
    pub base: &'c str,
}

/// The page that asks. `problem`: what was wrong with the last answer.
pub(super) fn consent(consent: &Consent<'_>, problem: Option<(StatusCode, &str)>) -> Response {
    let Consent { asked, form, base } = consent;
    let host = place(base);
    let what = match &asked.resource {
        Resource::All => "all servers".to_string(),
        Resource::Server(name) => format!("the server {}", strong(name)),
    };
    let (alert, described) = match problem {
        Some((_, text)) => (
            format!("<p id=\"problem\" role=\"alert\">{}</p>", escaped(text)),
            " aria-invalid=\"true\" aria-describedby=\"problem\"",
        ),
        None => (String::new(), ""),
    };
    let path = base
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or(String::new(), |(_, path)| format!("/{path}"));
    let body = format!(
        "<h1>Allow access?</h1>\n\
         <p>A client that calls itself {name} asks for access to {what} of {proxy}: to see and use all its tools, in your name.</p>\n\
         <p>Your answer goes to {redirect}. Allow it only if you have just set up this connection yourself.</p>\n\
         <form method=\"post\" action=\"{path}/authorize\">\n\
         {alert}\n\
         <input type=\"hidden\" name=\"request\" value=\"{form}\">\n\
         <input type=\"text\" name=\"username\" value=\"owner\" autocomplete=\"username\" hidden>\n\
         <label for=\"password\">Password of {proxy}</label>\n\
         <input type=\"password\" id=\"password\" name=\"password\" autocomplete=\"current-password\" required autofocus{described}>\n\
         <div><button name=\"answer\" value=\"allow\">Allow</button>\n\
         <button name=\"answer\" value=\"deny\" formnovalidate>Deny</button></div>\n\
         </form>",
        name = strong(&asked.name),
        proxy = strong(host),
        redirect = destination(&asked.redirect),
        path = escaped(&path),
        form = escaped(form),
    );
    let status = problem.map_or(StatusCode::OK, |(status, _)| status);
    document(status, &format!("Allow access? – {host}"), &body, &form_action(&asked.redirect))
}

/// A page that says what is wrong and what to do.
pub(super) fn problem(status: StatusCode, text: &str) -> Response {
    let body = format!("<h1>No access</h1>\n<p>{}</p>", escaped(text));
    document(status, "No access – MCP Proxy", &body, "'none'")
}

fn destination(redirect: &str) -> String {
    let place = strong(place(redirect));
    match is_loopback(redirect) {
        true => format!("a program on the computer in front of you ({place})"),
        false => place,
    }
}

/// Chromium holds every step of what follows a form to this, so it has to name where the client is, and where that may
/// lead on: by scheme, as hosted clients lead from one host of theirs to another.
fn form_action(redirect: &str) -> String {
    let scheme = redirect.split(':').next().unwrap_or_default();
    match scheme {
        "https" => "'self' https:".to_string(),
        _ => format!("'self' https: {scheme}:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_where_its_client_is_and_to_the_web() {
        assert_eq!(form_action("https://claude.ai/x"), "'self' https:");
        assert_eq!(form_action("http://[::1]:5/x"), "'self' https: http:");
        assert_eq!(form_action("cursor://a/b"), "'self' https: cursor:");
    }
}
