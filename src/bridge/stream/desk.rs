//! Where a stream is handed over when its client comes back on another connection.

use super::mailbox::Mailbox;
use super::waiter::Waiter;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Streams of one session whose client may be away at once; the oldest is given up.
const MAX_AWAY: usize = 16;
/// How long a thread may take to notice that its stream is asked for.
const HAND_OVER: Duration = Duration::from_secs(2);

/// The streams of one session that can be taken up again.
#[derive(Default)]
pub(crate) struct Desk {
    streams: Mutex<Streams>,
    left: Condvar,
}

#[derive(Default)]
struct Streams {
    places: BTreeMap<u64, Place>,
    /// The session is over: nobody comes back.
    over: bool,
}

/// Who has a stream.
enum Place {
    /// A thread follows it.
    Followed(Arc<Mailbox>),
    /// Its client is away.
    Away(Box<Waiter>),
}

impl Desk {
    /// A thread follows this stream.
    pub(crate) fn follow(&self, stream: u64, mailbox: &Arc<Mailbox>) {
        self.streams().places.insert(stream, Place::Followed(Arc::clone(mailbox)));
    }

    /// The client of this stream has gone away. It may come back.
    pub(crate) fn leave(&self, stream: u64, waiter: Waiter) {
        let mut streams = self.streams();
        if streams.over {
            drop(streams);
            return waiter.give_up();
        }
        let away = |(number, place): (&u64, &Place)| matches!(place, Place::Away(_)).then_some(*number);
        let all: Vec<u64> = streams.places.iter().filter_map(away).collect();
        if all.len() >= MAX_AWAY
            && let Some(Place::Away(oldest)) = streams.places.remove(&all[0])
        {
            oldest.give_up();
        }
        streams.places.insert(stream, Place::Away(Box::new(waiter)));
        self.left.notify_all();
    }

    /// The stream is over.
    pub(crate) fn close(&self, stream: u64) {
        self.streams().places.remove(&stream);
        self.left.notify_all();
    }

    /// Takes up a stream; from a thread that has not noticed yet that its client is gone, too.
    pub(crate) fn take(&self, stream: u64) -> Option<Waiter> {
        let streams = self.streams();
        if let Some(Place::Followed(mailbox)) = streams.places.get(&stream) {
            mailbox.attach();
        }
        let followed =
            |streams: &mut Streams| matches!(streams.places.get(&stream), Some(Place::Followed(_)));
        let waited = self.left.wait_timeout_while(streams, HAND_OVER, followed);
        let places = &mut waited.unwrap_or_else(PoisonError::into_inner).0.places;
        match places.remove(&stream)? {
            Place::Away(waiter) => Some(*waiter),
            followed @ Place::Followed(_) => {
                places.insert(stream, followed);
                None
            }
        }
    }

    /// The session is over.
    pub(crate) fn clear(&self) {
        let all = std::mem::replace(&mut *self.streams(), Streams { over: true, ..Streams::default() });
        for place in all.places.into_values() {
            if let Place::Away(waiter) = place {
                waiter.give_up();
            }
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
