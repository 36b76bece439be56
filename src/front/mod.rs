//! The front door: every request passes the [`guard`], is told apart by its [`route`], and goes to the bridge, to an
//! HTTP server, or is answered here. The ports of single servers lead through the same door.

mod answer;
mod control;
mod cors;
mod guard;
mod route;
mod router;

pub use guard::Guard;
pub use router::{Command, Front};
