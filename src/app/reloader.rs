//! The thread `reload`: reads everything again and serves what it says, one request after the other. A server that
//! is slow to stop keeps this thread waiting, and not the main one, which must hear the next signal.

use super::certificate::Certificate;
use super::manager::Manager;
use super::source::Source;
use crate::discovery::Discovery;
use crate::fleet::{Fleet, Serving};
use crate::http;
use crate::thread;
use crate::watch::{Changes, Plan, Watch, concerned};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the outcome goes, if anybody waits for it.
pub(super) type Reply = Option<Sender<Result<String, String>>>;

/// What the thread is asked for.
enum Request {
    Reload(Reply),
    Changed(Changes),
}

/// The handle on the thread, which ends with it.
pub(super) struct Reloader {
    inbox: Sender<Request>,
}

impl Reloader {
    /// Starts the thread. `watch` is told what to look at.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(
        source: Source,
        fleet: Arc<Fleet>,
        http: Arc<http::Server>,
        watch: Option<Watch>,
        certificate: Option<Arc<Certificate>>,
        manager: Arc<Manager>,
    ) -> io::Result<Reloader> {
        let (inbox, requests) = unbounded();
        let (plan, unserved) = (Plan::default(), BTreeSet::new());
        let desk = Desk { source, fleet, http, watch, certificate, manager, plan, unserved };
        thread::spawn("reload", move || desk.run(&requests))?;
        Ok(Reloader { inbox })
    }

    /// Asks for a reload.
    pub(super) fn reload(&self, reply: Reply) {
        let _ = self.inbox.send(Request::Reload(reply)); // the thread ends after this handle only
    }

    /// Something has changed: asks for a reload, and for a restart of the servers that are concerned.
    pub(super) fn changed(&self, changes: Changes) {
        let _ = self.inbox.send(Request::Changed(changes)); // as above
    }
}

struct Desk {
    source: Source,
    fleet: Arc<Fleet>,
    http: Arc<http::Server>,
    watch: Option<Watch>,
    certificate: Option<Arc<Certificate>>,
    manager: Arc<Manager>,
    plan: Plan,
    /// Changes that a mistake elsewhere has kept from being served.
    unserved: BTreeSet<PathBuf>,
}

impl Desk {
    fn run(mut self, requests: &Receiver<Request>) {
        for request in requests {
            match request {
                Request::Reload(reply) => {
                    self.source.say_all();
                    let outcome = self.reload();
                    if let Some(reply) = reply {
                        let _ = reply.send(outcome); // who asked may be gone
                    }
                }
                Request::Changed(Changes(paths)) => self.changed(paths),
            }
        }
    }

    fn reload(&mut self) -> Result<String, String> {
        self.manager.reloading();
        if let Some(certificate) = &self.certificate {
            certificate.renew();
        }
        let outcome = self.apply().map(|()| summary(&self.fleet.serving()));
        match &outcome {
            Ok(summary) => log::info!(event = "reloaded"; "reloaded: {summary}"),
            Err(problem) => log::error!(event = "reload-refused"; "nothing was changed: {problem}"),
        }
        self.manager.ready(outcome.as_ref().map_or("a reload was refused: see the log", String::as_str));
        outcome
    }

    fn apply(&mut self) -> Result<(), String> {
        let (Discovery { servers, left_out, .. }, plan) = self.source.reload()?;
        self.fleet.apply(servers, left_out, &self.http);
        if let Some(watch) = &self.watch {
            watch.attend(plan.clone());
        }
        self.plan = plan;
        Ok(())
    }

    fn changed(&mut self, paths: BTreeSet<PathBuf>) {
        self.unserved.extend(paths);
        let before = self.fleet.serving();
        if let Err(problem) = self.apply() {
            return log::error!(event = "reload-refused"; "nothing was changed: {problem}");
        }
        let paths = std::mem::take(&mut self.unserved);
        let after = self.fleet.serving();
        let renewed = self.renew(&before, &after, &paths);
        let what = self.words(&paths);
        match outcome(&before, &after, &renewed) {
            done if done.is_empty() => log::debug!(event = "changed"; "{what}: nothing to do"),
            done => log::info!(event = "changed"; "{what}: {}", done.join("; ")),
        }
    }

    /// Restarts the servers whose program has changed and whose specification has not.
    fn renew(&self, before: &Serving, after: &Serving, paths: &BTreeSet<PathBuf>) -> Vec<String> {
        let same = after.servers.iter().filter(|(name, served)| {
            let broken = after.left_out.iter().any(|out| out.name == **name);
            !broken && before.servers.get(*name).is_some_and(|old| Arc::ptr_eq(old, served))
        });
        let same: Vec<_> = same.map(|(_, served)| served).collect();
        let specs = same.iter().map(|served| served.spec.as_ref());
        let mut names = concerned(self.plan.servers(), specs, paths);
        // One that sleeps, or was stopped, takes it up at its next start.
        names.retain(|name| after.servers.get(name).is_some_and(|served| served.renew()));
        names.into_iter().collect()
    }

    /// `servers/notes/index.js and 2 more changed`
    fn words(&self, paths: &BTreeSet<PathBuf>) -> String {
        let root = self.plan.servers().parent().unwrap_or_else(|| self.plan.servers());
        let first = paths.first().map(|path| path.strip_prefix(root).unwrap_or(path).display().to_string());
        let first = first.unwrap_or_default();
        match paths.len() {
            0 | 1 => format!("{first} changed"),
            many => format!("{first} and {} more changed", many - 1),
        }
    }
}

/// What has become of a change, in words: a list for each kind of outcome that there is.
fn outcome(before: &Serving, after: &Serving, renewed: &[String]) -> Vec<String> {
    let mut new = Vec::new();
    let mut restarted = renewed.to_vec();
    for (name, served) in &after.servers {
        match before.servers.get(name) {
            None => new.push(name.clone()),
            Some(old) if !Arc::ptr_eq(old, served) => restarted.push(name.clone()),
            Some(_) => {}
        }
    }
    let gone = before.servers.keys().filter(|name| !after.servers.contains_key(*name)).cloned().collect();
    let lists = [("serving", new), ("restarting", restarted), ("no more serving", gone)];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    lists.map(|(what, names)| format!("{what} {}", names.join(", "))).collect()
}

/// How many are served, and what is not as it should be.
fn summary(serving: &Serving) -> String {
    let left_out = serving.left_out.iter().map(|out| format!("{} ({})", out.name, out.reason));
    let problems = match left_out.collect::<Vec<_>>() {
        none if none.is_empty() => String::new(),
        some => format!("; not as its files say: {}", some.join(", ")),
    };
    format!("{} served{problems}", serving.servers.len())
}
