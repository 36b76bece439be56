//! The answer to one POST: JSON if it comes soon and alone, else an event stream.

use crate::fake;
use crate::out::{Events, Out};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How soon a stream is opened for an answer that is not there yet, and how soon it notices that its client has gone.
const PULSE: Duration = Duration::from_millis(50);

/// One message on its way to the client.
pub(crate) enum Said {
    More(String),
    /// The last one, with the status it has if it is the first one too.
    Answer(String, u16),
}

pub(crate) struct Post {
    outlet: Arc<Outlet>,
    inbox: Receiver<Said>,
}

struct Outlet(Sender<Said>);

impl Default for Post {
    fn default() -> Post {
        let (sender, inbox) = channel();
        Post { outlet: Arc::new(Outlet(sender)), inbox }
    }
}

impl fake::Outlet for Outlet {
    fn send(&self, line: &str) {
        let _ = self.0.send(Said::More(line.to_string()));
    }

    fn answer(&self, line: &str, status: u16) {
        let _ = self.0.send(Said::Answer(line.to_string(), status));
    }
}

impl Post {
    pub(crate) fn outlet(&self) -> fake::Out {
        self.outlet.clone()
    }

    /// Returns whether the client was there to the end.
    pub(crate) fn answer(self, out: Out) -> io::Result<bool> {
        match self.inbox.recv_timeout(PULSE) {
            Ok(Said::Answer(line, status)) => out.json(status, &line).map(|()| true),
            Ok(Said::More(line)) => {
                let mut events = out.events()?;
                if events.send(&line).is_err() {
                    return Ok(false);
                }
                pump(&self.inbox, events)
            }
            Err(_) => pump(&self.inbox, out.events()?),
        }
    }
}

/// Until the answer, or the end of whoever sends. False: a write showed that the client has gone.
pub(crate) fn pump(inbox: &Receiver<Said>, mut events: Events) -> io::Result<bool> {
    loop {
        let written = match inbox.recv_timeout(PULSE) {
            Ok(Said::More(line)) => events.send(&line),
            Ok(Said::Answer(line, _)) => {
                return Ok(events.send(&line).and_then(|()| events.end()).is_ok());
            }
            Err(RecvTimeoutError::Timeout) => events.keep_alive(),
            Err(RecvTimeoutError::Disconnected) => return events.end().map(|()| true),
        };
        if written.is_err() {
            return Ok(false);
        }
    }
}
