//! Keeps a log readable while the same trouble comes many times a second.

use super::after;
use std::time::{Duration, Instant};

/// The same line is logged at most once in this time.
const PERIOD: Duration = Duration::from_secs(60);

/// Says when a line is due again.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Option<Instant>);

impl Seldom {
    /// True the first time, and then once a minute.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|next| next <= Instant::now());
        if due {
            self.0 = Some(after(PERIOD));
        }
        due
    }
}
