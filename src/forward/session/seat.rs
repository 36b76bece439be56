//! What a server calls a session, found out anew once for all who ask at the same time.

use crate::forward::link::refusal::Trouble;
use ::http::HeaderValue;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A session's place at its server.
pub(in crate::forward) struct Seat {
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Default)]
struct State {
    present: Option<Place>,
    /// Somebody is taking a new place.
    is_moving: bool,
    /// How many moves have ended, and how the last one failed.
    moves: u64,
    failure: Option<Arc<Trouble>>,
}

/// What the session is called (nothing: its server keeps none), by which of the server's lives.
struct Place {
    life: u64,
    id: Option<HeaderValue>,
}

impl Seat {
    /// With the place it has, if that is known.
    pub(in crate::forward) fn new(known: Option<(u64, Option<HeaderValue>)>) -> Seat {
        let present = known.map(|(life, id)| Place { life, id });
        Seat { state: Mutex::new(State { present, ..State::default() }), turned: Condvar::new() }
    }

    /// The server has said what it is called, unless that was known.
    pub(in crate::forward) fn settle(&self, life: u64, id: &HeaderValue) {
        self.state().present.get_or_insert_with(|| Place { life, id: Some(id.clone()) });
    }

    /// What it is called in this life of the server, if it is known there.
    pub(in crate::forward) fn known(&self, life: u64) -> Option<Option<HeaderValue>> {
        self.state().fitting(life, None)
    }

    /// What it is called in this life of the server. If it is not known there, or under the name `stale` no longer,
    /// one of those who ask makes a new place by `take`, and all others wait for that.
    ///
    /// # Errors
    /// No place could be taken; all who waited hear the same.
    pub(in crate::forward) fn id(
        &self,
        life: u64,
        stale: Option<&HeaderValue>,
        take: impl FnOnce() -> Result<Option<HeaderValue>, Trouble>,
    ) -> Result<Option<HeaderValue>, Arc<Trouble>> {
        let mut state = self.state();
        loop {
            if let Some(id) = state.fitting(life, stale) {
                return Ok(id);
            }
            if !state.is_moving {
                break;
            }
            let moves = state.moves;
            let turned = self.turned.wait_while(state, |state| state.is_moving && state.moves == moves);
            state = turned.unwrap_or_else(PoisonError::into_inner);
            if let Some(failure) = state.failure.clone().filter(|_| state.moves == moves + 1) {
                return Err(failure);
            }
        }
        state.is_moving = true;
        drop(state);
        let moving = Moving(self);
        moving.end(take().map(|id| Place { life, id }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fitting(&self, life: u64, stale: Option<&HeaderValue>) -> Option<Option<HeaderValue>> {
        let place = self.present.as_ref().filter(|place| place.life == life)?;
        (stale.is_none() || place.id.as_ref() != stale).then(|| place.id.clone())
    }
}

/// A move under way: it ends, whatever comes of it.
struct Moving<'s>(&'s Seat);

impl Moving<'_> {
    fn end(self, taken: Result<Place, Trouble>) -> Result<Option<HeaderValue>, Arc<Trouble>> {
        let mut state = self.0.state();
        match taken {
            Ok(place) => {
                let id = place.id.clone();
                (state.present, state.failure) = (Some(place), None);
                Ok(id)
            }
            Err(trouble) => {
                let trouble = Arc::new(trouble);
                state.failure = Some(Arc::clone(&trouble));
                Err(trouble)
            }
        }
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_moving = false;
        state.moves += 1;
        drop(state);
        self.0.turned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    const OLD: HeaderValue = HeaderValue::from_static("old");
    const NEW: HeaderValue = HeaderValue::from_static("new");

    fn never() -> Result<Option<HeaderValue>, Trouble> {
        panic!("it has a place")
    }

    #[test]
    fn a_place_holds_for_one_life_and_until_it_is_stale() {
        let seat = Seat::new(Some((1, Some(OLD))));
        assert_eq!(seat.id(1, None, never).unwrap(), Some(OLD));
        assert_eq!(seat.known(2), None);
        assert_eq!(seat.id(1, Some(&OLD), || Ok(Some(NEW))).unwrap(), Some(NEW));
        // Who was slower finds it done.
        assert_eq!(seat.id(1, Some(&OLD), never).unwrap(), Some(NEW));
        assert_eq!(seat.id(2, None, || Ok(None)).unwrap(), None);
        assert_eq!(seat.known(2), Some(None));
    }

    #[test]
    fn one_moves_for_all_and_all_hear_how_it_failed() {
        for fails in [false, true] {
            let seat = Seat::new(None);
            let taken = AtomicUsize::new(0);
            let (begun, begin) = channel();
            let (release, released) = channel::<()>();
            let ask = |take: &dyn Fn()| {
                seat.id(1, None, || {
                    take();
                    taken.fetch_add(1, Ordering::SeqCst);
                    if fails { Err(Trouble::Broken("no".into())) } else { Ok(Some(NEW)) }
                })
            };
            std::thread::scope(|scope| {
                let first = scope.spawn(move || {
                    ask(&|| {
                        begun.send(()).unwrap();
                        released.recv().unwrap();
                    })
                });
                begin.recv().unwrap();
                let others: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(&|| ()))).collect();
                release.send(()).unwrap();
                assert_eq!(first.join().unwrap().is_err(), fails);
                let same = others.into_iter().map(|other| other.join().unwrap());
                assert!(same.filter(|other| other.is_err() == fails).count() == 8);
            });
            // Who came when it was over may have tried anew, if it failed.
            assert!(fails || taken.load(Ordering::SeqCst) == 1);
            assert_eq!(seat.id(1, None, || Ok(Some(NEW))).unwrap(), Some(NEW));
        }
    }
}
