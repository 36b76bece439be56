//! What follows from a health check.

use super::super::handle::Report;
use super::super::status::{Health, Reason};
use super::{Phase, Supervisor};
use crate::config::spec::Transport;
use std::time::Duration;

impl Supervisor {
    pub(super) fn health(&mut self, report: &Report) {
        let Phase::Ready { child, .. } = &self.phase else { return };
        let restartable = child.is_some();
        match &report.failure {
            None => self.pulse.beat(),
            Some(_) => self.server.meter().health_failures.count(),
        }
        let excused = report.busy && self.pulse.silence() < self.longest_silence();
        self.misses = match (&report.failure, excused) {
            (None, _) => 0,
            (Some(_), true) => self.misses,
            (Some(_), false) => self.misses + 1,
        };
        let health = match &report.failure {
            None => Health::Healthy,
            Some(_) if self.misses >= self.context.health.unhealthy_after => Health::Unhealthy,
            Some(_) => Health::Degraded,
        };
        let changed = self.server.board.read().health != health;
        self.server.board.write(|status| status.health = health);
        if let Some(failure) = report.failure.as_ref().filter(|_| changed) {
            self.note(failure.clone());
        } else if changed {
            log::info!(server = self.name(), event = "health"; "{health}");
        }
        if health == Health::Unhealthy && restartable {
            self.end(Reason::Unhealthy);
        }
    }

    /// For how long a call can be the reason that nothing is heard: then its own deadline has ended it. What an
    /// HTTP server says to its clients does not pass here, so there it is the call's whole life.
    fn longest_silence(&self) -> Duration {
        let options = &self.spec.options;
        let heard = options.call_idle.min(options.call_timeout);
        match self.server.transport() {
            Some(Transport::Http) if self.dial.is_none() => options.call_timeout,
            _ => heard,
        }
    }
}
