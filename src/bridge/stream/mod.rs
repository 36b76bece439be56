//! The client's side: how what belongs to it is kept, rendered and written, on a POST, on the GET stream, and again
//! for a client that comes back.

mod clock;
pub(crate) mod desk;
pub(crate) mod events;
pub(crate) mod kept;
pub(crate) mod mailbox;
pub(crate) mod parked;
pub(crate) mod render;
pub(crate) mod replay;
pub(crate) mod waiter;
