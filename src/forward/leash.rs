//! A leash: whoever waits for a server on one is let go at once when its holder lets go.
//!
//! It is a pipe into which nothing is ever written. The end of it wakes a `poll` that waits for a socket as well,
//! which a condition variable could not.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The end that is held: dropping it lets go.
#[derive(Debug)]
pub(super) struct Holder(#[allow(dead_code)] PipeWriter);

/// The end that waits.
#[derive(Clone, Debug)]
pub(super) struct Leash(Arc<PipeReader>);

/// A new leash and its holder.
///
/// # Errors
/// This process has no file descriptor left.
pub(super) fn leash() -> io::Result<(Holder, Leash)> {
    let (reader, writer) = io::pipe()?;
    Ok((Holder(writer), Leash(Arc::new(reader))))
}

impl Leash {
    /// Whether the holder has let go.
    pub(super) fn is_cut(&self) -> bool {
        self.pause(Duration::ZERO)
    }

    /// Waits for `time`, but no longer than the holder holds on; true if it has let go.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], left.as_ref()) {
                Ok(0) => return false,
                Err(rustix::io::Errno::INTR) => {}
                _ => return true,
            }
        }
    }
}

impl AsFd for Leash {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_when_the_holder_lets_go() {
        let (holder, leash) = leash().unwrap();
        assert!(!leash.is_cut() && !leash.pause(Duration::from_millis(1)));
        let waiting = leash.clone();
        let thread = crate::thread::spawn("test", move || waiting.pause(Duration::from_secs(60))).unwrap();
        drop(holder);
        assert!(thread.join().unwrap() && leash.is_cut());
    }
}
