//! One who watches: on the thread of its connection, from the snapshot to the end.

use super::super::report;
use super::Feed;
use super::picture::{Change, Figures, Picture};
use crate::http::Upgraded;
use crate::http::websocket::{CloseCode, Speaker};
use serde_json::{Value, json};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A watcher is pinged so often, and let go if nothing came from it by the next time.
const PING: Duration = Duration::from_secs(25);
/// So often it is looked whether a watcher would still be let in.
const LOOK: Duration = Duration::from_secs(5);
/// What changes within this time of a message is told together.
const PACE: Duration = Duration::from_millis(20);

/// Tells one client of every change.
pub struct Watcher {
    feed: Arc<Feed>,
    /// The URL that this client reaches the proxy by.
    base: String,
    /// Whether its client would still be let in.
    is_welcome: Box<dyn Fn() -> bool + Send>,
    /// How often figures are told, if they are.
    figures: Option<Duration>,
}

/// What a watcher has told.
struct Told {
    picture: Arc<Picture>,
    figures: Arc<Figures>,
    next_figures: Option<Instant>,
    next_look: Instant,
}

impl Watcher {
    /// For who reaches the proxy by `base`. It ends soon after `is_welcome` has said no; `figures` are told that often,
    /// if at all.
    pub fn new(
        feed: &Arc<Feed>,
        base: String,
        figures: Option<Duration>,
        is_welcome: impl Fn() -> bool + Send + 'static,
    ) -> Watcher {
        Watcher { feed: Arc::clone(feed), base, figures, is_welcome: Box::new(is_welcome) }
    }

    /// Tells the state and then its changes, until either side ends it.
    ///
    /// # Errors
    /// The client does not read or answer in time, or has left without a word.
    pub fn watch(self, connection: Upgraded<'_>) -> io::Result<()> {
        let mut speaker = Speaker::new(connection, PING);
        let now = Instant::now();
        let next_figures = self.figures.map(|every| now + every);
        let mut told =
            Told { picture: Arc::default(), figures: Arc::default(), next_figures, next_look: now + LOOK };
        loop {
            let Some(bell) = self.feed.fleet.changes().next()? else { return self.say_goodbye(speaker) };
            let has_told = self.tell(&mut told, &mut speaker)?;
            if Instant::now() >= told.next_look {
                if !(self.is_welcome)() {
                    return speaker.end(CloseCode::Policy, "the credential is no longer good");
                }
                told.next_look = Instant::now() + LOOK;
            }
            let (bell, until) = match has_told {
                true => (None, Instant::now() + PACE),
                false => (Some(bell.as_fd()), told.wake()),
            };
            if !speaker.listen(bell, until)? {
                return Ok(());
            }
        }
    }

    /// Tells what is new; whether anything was.
    fn tell(&self, told: &mut Told, speaker: &mut Speaker<'_>) -> io::Result<bool> {
        let now = self.feed.picture();
        let messages: Vec<Value> = match told.picture.moment {
            None => vec![self.snapshot(&now)],
            Some(_) => now
                .changes(&told.picture)
                .into_iter()
                .filter_map(|change| self.message(&now, change))
                .collect(),
        };
        told.picture = now;
        let figures = self.figures_message(told);
        let mut has_told = false;
        for message in messages.into_iter().chain(figures) {
            has_told = true;
            speaker.say(message.to_string())?;
        }
        Ok(has_told)
    }

    fn snapshot(&self, now: &Picture) -> Value {
        let mut snapshot = report::servers(&self.feed.fleet.serving(), &self.base);
        if let (Value::Object(all), Value::Object(head)) = (&mut snapshot, head("snapshot", now)) {
            all.extend(head);
        }
        snapshot
    }

    /// None if it is over by now: another change says what came after it.
    fn message(&self, now: &Picture, change: Change<'_>) -> Option<Value> {
        let of_kind = |kind| head(kind, now);
        let mut message = match change {
            Change::Server(_) => of_kind("server"),
            Change::Removed(_) => of_kind("removed"),
            Change::LeftOut => of_kind("left_out"),
            Change::Status => of_kind("status"),
        };
        match change {
            Change::Server(name) => {
                let served = self.feed.fleet.get(name)?;
                message["server"] = report::server(&served, &self.base);
            }
            Change::Removed(name) => message["name"] = name.into(),
            Change::LeftOut => message["left_out"] = report::left_out(&self.feed.fleet.serving()).into(),
            Change::Status => {}
        }
        Some(message)
    }

    /// The figures that have changed, if it is time for them.
    fn figures_message(&self, told: &mut Told) -> Option<Value> {
        let (every, due) = self.figures.zip(told.next_figures)?;
        if Instant::now() < due {
            return None;
        }
        told.next_figures = Some(Instant::now() + every);
        let now = self.feed.figures();
        let changed: serde_json::Map<String, Value> = now
            .iter()
            .filter(|(name, figures)| told.figures.get(*name) != Some(figures))
            .map(|(name, figures)| (name.clone(), figures.clone()))
            .collect();
        told.figures = now;
        (!changed.is_empty()).then(|| json!({ "type": "figures", "at": at(), "servers": changed }))
    }

    fn say_goodbye(&self, mut speaker: Speaker<'_>) -> io::Result<()> {
        speaker.say(json!({ "type": "status", "at": at(), "status": "stopping" }).to_string())?;
        speaker.end(CloseCode::Away, "the proxy is ending; come back in a moment")
    }
}

impl Told {
    /// Until when nothing has to be done unless something happens.
    fn wake(&self) -> Instant {
        self.next_figures.map_or(self.next_look, |due| due.min(self.next_look))
    }
}

/// What every message has.
fn head(kind: &str, now: &Picture) -> Value {
    json!({ "type": kind, "at": at(), "status": now.status.as_str() })
}

fn at() -> String {
    report::rfc3339(SystemTime::now())
}
