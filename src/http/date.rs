//! The `Date` field (RFC 9110 section 6.6.1), formatted at most once a second.

use super::lock;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last date that was formatted, shared by all connections.
#[derive(Debug, Default)]
pub(crate) struct Date(Mutex<(u64, Arc<str>)>);

impl Date {
    /// The current date as the field holds it.
    pub(crate) fn now(&self) -> Arc<str> {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut last = lock(&self.0);
        if last.0 != second || last.1.is_empty() {
            *last = (second, httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second)).into());
        }
        last.1.clone()
    }
}
