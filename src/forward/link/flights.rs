//! The requests of a link that are not answered yet: how many there may be, and how one is let go.

use crate::forward::leash::{Holder, Leash, leash};
use crate::log::request::{self, RequestId};
use crate::server::InputError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests in flight, by their raw ids.
pub(super) struct Flights {
    max: usize,
    /// None once the link is closed.
    places: Mutex<Option<HashMap<String, Place>>>,
}

/// What is held of a request.
struct Place {
    holder: Holder,
    body: Arc<Vec<u8>>,
    /// Whether the server may have got it.
    departed: bool,
}

/// What is left of a request that is over.
pub(super) struct Landed {
    /// Keeps its leash whole.
    pub(super) holder: Holder,
    /// The request, if the server cannot have got it.
    pub(super) unsent: Option<Arc<Vec<u8>>>,
}

impl Place {
    fn land(self) -> Landed {
        Landed { holder: self.holder, unsent: (!self.departed).then_some(self.body) }
    }
}

/// A request's place; dropping it gives the place back.
pub(super) struct Flight {
    /// The request's raw id.
    pub(super) id: String,
    /// Cut when nobody waits for its answer any more.
    pub(super) leash: Leash,
    /// The client's request that it is for.
    pub(super) request: Option<RequestId>,
    flights: Arc<Flights>,
}

impl Flight {
    /// From now on the server may get it; false if it was let go, or returned to who sent it.
    pub(super) fn depart(&self) -> bool {
        self.flights.set_departed(&self.id, true)
    }

    /// The server has not got it after all.
    pub(super) fn stay(&self) {
        self.flights.set_departed(&self.id, false);
    }
}

impl Flights {
    pub(super) fn new(max: usize) -> Flights {
        Flights { max, places: Mutex::new(Some(HashMap::new())) }
    }

    /// Takes a place for a request.
    ///
    /// # Errors
    /// All places are taken (or file descriptors), or the link is closed.
    pub(super) fn enter(self: &Arc<Self>, id: &str, body: &Arc<Vec<u8>>) -> Result<Flight, InputError> {
        let (holder, leash) = leash().map_err(|_| InputError::Full)?;
        let mut places = self.places();
        let places = places.as_mut().ok_or(InputError::Closed)?;
        if places.len() >= self.max {
            return Err(InputError::Full);
        }
        places.insert(id.to_string(), Place { holder, body: Arc::clone(body), departed: false });
        Ok(Flight { id: id.to_string(), leash, request: request::current(), flights: Arc::clone(self) })
    }

    /// Gives back the place of a request that is answered, before anybody hears the answer and sends the next. What is
    /// returned keeps its leash whole for as long as its connection is still read.
    pub(super) fn land(&self, id: &str) -> Option<Landed> {
        self.places().as_mut().and_then(|places| places.remove(id)).map(Place::land)
    }

    /// Lets go of a request: whoever waits for its answer wakes up.
    pub(super) fn cut(&self, id: &str) {
        drop(self.land(id));
    }

    /// Lets go of all of them; no more are taken. Those are returned that the server cannot have got.
    pub(super) fn close(&self) -> Vec<Arc<Vec<u8>>> {
        let places = self.places().take();
        places.into_iter().flatten().filter_map(|(_, place)| place.land().unsent).collect()
    }

    fn set_departed(&self, id: &str, departed: bool) -> bool {
        let mut places = self.places();
        let place = places.as_mut().and_then(|places| places.get_mut(id));
        place.map(|place| place.departed = departed).is_some()
    }

    fn places(&self) -> MutexGuard<'_, Option<HashMap<String, Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn enter(flights: &Arc<Flights>, id: &str) -> Result<Flight, InputError> {
        flights.enter(id, &Arc::new(id.into()))
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let flights = Arc::new(Flights::new(2));
        let (first, second) = (enter(&flights, "1").unwrap(), enter(&flights, "\"1\"").unwrap());
        assert_eq!(enter(&flights, "3").err(), Some(InputError::Full));
        drop(second);
        let third = enter(&flights, "3").unwrap();
        let landed = flights.land("3");
        assert!(landed.is_some() && enter(&flights, "5").is_ok() && !third.leash.is_cut());
        drop((landed, third));
        let third = enter(&flights, "3").unwrap();
        flights.cut("1");
        assert!(first.leash.is_cut() && !third.leash.is_cut());
        flights.close();
        assert!(third.leash.is_cut());
        assert_eq!(enter(&flights, "4").err(), Some(InputError::Closed));
    }

    #[test]
    fn what_the_server_cannot_have_got_is_returned() {
        let flights = Arc::new(Flights::new(4));
        let all = ["1", "2", "3"].map(|id| enter(&flights, id).unwrap());
        assert!(all.iter().all(Flight::depart));
        all[1].stay();
        let _waiting = enter(&flights, "4").unwrap();
        assert!(flights.land("1").unwrap().unsent.is_none());
        let mut unsent: Vec<_> = flights.close().iter().map(|body| body.to_vec()).collect();
        unsent.sort_unstable();
        assert_eq!(unsent, [b"2", b"4"]);
        assert!(!all[1].depart(), "somebody else sends it");
    }
}
