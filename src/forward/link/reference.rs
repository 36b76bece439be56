//! Where a relative URL leads (RFC 3986, section 5): the `endpoint` event of 2024-11-05 gives one.

use ::http::Uri;
use ::http::uri::Scheme;

/// The URL that `reference` names, seen from the page at `base`.
///
/// # Errors
/// It is no URL, or leads to another origin, which must not get our messages and credentials.
pub(super) fn resolve(base: &Uri, reference: &str) -> Result<Uri, String> {
    let reference = reference.trim();
    let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
    let url: Uri =
        absolute(base, reference).parse().map_err(|error| format!("{reference:?} is no URL: {error}"))?;
    match origin(&url) == origin(base) {
        true => Ok(url),
        false => Err(format!("{} is elsewhere than the stream", crate::config::redact::url(reference))),
    }
}

fn absolute(base: &Uri, reference: &str) -> String {
    let scheme = base.scheme_str().unwrap_or("http");
    let root = format!("{scheme}://{}", base.authority().map_or("", |authority| authority.as_str()));
    if has_scheme(reference) {
        reference.to_string()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        root + &without_dots(reference)
    } else if reference.starts_with('?') {
        root + base.path() + reference
    } else if reference.is_empty() {
        base.to_string()
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        root + &without_dots(&format!("{folder}/{reference}"))
    }
}

fn has_scheme(reference: &str) -> bool {
    let before = reference.split_once(':').map(|(before, _)| before);
    before.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A path without `.` and `..` (RFC 3986, section 5.2.4); the query stays as it is.
fn without_dots(text: &str) -> String {
    let (path, query) = text.split_at(text.find('?').unwrap_or(text.len()));
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let ends_in_folder = path.ends_with("/.") || path.ends_with("/..");
    format!("/{}{}{query}", kept.join("/"), if ends_in_folder && !kept.is_empty() { "/" } else { "" })
}

fn origin(url: &Uri) -> (Option<&Scheme>, String, Option<u16>) {
    let default = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    (url.scheme(), host, url.port_u16().or(Some(default)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from(base: &'static str, reference: &str) -> Result<String, String> {
        resolve(&Uri::from_static(base), reference).map(|url| url.to_string())
    }

    #[test]
    fn references_of_every_kind() {
        let base = "http://h:8080/prefix/sse?x=1";
        for (reference, url) in [
            ("/messages?s=1", "http://h:8080/messages?s=1"),
            ("/prefix/messages", "http://h:8080/prefix/messages"),
            ("messages?s=1/../2", "http://h:8080/prefix/messages?s=1/../2"),
            ("./messages", "http://h:8080/prefix/messages"),
            ("../messages/", "http://h:8080/messages/"),
            ("../../..", "http://h:8080/"),
            ("a/..", "http://h:8080/prefix/"),
            ("?s=1", "http://h:8080/prefix/sse?s=1"),
            (" messages#part\n", "http://h:8080/prefix/messages"),
            ("http://H:8080/m", "http://H:8080/m"),
            ("//h:8080/m", "http://h:8080/m"),
            ("", "http://h:8080/prefix/sse?x=1"),
        ] {
            assert_eq!(from(base, reference).as_deref(), Ok(url), "{reference}");
        }
        assert_eq!(from("http://h", "m").as_deref(), Ok("http://h/m"));
        assert_eq!(from("https://h/sse", "https://h:443/m").as_deref(), Ok("https://h:443/m"));
    }

    #[test]
    fn other_origins_are_refused() {
        for reference in ["http://evil/m", "//evil/m", "https://h/m", "http://h:81/m", "http://h@evil/m"] {
            assert!(from("http://h/sse", reference).is_err(), "{reference}");
        }
        let error = from("http://h/sse", "http://u:secret@evil/m?key=secret").unwrap_err();
        assert!(error.contains("http://evil/m") && !error.contains("secret"), "{error}");
        assert!(from("http://h/sse", "/a b").is_err());
    }

    proptest! {
        #[test]
        fn no_reference_leads_elsewhere(reference in "\\PC{0,30}|[a-z:/?#@.]{0,20}") {
            if let Ok(url) = from("http://host:1/a/b", &reference) {
                prop_assert!(url.parse::<Uri>().unwrap().authority().unwrap().as_str().ends_with("host:1"));
            }
        }
    }
}
