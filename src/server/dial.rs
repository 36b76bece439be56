//! A connection that stands in for a child's pipes: to an HTTP server of another era or transport.

use super::lines::Oversize;
use super::outlet::{Opening, Outlet};
use std::sync::Arc;

/// Makes such connections.
pub trait Dial: Send + Sync + 'static {
    /// Begins a connection. What the server says goes to `inlet`.
    ///
    /// # Errors
    /// No connection can be begun: why, in words.
    fn dial(&self, opening: &Opening, inlet: Inlet) -> Result<Arc<dyn Outlet>, String>;
}

/// Where a connection puts what its server says. (A stub: the real one is made elsewhere.)
#[derive(Clone)]
pub struct Inlet;

impl Inlet {
    /// One JSON-RPC message, without line ends.
    pub fn line(&self, _line: Vec<u8>) {}

    /// A message went over the limit and was passed over.
    pub fn oversize(&self, _line: &Oversize) {}

    /// The connection is over.
    pub fn ended(&self, _why: &str) {}
}
