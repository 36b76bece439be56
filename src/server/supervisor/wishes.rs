//! What is wanted of the server: by the operator, who has it started and stopped, and by the calls, which need it or not.

use super::super::status::{Reason, Target};
use super::{Phase, Supervisor};
use std::time::{Duration, Instant};

/// However often calls ask for it, a server that keeps ending is not started more often than this.
const WAKE_INTERVAL: Duration = Duration::from_secs(1);

/// What is to become of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Wish {
    Up,
    /// Up once somebody needs it: until the present child has ended.
    Later,
    Down,
    /// Down, and the supervisor with it.
    Closed,
}

impl Supervisor {
    fn want(&mut self, wish: Wish) {
        self.wish = wish;
        let target = match wish {
            Wish::Up | Wish::Later => Target::Up,
            Wish::Down | Wish::Closed => Target::Down,
        };
        self.server.board.write(|status| status.target = target);
    }

    /// Wakes it too: the operator asks, as a call would.
    pub(super) fn want_up(&mut self) {
        self.want(Wish::Up);
        match self.phase {
            Phase::Down { .. } | Phase::Asleep => {
                self.policy.forget();
                self.launch();
            }
            Phase::Ending { .. } => self.woken = true,
            Phase::Queued | Phase::Starting { .. } | Phase::Ready { .. } | Phase::Closed => {}
        }
    }

    pub(super) fn want_down(&mut self, wish: Wish) {
        self.want(wish);
        self.woken = false;
        match &mut self.phase {
            Phase::Down { .. } | Phase::Asleep | Phase::Queued => self.down(&Reason::Requested),
            Phase::Ending { reason, .. } => *reason = Some(Reason::Requested),
            _ => self.end(Reason::Requested),
        }
    }

    pub(super) fn restart(&mut self) {
        self.policy.forget();
        self.reconsider();
        match self.phase {
            Phase::Starting { .. } | Phase::Ready { .. } => {
                self.want(Wish::Up);
                self.end(Reason::Requested);
            }
            _ => self.want_up(),
        }
    }

    /// A restart for a child that somebody has to need: ends it, and does not start the next.
    pub(super) fn lull(&mut self) {
        self.policy.forget();
        self.reconsider();
        self.want(Wish::Later);
        match &mut self.phase {
            Phase::Starting { .. } | Phase::Ready { .. } => self.end(Reason::Requested),
            Phase::Ending { reason, .. } => *reason = Some(Reason::Requested),
            Phase::Down { .. } | Phase::Asleep | Phase::Queued => self.rest(),
            Phase::Closed => {}
        }
    }

    /// Its program has changed: what runs is replaced, by a restart or a lull, and what failed is tried again without
    /// a pause. Who sleeps, or is to stay down, is left alone, but for one that is to be known when it sleeps.
    pub(super) fn renew(&mut self, wish: Wish) {
        let sleeps = matches!(self.phase, Phase::Asleep | Phase::Ending { reason: Some(Reason::Asleep), .. });
        match (self.wish, wish) {
            (Wish::Up, Wish::Up) if sleeps && self.spec.options.meets_first() => self.want_up(),
            (Wish::Up, _) if sleeps => {}
            (Wish::Up, Wish::Up) => self.restart(),
            (Wish::Up, Wish::Later) => self.lull(),
            // What is ending already is not what comes next.
            _ => {}
        }
    }

    /// What [`Supervisor::lull`] has ended is gone.
    pub(super) fn rest(&mut self) {
        self.wish = Wish::Up;
        if self.woken { self.launch() } else { self.fall_asleep() }
    }

    pub(super) fn wake(&mut self) {
        match &mut self.phase {
            Phase::Asleep | Phase::Queued => {
                if matches!(self.phase, Phase::Asleep) {
                    self.server.meter().wakes.count();
                }
                self.woken = true;
                self.launch();
            }
            Phase::Down { retry: Some(at) } => {
                let allowed = self.last_start.map_or_else(Instant::now, |start| start + WAKE_INTERVAL);
                *at = allowed.min(*at);
                self.woken = false;
            }
            Phase::Starting { .. } | Phase::Ending { .. } => self.woken = true,
            Phase::Down { retry: None } | Phase::Ready { .. } | Phase::Closed => {}
        }
    }

    /// Ends a child that nobody needs. One that somebody waits for goes on, and so does the wait for a next try.
    pub(super) fn sleep(&mut self) {
        match self.phase {
            Phase::Starting { .. } if self.woken => {}
            Phase::Queued => self.fall_asleep(),
            Phase::Starting { .. } => self.end(Reason::Asleep),
            // A call may have come between the choice of it and now.
            Phase::Ready { child: Some(_), .. } if self.face.rest(self.generation) => {
                self.end(Reason::Asleep)
            }
            _ => {}
        }
    }
}
