//! The thread `reload`: reads everything again and serves what it says, one request after the other. A server that
//! is slow to stop keeps this thread waiting, and not the main one, which must hear the next signal.

use super::source::Source;
use crate::fleet::Fleet;
use crate::http;
use crate::thread;
use crossbeam_channel::{Sender, unbounded};
use std::io;
use std::sync::Arc;

/// Where the outcome goes, if anybody waits for it.
pub(super) type Reply = Option<Sender<Result<String, String>>>;

/// The handle on the thread, which ends with it.
pub(super) struct Reloader {
    inbox: Sender<Reply>,
}

impl Reloader {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(source: Source, fleet: Arc<Fleet>, http: Arc<http::Server>) -> io::Result<Reloader> {
        let (inbox, requests) = unbounded::<Reply>();
        thread::spawn("reload", move || {
            for reply in requests {
                let outcome = reload(&source, &fleet, &http);
                if let Some(reply) = reply {
                    let _ = reply.send(outcome); // who asked may be gone
                }
            }
        })?;
        Ok(Reloader { inbox })
    }

    /// Asks for a reload.
    pub(super) fn reload(&self, reply: Reply) {
        let _ = self.inbox.send(reply); // the thread ends after this handle only
    }
}

fn reload(source: &Source, fleet: &Fleet, http: &Arc<http::Server>) -> Result<String, String> {
    let outcome = source.reload().map(|found| {
        fleet.apply(found.servers, found.left_out, http);
        let serving = fleet.serving();
        let left_out: Vec<String> =
            serving.left_out.iter().map(|out| format!("{} ({})", out.name, out.reason)).collect();
        let problems = if left_out.is_empty() {
            String::new()
        } else {
            format!("; not as its files say: {}", left_out.join(", "))
        };
        format!("{} served{problems}", serving.servers.len())
    });
    match &outcome {
        Ok(summary) => log::info!(event = "reloaded"; "reloaded: {summary}"),
        Err(problem) => log::error!(event = "reload-refused"; "nothing was changed: {problem}"),
    }
    outcome
}
