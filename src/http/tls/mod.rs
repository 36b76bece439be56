//! TLS 1.2 and 1.3 on a client's socket (RFC 5246, RFC 8446), by rustls. Left out with the feature `tls`.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod identity;
#[cfg(feature = "tls")]
mod session;
#[cfg(feature = "tls")]
mod validity;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::Session;
#[cfg(not(feature = "tls"))]
pub use absent::{Identity, certificate_ends};
#[cfg(feature = "tls")]
pub use identity::Identity;
#[cfg(feature = "tls")]
pub(crate) use session::Session;
#[cfg(feature = "tls")]
pub use validity::certificate_ends;

use std::fmt;

/// Who the server says it is, from now on.
pub trait Identities: fmt::Debug + Send + Sync {
    /// The identity for one more handshake; asked on that connection's thread.
    fn current(&self) -> Identity;
}

/// Why something is no identity. No text shows what stood in the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityFault {
    /// The certificates are at fault.
    Certificates(String),
    /// The private key is.
    Key(String),
    /// This build has no TLS.
    Absent,
}
