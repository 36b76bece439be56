//! What pages for people have in common: text stays text, nothing comes from elsewhere, and nobody's frame holds them.

use crate::http::{Payload, Response};
use crate::protocol::base64;
use ::http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

/// The look of a page with one question.
const STYLE: &str = include_str!("html.css");

/// What a page may do; all else is forbidden to it (CSP level 3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy<'p> {
    /// The one style that it holds.
    pub style: &'p str,
    /// The one script that it holds; empty if it holds none. With one it may ask us for more.
    pub script: &'p str,
    /// Where its forms lead.
    pub form_action: &'p str,
}

impl Policy<'_> {
    /// A page with one question, and forms that lead there.
    pub(super) fn plain(form_action: &str) -> Policy<'_> {
        Policy { style: STYLE, script: "", form_action }
    }

    fn field(self) -> String {
        let hash = |text: &str| format!("'sha256-{}'", base64::encode(&Sha256::digest(text)));
        let script = match self.script {
            "" => String::new(),
            script => format!(" script-src {}; connect-src 'self';", hash(script)),
        };
        format!(
            "default-src 'none'; style-src {};{script} img-src data:; form-action {}; frame-ancestors 'none'; base-uri 'none'",
            hash(self.style),
            self.form_action
        )
    }
}

/// A page with one question or one piece of news.
pub(super) fn document(status: StatusCode, title: &str, body: &str, form_action: &str) -> Response {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        escaped(title)
    );
    page(status, text, Policy::plain(form_action))
}

/// A page as it is.
pub(super) fn page(status: StatusCode, text: String, policy: Policy<'_>) -> Response {
    let mut response = Response::new(Payload::Bytes(text.into_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    protect(&mut response, policy);
    response
}

/// The browser goes on to there, by GET whatever it came with. `None` if that is no address.
pub(super) fn redirect(uri: &str) -> Option<Response> {
    let location = HeaderValue::from_str(uri).ok()?;
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    protect(&mut response, Policy::plain("'none'"));
    Some(response)
}

/// The header fields that keep others out of a page: of its frame, its address and its content. To itself a page has to
/// say where it comes from: with `no-referrer` its form would have the origin `null`, which is refused.
fn protect(response: &mut Response, policy: Policy<'_>) {
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy.field()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Text as it stands in a page, between tags or in quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}

/// The same, and it stands out.
pub(super) fn strong(text: &str) -> String {
    format!("<strong>{}</strong>", escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_without_a_script_may_ask_for_nothing() {
        let field = Policy::plain("'self'").field();
        assert!(
            field.contains("form-action 'self';")
                && field.starts_with("default-src 'none'; style-src 'sha256-")
        );
        assert!(!field.contains("script-src") && !field.contains("connect-src"), "{field}");
    }

    proptest! {
        #[test]
        fn text_stays_text(text in "\\PC*") {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&");
            prop_assert_eq!(back, text);
        }
    }
}
