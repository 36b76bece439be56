//! Where the servers come from, at start and at each reload.

use crate::config::{Loaded, ProxySection, environment, state_dir};
use crate::discovery::{Discovery, discover};
use crate::watch::Plan;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

type Load = Box<dyn Fn() -> Result<Loaded, String> + Send>;

/// The configuration as it was read last, and the way to read it again.
pub(super) struct Source {
    loaded: Loaded,
    load: Mutex<Load>,
    /// What was wrong at the last look: while a server is written, only what is new of it is worth a line.
    said: Mutex<BTreeSet<String>>,
}

impl Source {
    pub(super) fn new(loaded: Loaded, load: impl Fn() -> Result<Loaded, String> + Send + 'static) -> Source {
        Source { loaded, load: Mutex::new(Box::new(load)), said: Mutex::default() }
    }

    /// What is there to serve, by the configuration of the start. In development nothing may be there yet.
    pub(super) fn discover(&self) -> Result<Discovery, String> {
        match self.found(&self.loaded) {
            Err(problem) if self.loaded.dev => {
                log::warn!(event = "nothing-yet"; "{problem}; waiting for that");
                Ok(Discovery::default())
            }
            found => found,
        }
    }

    /// The same, read anew, and what is to be watched from now on. Servers and how they are treated follow; the
    /// address, limits and the like are those of the start.
    pub(super) fn reload(&self) -> Result<(Discovery, Plan), String> {
        let loaded =
            self.load.lock().map_err(|_| "an earlier reload failed badly; restart the proxy".to_string())?()?;
        let found = self.found(&loaded)?;
        let plan = plan(&loaded).with(&found.servers);
        Ok((found, plan))
    }

    /// What is to be watched before anything is known of the servers.
    pub(super) fn plan(&self) -> Plan {
        plan(&self.loaded)
    }

    /// Says again at the next look all that is wrong.
    pub(super) fn say_all(&self) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn state_dir(&self) -> Result<PathBuf, String> {
        state_dir(&self.loaded.config, &self.loaded.dir, &environment()).map_err(|error| error.to_string())
    }

    /// The secret that signs session ids, if it is not the state folder's own.
    pub(super) fn session_key_file(&self) -> Option<PathBuf> {
        let file = &self.loaded.config.proxy.session_key_file;
        (!file.is_empty()).then(|| self.loaded.dir.join(file))
    }

    /// The file with tokens that were made elsewhere, if there is to be one.
    pub(super) fn token_file(&self) -> Option<PathBuf> {
        let file = &self.loaded.config.auth.token_file;
        (!file.is_empty()).then(|| self.loaded.dir.join(file))
    }

    fn found(&self, loaded: &Loaded) -> Result<Discovery, String> {
        let found = discover(&loaded.config, &loaded.dir).map_err(|error| error.to_string())?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *said);
        let mut is_new = |words: &str| said.insert(words.to_string()) && !before.contains(words);
        for warning in loaded.warnings.iter().chain(&found.warnings).filter(|warning| is_new(warning)) {
            log::warn!(event = "configuration"; "{warning}");
        }
        let partial = "[proxy], [limits], [health], [restart], [auth], [log] and [tls] take effect when the proxy is restarted";
        if self.differs(loaded) && is_new(partial) {
            log::warn!(event = "reload-partial"; "{partial}");
        }
        for out in &found.left_out {
            let words = format!("{} is left out: {}; {}", out.place, out.reason, out.remedy);
            if is_new(&words) {
                log::warn!(server = out.name.as_str(), event = "left-out"; "{words}");
            }
        }
        Ok(found)
    }

    /// Whether something is said otherwise than at the start that cannot be changed since.
    fn differs(&self, loaded: &Loaded) -> bool {
        let (old, new) = (&self.loaded.config, &loaded.config);
        // Where servers are looked for follows as well.
        let (servers, import) = (new.proxy.servers.clone(), new.proxy.import.clone());
        let proxy = ProxySection { servers, import, ..old.proxy.clone() };
        (&proxy, &old.limits, &old.health, &old.restart, &old.auth, &old.log, &old.tls)
            != (&new.proxy, &new.limits, &new.health, &new.restart, &new.auth, &new.log, &new.tls)
    }
}

fn plan(loaded: &Loaded) -> Plan {
    Plan::new(&loaded.dir.join(&loaded.config.proxy.servers), loaded.files())
}
