//! Where the servers come from, at start and at each reload.

use crate::config::{Loaded, ProxySection, environment, state_dir};
use crate::discovery::{Discovery, discover};
use std::path::PathBuf;
use std::sync::Mutex;

type Load = Box<dyn Fn() -> Result<Loaded, String> + Send>;

/// The configuration as it was read last, and the way to read it again.
pub(super) struct Source {
    loaded: Loaded,
    load: Mutex<Load>,
}

impl Source {
    pub(super) fn new(loaded: Loaded, load: impl Fn() -> Result<Loaded, String> + Send + 'static) -> Source {
        Source { loaded, load: Mutex::new(Box::new(load)) }
    }

    /// What is there to serve, by the configuration of the start.
    pub(super) fn discover(&self) -> Result<Discovery, String> {
        found(&self.loaded)
    }

    /// The same, read anew. Servers and how they are treated follow; the address, limits and the like are those of
    /// the start.
    pub(super) fn reload(&self) -> Result<Discovery, String> {
        let loaded =
            self.load.lock().map_err(|_| "an earlier reload failed badly; restart the proxy".to_string())?()?;
        let (old, new) = (&self.loaded.config, &loaded.config);
        // Where servers are looked for follows as well.
        let (servers, import) = (new.proxy.servers.clone(), new.proxy.import.clone());
        let proxy = ProxySection { servers, import, ..old.proxy.clone() };
        let same = (&proxy, &old.limits, &old.health, &old.restart, &old.log)
            == (&new.proxy, &new.limits, &new.health, &new.restart, &new.log);
        if !same {
            log::warn!(event = "reload-partial"; "[proxy], [limits], [health], [restart] and [log] take effect when the proxy is restarted");
        }
        found(&loaded)
    }

    pub(super) fn state_dir(&self) -> Result<PathBuf, String> {
        state_dir(&self.loaded.config, &self.loaded.dir, &environment()).map_err(|error| error.to_string())
    }
}

fn found(loaded: &Loaded) -> Result<Discovery, String> {
    let found = discover(&loaded.config, &loaded.dir).map_err(|error| error.to_string())?;
    for warning in loaded.warnings.iter().chain(&found.warnings) {
        log::warn!(event = "configuration"; "{warning}");
    }
    for out in &found.left_out {
        log::warn!(server = out.name.as_str(), event = "left-out"; "{} is left out: {}; {}", out.place, out.reason, out.remedy);
    }
    Ok(found)
}
