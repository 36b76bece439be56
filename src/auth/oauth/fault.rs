//! What is told a client whose request cannot be granted (OAuth 2.1, 3.2.4 and 4.1.2.1; RFC 7591, 3.2.2).

use std::fmt;

/// An error code of OAuth, and words for who reads a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `invalid_grant` and the like.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub description: String,
}

impl Fault {
    /// A fault with the client's request.
    pub fn new(code: &'static str, description: impl Into<String>) -> Fault {
        Fault { code, description: description.into() }
    }

    /// The client is not who it says, or not known (any more): it should register again.
    pub(super) fn client() -> Fault {
        Fault::new(
            "invalid_client",
            "this client is not known here, or its secret is wrong; register it again",
        )
    }

    /// A code or refresh token that cannot be used.
    pub(super) fn grant(description: &str) -> Fault {
        Fault::new("invalid_grant", description)
    }

    /// Something that is missing or wrong.
    pub(super) fn request(description: impl Into<String>) -> Fault {
        Fault::new("invalid_request", description)
    }

    /// A `resource` that is not ours.
    pub(super) fn target(base: &str) -> Fault {
        Fault::new("invalid_target", format!("resource has to be the URL of a server here: {base}/NAME"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.description)
    }
}
