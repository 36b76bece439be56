//! `/health/ws`: what `/servers` says now, and then each change of it, for whoever watches.
//!
//! Watchers wait on threads of their own, for their client and for the one bell of [`crate::server::Changes`]. The
//! first who is woken looks at all servers, and the others share what it saw: a [`Picture`]. What a watcher tells is
//! the difference between two pictures, so whoever is late gets the latest and never a backlog.

mod picture;
mod watcher;

use crate::fleet::Fleet;
use picture::{Figures, Picture};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
pub use watcher::Watcher;

/// Figures are looked up once in this time, however many ask for them.
const FIGURES_AGE: Duration = Duration::from_millis(900);

/// What all watchers share.
pub struct Feed {
    fleet: Arc<Fleet>,
    latest: Mutex<Arc<Picture>>,
    figures: Mutex<Option<(Instant, Arc<Figures>)>>,
}

impl Feed {
    /// The changes of these servers.
    pub fn new(fleet: Arc<Fleet>) -> Arc<Feed> {
        Arc::new(Feed { fleet, latest: Mutex::default(), figures: Mutex::default() })
    }

    /// What there is to see now.
    fn picture(&self) -> Arc<Picture> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the look: what changes meanwhile is seen at the next one.
        let moment = self.fleet.changes().count();
        if latest.moment != Some(moment) {
            *latest = Arc::new(Picture::of(&self.fleet.serving(), moment, &latest));
        }
        Arc::clone(&latest)
    }

    /// The figures of all servers, not older than [`FIGURES_AGE`].
    fn figures(&self) -> Arc<Figures> {
        let mut latest = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some((at, figures)) if at.elapsed() < FIGURES_AGE => Arc::clone(figures),
            _ => {
                self.fleet.measure();
                let figures = Arc::new(picture::figures(&self.fleet.serving()));
                *latest = Some((Instant::now(), Arc::clone(&figures)));
                figures
            }
        }
    }
}
