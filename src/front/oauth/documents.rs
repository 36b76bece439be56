//! What clients look up first: who issues tokens for a server (RFC 9728), and where and how (RFC 8414).

use super::super::answer;
use crate::auth::oauth::AuthorizationServer;
use crate::http::Response;
use ::http::StatusCode;

/// Which document a path means.
#[derive(Debug, PartialEq, Eq)]
enum Document<'p> {
    /// Of what is at this path below the issuer.
    Resource(&'p str),
    Server,
}

/// The document at this path, of which one segment is `.well-known`.
pub(super) fn answer(oauth: &AuthorizationServer, path: &str) -> Response {
    let document = match document(path, own_path(oauth.base())) {
        Some(Document::Server) => Some(oauth.metadata()),
        Some(Document::Resource(path)) => oauth.resource_metadata(path),
        None => None,
    };
    match document {
        Some(document) => answer::json(StatusCode::OK, &document),
        None => answer::error(StatusCode::NOT_FOUND, "there is no such document here"),
    }
}

/// The path of the issuer's URL: `/mcp` of `https://home.example/mcp`.
fn own_path(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

/// Clients put the path of what they ask about behind `/.well-known/KIND`, as the RFCs have it, or before it. A front
/// that serves us below a path (`own`) may have taken that away or not.
fn document<'p>(path: &'p str, own: &str) -> Option<Document<'p>> {
    let (before, after) = path.split_once("/.well-known/")?;
    let (kind, behind) = after.split_at(after.find('/').unwrap_or(after.len()));
    let about = match (before, behind) {
        ("", about) | (about, "") => about,
        _ => return None,
    };
    let below = match about.strip_prefix(own) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => about,
    };
    match kind {
        "oauth-protected-resource" => Some(Document::Resource(below)),
        "oauth-authorization-server" | "openid-configuration" => below.is_empty().then_some(Document::Server),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Document::{Resource, Server};
    use super::*;

    #[test]
    fn clients_look_in_many_places() {
        for (path, found) in [
            ("/.well-known/oauth-protected-resource", Some(Resource(""))),
            ("/.well-known/oauth-protected-resource/notes", Some(Resource("/notes"))),
            ("/.well-known/oauth-protected-resource/notes/mcp", Some(Resource("/notes/mcp"))),
            ("/notes/.well-known/oauth-protected-resource", Some(Resource("/notes"))),
            ("/.well-known/oauth-authorization-server", Some(Server)),
            ("/.well-known/openid-configuration", Some(Server)),
            ("/.well-known/oauth-authorization-server/notes", None),
            ("/notes/.well-known/openid-configuration", None),
            ("/.well-known/other", None),
            ("/.well-known/", None),
            ("/.well-known", None),
            ("/a/.well-known/oauth-protected-resource/b", None),
        ] {
            assert_eq!(document(path, ""), found, "{path}");
        }
    }

    #[test]
    fn an_issuer_with_a_path_is_found_behind_and_before() {
        let own = own_path("https://home.example/mcp");
        for (path, found) in [
            ("/.well-known/oauth-authorization-server/mcp", Some(Server)),
            ("/mcp/.well-known/openid-configuration", Some(Server)),
            ("/.well-known/openid-configuration", Some(Server)),
            ("/.well-known/oauth-protected-resource/mcp/notes", Some(Resource("/notes"))),
            ("/.well-known/oauth-protected-resource/notes", Some(Resource("/notes"))),
            ("/.well-known/oauth-protected-resource/mcp", Some(Resource(""))),
            ("/.well-known/oauth-protected-resource/mcpnotes", Some(Resource("/mcpnotes"))),
        ] {
            assert_eq!(document(path, own), found, "{path}");
        }
        assert_eq!(own_path("https://home.example"), "");
    }
}
