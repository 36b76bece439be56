//! What the processes of a server take, as far as it was looked at last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The last look, and the sum of all.
#[derive(Debug, Default)]
pub struct Usage {
    processes: AtomicU64,
    memory_bytes: AtomicU64,
    /// Of all children there were, in microseconds.
    cpu: AtomicU64,
    /// Thousandths of a percent of one processor, and one; 0 is unknown.
    load: AtomicU64,
    looks: AtomicU64,
}

/// What one look found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// Processes there are.
    pub processes: u64,
    /// Bytes in RAM, what processes share counted for each.
    pub memory_bytes: u64,
    /// Processor time of all children there were.
    pub cpu: Duration,
    /// Percent of one processor between this look and the one before.
    pub cpu_percent: Option<f64>,
}

impl Usage {
    /// Takes in a look; `cpu` is what was used since the one before, so long ago.
    pub fn note(&self, processes: u64, memory_bytes: u64, cpu: Duration, since: Option<Duration>) {
        self.processes.store(processes, Ordering::Relaxed);
        self.memory_bytes.store(memory_bytes, Ordering::Relaxed);
        self.cpu.fetch_add(u64::try_from(cpu.as_micros()).unwrap_or_default(), Ordering::Relaxed);
        let load = since.map(|since| cpu.as_secs_f64() / since.as_secs_f64().max(0.001) * 100_000.0);
        self.load.store(load.map_or(0, |load| load as u64 + 1), Ordering::Relaxed);
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// What was found last; none if nobody has looked, or nobody can.
    pub fn last(&self) -> Option<Used> {
        (self.looks.load(Ordering::Relaxed) > 0).then(|| Used {
            processes: self.processes.load(Ordering::Relaxed),
            memory_bytes: self.memory_bytes.load(Ordering::Relaxed),
            cpu: Duration::from_micros(self.cpu.load(Ordering::Relaxed)),
            cpu_percent: self.load.load(Ordering::Relaxed).checked_sub(1).map(|load| load as f64 / 1000.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_known_once_somebody_has_looked() {
        let usage = Usage::default();
        assert_eq!(usage.last(), None);
        usage.note(2, 4096, Duration::from_secs(3), None);
        usage.note(1, 1024, Duration::from_secs(1), Some(Duration::from_secs(4)));
        let used =
            Used { processes: 1, memory_bytes: 1024, cpu: Duration::from_secs(4), cpu_percent: Some(25.0) };
        assert_eq!(usage.last(), Some(used));
    }
}
