//! Who is connected, and who has to go when there is no room.

use super::link::Link;
use super::lock;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Connections beyond `max_connections`, so that `/health` and a 503 can always be answered.
pub const RESERVE: usize = 16;
/// A reserve connection is left this long to say what it wants before a newcomer may replace it.
const RESERVE_PATIENCE_MS: u64 = 250;

/// Where a newcomer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Regular,
    Reserve,
    Full,
}

#[derive(Debug, Default)]
struct Tables {
    regular: HashMap<u64, Arc<Link>>,
    reserve: HashMap<u64, Arc<Link>>,
}

/// All connections. The lock is held for looking only, never for a system call on a socket.
#[derive(Debug)]
pub(crate) struct Roster {
    tables: Mutex<Tables>,
    left: Condvar,
    most: usize,
}

impl Roster {
    pub(crate) fn new(most: usize) -> Roster {
        Roster { tables: Mutex::default(), left: Condvar::new(), most: most.max(1) }
    }

    /// Finds a place for a newcomer, and who had to go for it: the connection that has been longest
    /// without a complete head.
    pub(crate) fn admit(&self, link: &Arc<Link>, now: u64) -> (Place, Option<Arc<Link>>) {
        let mut tables = lock(&self.tables);
        let (place, gone) = tables.place(self.most, now);
        match place {
            Place::Regular => tables.regular.insert(link.id, link.clone()),
            Place::Reserve => tables.reserve.insert(link.id, link.clone()),
            Place::Full => None,
        };
        (place, gone)
    }

    /// A connection has ended.
    pub(crate) fn remove(&self, id: u64) {
        let mut tables = lock(&self.tables);
        tables.regular.remove(&id);
        tables.reserve.remove(&id);
        self.left.notify_all();
    }

    /// Regular and reserve connections now.
    pub(crate) fn count(&self) -> usize {
        let tables = lock(&self.tables);
        tables.regular.len() + tables.reserve.len()
    }

    /// Ends the connections that `which` names and that wait for a request.
    pub(crate) fn dismiss(&self, which: impl Fn(&Link) -> bool) {
        for link in self.all().iter().filter(|link| which(link)) {
            if link.turn.waits_since().is_some_and(|since| link.turn.dismiss(since)) {
                link.shut();
            }
        }
    }

    /// Ends all connections, whatever they are at.
    pub(crate) fn cut(&self) {
        self.all().iter().for_each(|link| link.shut());
    }

    /// Waits until nobody is connected; false if it took longer than `grace`.
    pub(crate) fn wait_empty(&self, grace: Duration) -> bool {
        let deadline = super::after(grace);
        let mut tables = lock(&self.tables);
        while !(tables.regular.is_empty() && tables.reserve.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            tables = super::wait(&self.left, tables, left);
        }
        true
    }

    fn all(&self) -> Vec<Arc<Link>> {
        let tables = lock(&self.tables);
        tables.regular.values().chain(tables.reserve.values()).cloned().collect()
    }
}

impl Tables {
    fn place(&mut self, most: usize, now: u64) -> (Place, Option<Arc<Link>>) {
        if self.regular.len() < most {
            return (Place::Regular, None);
        }
        if let Some(gone) = longest_waiting(&mut self.regular, now) {
            return (Place::Regular, Some(gone));
        }
        if self.reserve.len() < RESERVE {
            return (Place::Reserve, None);
        }
        match longest_waiting(&mut self.reserve, now.saturating_sub(RESERVE_PATIENCE_MS)) {
            Some(gone) => (Place::Reserve, Some(gone)),
            None => (Place::Full, None),
        }
    }
}

/// Takes out the connection that has waited longest for a complete head, at least since `latest`.
fn longest_waiting(table: &mut HashMap<u64, Arc<Link>>, latest: u64) -> Option<Arc<Link>> {
    loop {
        let waiting = table.values().filter_map(|link| Some((link.turn.waits_since()?, link.id)));
        let (since, id) = waiting.min().filter(|(since, _)| *since <= latest)?;
        if table.get(&id).is_some_and(|link| link.turn.dismiss(since)) {
            return table.remove(&id);
        }
    }
}
