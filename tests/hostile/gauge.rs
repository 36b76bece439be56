//! What the proxy takes of the machine, from /proc.

use std::fs;

/// A look at one process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Memory that is in use now, and the most since the last [`Gauge::begin_peak`], in bytes.
    pub(crate) rss: u64,
    pub(crate) peak: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: usize,
}

#[derive(Clone, Copy)]
pub(crate) struct Gauge {
    pid: u32,
}

impl Gauge {
    pub(crate) fn of(pid: u32) -> Gauge {
        Gauge { pid }
    }

    pub(crate) fn read(self) -> Figures {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the proxy lives");
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        Figures {
            rss: number("VmRSS:") * 1024,
            peak: number("VmHWM:") * 1024,
            threads: number("Threads:"),
            descriptors: fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count),
        }
    }

    /// From now on the peak is counted anew (proc(5), clear_refs).
    pub(crate) fn begin_peak(self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.pid), "5");
    }
}
