//! Where it happens: a proxy as it ships, two servers behind it, the well-behaved client, and the watch on memory.

use crate::gauge::{Figures, Gauge};
use crate::harness::{Fake, Proxy, Site};
use crate::imposter;
use crate::witness::Witness;
use std::sync::Mutex;
use std::time::Duration;

/// How long the well-behaved client is watched before the first attack.
const QUIET: Duration = Duration::from_secs(4);

pub(crate) struct Ground {
    pub(crate) proxy: Proxy,
    pub(crate) gauge: Gauge,
    pub(crate) witness: Witness,
    /// Before anybody came.
    pub(crate) before: Figures,
    /// The highest of all peaks.
    most: Mutex<u64>,
}

impl Ground {
    /// `stdio` and `http` are what the well-behaved client uses, `imposter` an HTTP server that answers with what no
    /// server may.
    pub(crate) fn prepare() -> Ground {
        let site = Site::new().fake("stdio", Fake::stdio()).fake("http", Fake::http());
        site.write("servers/imposter/server.toml", &imposter::table("http-server", "transport = \"http\""));
        let proxy = site.start();
        ["stdio", "http", "imposter"].iter().for_each(|name| drop(proxy.wait_ready(name)));
        let gauge = Gauge::of(proxy.pid());
        let before = gauge.read();
        let witness = Witness::start(&proxy, QUIET);
        gauge.begin_peak();
        Ground { proxy, gauge, witness, before, most: Mutex::new(before.peak) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.proxy.url(path)
    }

    /// The most memory since the last time this was asked.
    pub(crate) fn take_peak(&self) -> u64 {
        let peak = self.gauge.read().peak;
        self.gauge.begin_peak();
        let mut most = self.most.lock().expect("no panic within");
        *most = peak.max(*most);
        peak
    }

    pub(crate) fn most(&self) -> u64 {
        *self.most.lock().expect("no panic within")
    }
}
