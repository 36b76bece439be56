//! What the processes of all servers take: one look at `/proc` for all of them, at most one a second (Linux; elsewhere
//! nobody looks).

use super::guard::Guard;
use super::tree::{self, Place};
use crate::meter::Meter;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Of processor time (USER_HZ, time(7)); every Linux has 100.
const TICKS_A_SECOND: u64 = 100;

/// Looks at the processes of servers.
#[derive(Default)]
pub struct Census(Mutex<Option<Look>>);

/// The last one.
struct Look {
    at: Instant,
    /// Ticks that a tree had used, by its leader.
    ticks: HashMap<u32, u64>,
}

/// Who is looked at: a server, and the processes that were started for it.
pub type Leaders = Vec<(Arc<Meter>, Vec<u32>)>;

impl Census {
    /// Looks, unless the last look is less than a second old, and leaves what it finds with the meters. Whoever comes
    /// while another one looks waits for that.
    pub fn take(&self, guard: &Guard, leaders: impl FnOnce() -> Leaders) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|last| last.at.elapsed() < INTERVAL) {
            return;
        }
        let places = tree::places();
        if places.is_empty() {
            return;
        }
        let (leaders, at) = (leaders(), Instant::now());
        let since = last.as_ref().map(|last| at - last.at);
        let before = last.take().map(|last| last.ticks).unwrap_or_default();
        let mut orphans = orphans(&places, &leaders, guard);
        let mut ticks = HashMap::new();
        for (meter, mut roots) in leaders {
            roots.extend(orphans.remove(meter.name()).unwrap_or_default());
            note(&meter, &roots, &places, &before, &mut ticks, since);
        }
        *last = Some(Look { at, ticks });
    }
}

/// Sums up the trees of one server.
fn note(
    meter: &Meter,
    roots: &[u32],
    places: &[Place],
    before: &HashMap<u32, u64>,
    ticks: &mut HashMap<u32, u64>,
    since: Option<Duration>,
) {
    let (mut processes, mut memory, mut used) = (0, 0, 0);
    for root in roots {
        let tree = tree::related(*root, places);
        let of_tree: Vec<&Place> =
            places.iter().filter(|place| tree.binary_search(&place.pid).is_ok()).collect();
        let now = of_tree.iter().map(|place| place.ticks).sum();
        processes += of_tree.len() as u64;
        memory += of_tree.iter().filter_map(|place| tree::resident_bytes(place.pid)).sum::<u64>();
        // Less than before: what has left the tree took its share along.
        used += u64::saturating_sub(now, before.get(root).copied().unwrap_or_default());
        ticks.insert(*root, now);
    }
    meter.usage.note(processes, memory, Duration::from_millis(used * 1000 / TICKS_A_SECOND), since);
}

/// Processes whose parents are gone: they have become children of the proxy, and still say whose they are.
fn orphans(places: &[Place], leaders: &Leaders, guard: &Guard) -> HashMap<String, Vec<u32>> {
    let own = std::process::id();
    let known = |pid: &u32| leaders.iter().any(|(_, roots)| roots.contains(pid));
    let strays = places.iter().filter(|place| place.parent == own && !known(&place.pid));
    let strays = strays.filter(|place| !known(&place.group));
    let mut orphans: HashMap<String, Vec<u32>> = HashMap::new();
    for place in strays {
        if let Some(server) = guard.marker().server_of(place.pid) {
            orphans.entry(server).or_default().push(place.pid);
        }
    }
    orphans
}
