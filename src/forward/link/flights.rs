//! The requests of a link that are not answered yet: how many there may be, and how one is let go.

use crate::forward::leash::{Holder, Leash, leash};
use crate::server::InputError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests in flight, by their raw ids.
pub(super) struct Flights {
    max: usize,
    /// None once the link is closed.
    holders: Mutex<Option<HashMap<String, Holder>>>,
}

/// A request's place; dropping it gives the place back.
pub(super) struct Flight {
    /// The request's raw id.
    pub(super) id: String,
    /// Cut when nobody waits for its answer any more.
    pub(super) leash: Leash,
    flights: Arc<Flights>,
}

impl Flights {
    pub(super) fn new(max: usize) -> Flights {
        Flights { max, holders: Mutex::new(Some(HashMap::new())) }
    }

    /// Takes a place for a request.
    ///
    /// # Errors
    /// All places are taken (or file descriptors), or the link is closed.
    pub(super) fn enter(self: &Arc<Self>, id: &str) -> Result<Flight, InputError> {
        let (holder, leash) = leash().map_err(|_| InputError::Full)?;
        let mut holders = self.holders();
        let places = holders.as_mut().ok_or(InputError::Closed)?;
        if places.len() >= self.max {
            return Err(InputError::Full);
        }
        places.insert(id.to_string(), holder);
        Ok(Flight { id: id.to_string(), leash, flights: Arc::clone(self) })
    }

    /// Gives back the place of a request that is answered, before anybody hears the answer and sends the next. What is
    /// returned keeps its leash whole for as long as its connection is still read.
    pub(super) fn land(&self, id: &str) -> Option<Holder> {
        self.holders().as_mut().and_then(|places| places.remove(id))
    }

    /// Lets go of a request: whoever waits for its answer wakes up.
    pub(super) fn cut(&self, id: &str) {
        drop(self.land(id));
    }

    /// Lets go of all of them; no more are taken.
    pub(super) fn close(&self) {
        let holders = self.holders().take();
        drop(holders);
    }

    fn holders(&self) -> MutexGuard<'_, Option<HashMap<String, Holder>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.cut(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let flights = Arc::new(Flights::new(2));
        let (first, second) = (flights.enter("1").unwrap(), flights.enter("\"1\"").unwrap());
        assert_eq!(flights.enter("3").err(), Some(InputError::Full));
        drop(second);
        let third = flights.enter("3").unwrap();
        let landed = flights.land("3");
        assert!(landed.is_some() && flights.enter("5").is_ok() && !third.leash.is_cut());
        drop((landed, third));
        let third = flights.enter("3").unwrap();
        flights.cut("1");
        assert!(first.leash.is_cut() && !third.leash.is_cut());
        flights.close();
        assert!(third.leash.is_cut());
        assert_eq!(flights.enter("4").err(), Some(InputError::Closed));
    }
}
