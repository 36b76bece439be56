//! Only some tools: what is hidden is neither shown nor called, whatever the server, its era and the transport, and by
//! no trick; and the audit log says who called what.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../eras/rig.rs"]
#[allow(dead_code, unreachable_pub)]
mod rig;

/// An HTTP server that answers what a test tells it to.
mod scripted;

mod audit;
mod forwarded;
mod scopes;
mod shown;
mod tricks;
