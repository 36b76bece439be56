//! The outlet of a link: takes messages without ever waiting.

use super::Flavour;
use super::letter::{Letter, Matter};
use super::wire::Wire;
use crate::server::{InputError, Outlet};
use std::sync::Arc;

/// Closes the link when it is dropped.
pub(super) struct Outbox {
    wire: Arc<Wire>,
    flavour: Flavour,
}

impl Outbox {
    pub(super) fn new(wire: Arc<Wire>, flavour: Flavour) -> Outbox {
        Outbox { wire, flavour }
    }
}

impl Outlet for Outbox {
    fn send(&self, line: Vec<u8>) -> Result<(), InputError> {
        let letter = Letter::new(line, &self.wire.flights)?;
        match &letter.matter {
            // Closing its connection is how a request is cancelled (2026-07-28, basic, transports); that need not
            // wait for what stands in the queue.
            Matter::Cancel { id } if self.flavour == Flavour::Modern => {
                self.wire.flights.cut(id);
                Ok(())
            }
            _ => self.wire.post(letter),
        }
    }

    fn close(&self) {
        self.wire.close();
    }

    fn leads_to(&self) -> Option<u64> {
        self.wire.leads_to()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.close();
    }
}
