//! The access log: one line for each request, once it is answered; level debug. Never a path or a query, where there may
//! be a token.

use super::link::Link;
use super::payload::Response;
use crate::log::ACCESS;
use ::http::{Method, StatusCode};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// More of a method that nobody has heard of is not written.
const MAX_METHOD_CHARS: usize = 16;

/// What a request was about, in words of ours. The handler leaves it among the extensions of its response if
/// [`is_logged`].
#[derive(Clone, Debug)]
pub struct Place {
    /// What kind of path it was.
    pub route: &'static str,
    /// The server's name, or what stands for it.
    pub place: String,
}

/// Whether anybody reads the access log.
pub fn is_logged() -> bool {
    log::log_enabled!(target: ACCESS, log::Level::Debug)
}

/// A request under way.
pub(crate) struct Entry {
    begun: Instant,
    method: Method,
    sent_before: u64,
    status: StatusCode,
    place: Option<Place>,
}

impl Entry {
    /// For a request that has just come; none if nobody reads the log.
    pub(crate) fn of(method: &Method, link: &Link) -> Option<Entry> {
        is_logged().then(|| Entry {
            begun: Instant::now(),
            method: method.clone(),
            sent_before: link.sent.load(Ordering::Relaxed),
            status: StatusCode::INTERNAL_SERVER_ERROR,
            place: None,
        })
    }

    /// That is the answer, which is about to be sent.
    pub(crate) fn answered(&mut self, response: &mut Response) {
        self.status = response.status();
        self.place = response.extensions_mut().remove();
    }

    /// It was sent, as far as its client has taken it.
    pub(crate) fn end(self, link: &Link) {
        let method = self.method.as_str().get(..MAX_METHOD_CHARS).unwrap_or(self.method.as_str());
        let (route, place) =
            self.place.as_ref().map_or(("none", "proxy"), |place| (place.route, place.place.as_str()));
        let bytes = link.sent.load(Ordering::Relaxed).saturating_sub(self.sent_before);
        let duration_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = self.status.as_u16();
        log::debug!(target: ACCESS, event = "request", method, route, place, status, bytes, duration_ms; "request");
    }
}
