//! One supervisor thread per server: it starts the child, keeps it alive and stops it, and is the only one that
//! changes the server's [`status`]. The layer above is told through a [`Face`], never asked.

mod attempts;
mod cgroup;
mod child;
mod confinement;
mod diagnosis;
mod dial;
mod environment;
mod errors;
mod finder;
mod folders;
mod gate;
mod greeting;
mod guard;
mod handle;
mod input;
mod learnt;
mod lines;
mod os;
mod outlet;
mod output;
pub mod ports;
mod preflight;
mod process;
mod pulse;
mod reaper;
mod restart;
mod sockets;
pub mod status;
mod stderr;
mod supervisor;
#[cfg(test)]
mod tests;
mod tree;
mod usage;
mod users;

pub use crate::protocol::skim::Oversize;
pub use dial::{Dial, Inlet};
pub use finder::{Endpoint, Probe, Sight};
pub use gate::Gate;
pub use guard::{GUARD_COMMAND, Guard, run_guard};
pub use handle::{Context, Report, Role, Server};
pub use input::InputError;
pub use learnt::Memory;
pub use lines::Noise;
pub use os::{raise_open_files, seclude};
pub use outlet::{Greeting, Opening, Outlet};
pub use preflight::{Preflight, preflight};
pub use reaper::Reaper;
pub use status::{End, Health, Running, State, Status, Target};

/// What stands between a child and its clients: the bridge for stdio, the forwarder for HTTP.
/// Called from the server's own threads, one at a time for each method; must not wait for a client.
pub trait Face: Send + Sync + 'static {
    /// A child is about to be started, which may listen on the server's own port if `listens`: that port, which is
    /// left to it then.
    fn starting(&self, _listens: bool) -> Option<u16> {
        None
    }
    /// A child has answered and is about to be announced as ready.
    fn up(&self, running: &Running);
    /// A line of a child's stdout, without its end. It may come before [`Face::up`]; what the child asks then is
    /// answered through `from`.
    ///
    /// # Errors
    /// It is no JSON-RPC message: what kind of noise it is.
    fn line(&self, from: &Running, line: Vec<u8>) -> Result<(), Noise>;
    /// A line went over the limit and was passed over.
    fn oversize(&self, from: &Running, line: &Oversize);
    /// The child is gone, with whatever it was doing.
    fn down(&self, generation: u64, end: &End);
}
