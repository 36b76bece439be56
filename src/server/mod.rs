//! One supervisor thread per server: it starts the child, keeps it alive and stops it, and is the only one that
//! changes the server's [`status`]. The layer above is told through a [`Face`], never asked.

mod answers;
mod attempts;
mod census;
mod cgroup;
mod changes;
mod child;
mod confinement;
mod containers;
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
mod journal;
mod learnt;
mod lines;
mod marker;
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
mod version;

use crate::log::request::RequestId;
pub use crate::protocol::skim::Oversize;
pub use answers::{Answers, Known, Place, Said, Shelf};
pub use census::Census;
pub use changes::Changes;
pub use containers::Containers;
pub use dial::{Dial, Inlet};
pub use finder::{Endpoint, Probe, Sight};
pub use gate::Gate;
pub use guard::{GUARD_COMMAND, Guard, run_guard};
pub use handle::{Context, Report, Role, Server};
pub use input::InputError;
pub use journal::{Follower, Heard, Line};
pub use learnt::Memory;
pub use lines::Noise;
pub use os::{handed_over, raise_open_files, release_program, seclude, tame_allocator, trim_allocator};
pub use outlet::{Greeting, Opening, Outlet};
pub use preflight::{Preflight, preflight};
pub use reaper::Reaper;
pub use status::{End, Health, Running, State, Status, Target};
pub use version::version_of;

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
    /// Nobody seems to need this child any more, which is about to be put to sleep: it gets no calls from now on. False
    /// if it has some after all; then it goes on.
    fn rest(&self, _generation: u64) -> bool {
        true
    }
    /// A request that this child cannot have got, which gets no more: it may be made again. False if nobody does.
    fn undelivered(&self, _from: &Running, _line: &[u8]) -> bool {
        false
    }
    /// The one request that this child is at, if there is just one: what it prints on stderr is about that.
    fn only_request(&self, _generation: u64) -> Option<RequestId> {
        None
    }
    /// The child is gone, with whatever it was doing.
    fn down(&self, generation: u64, end: &End);
}
