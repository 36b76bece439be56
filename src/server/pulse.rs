//! When a child was last heard of: any byte it prints is a sign of life.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The moment of the last sign of life.
#[derive(Clone)]
pub(super) struct Pulse {
    begin: Instant,
    /// Milliseconds from `begin`.
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Begins with a sign of life.
    pub(super) fn new() -> Pulse {
        Pulse { begin: Instant::now(), last: Arc::default() }
    }

    /// There is a sign of life now.
    pub(super) fn beat(&self) {
        self.last.store(self.begin.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Time since the last one.
    pub(super) fn silence(&self) -> Duration {
        self.begin.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    /// `pipe`, with a beat for whatever is read from it.
    pub(super) fn listen<R: Read>(self, pipe: R) -> impl Read {
        Heard { pipe, pulse: self }
    }
}

struct Heard<R> {
    pipe: R,
    pulse: Pulse,
}

impl<R: Read> Read for Heard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        self.pulse.beat();
        Ok(count)
    }
}
