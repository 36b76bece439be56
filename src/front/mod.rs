//! The front door: it is settled whose request it is ([`peer`]), every one passes the [`guard`], is told apart by its
//! [`route`], and goes to the bridge, to an HTTP server, or is answered here. The ports of single servers lead through
//! the same door.

mod access;
mod answer;
mod api;
mod control;
mod cors;
mod guard;
mod health_events;
mod html;
mod logs;
mod oauth;
mod own;
mod page;
mod peer;
mod place;
mod probe;
mod route;
mod router;

pub use guard::Guard;
pub use peer::Peers;
pub use place::Place;
#[cfg(fuzzing)]
pub use route::Route;
pub use router::{Command, Front};
