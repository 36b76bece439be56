//! The one place that starts threads: names of at most 15 bytes (what Linux shows), small stacks.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Stack of a thread that serves a connection or a child's pipe. Only touched pages cost memory;
/// a TLS handshake is the deepest thing that runs on one.
///
/// A thread that streams keeps the pages that were touched before its stream began. So what is large and rare on the way
/// from the request to its stream stands in functions of its own that are never inlined: their room is not part of every
/// way.
pub const STACK_BYTES: usize = 256 * 1024;

/// Starts a named thread. The name is cut at 15 bytes, so its role comes first: `out:NAME`, `conn-7`.
///
/// # Errors
/// The operating system has no thread left to give.
pub fn spawn<F, T>(name: &str, body: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let end = name.floor_char_boundary(15);
    Builder::new().name(name[..end].to_string()).stack_size(STACK_BYTES).spawn(body)
}
