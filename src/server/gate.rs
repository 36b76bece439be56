//! How many servers start at once: on a small machine ten that start together are all slow, and time out together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is done with a pass once there is one. A pass that nobody takes is given back.
type Waiter = Box<dyn FnOnce(Pass) + Send>;

/// Lets so many through at a time. Who waits is told, and does other things meanwhile.
pub struct Gate {
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// Those that have worked before.
    known: VecDeque<Waiter>,
    others: VecDeque<Waiter>,
}

/// The right to start; given back when dropped.
pub struct Pass(Arc<Gate>);

impl Gate {
    /// For so many at once.
    pub fn new(most: usize) -> Arc<Gate> {
        let (known, others) = (VecDeque::new(), VecDeque::new());
        Arc::new(Gate { state: Mutex::new(State { free: most.max(1), known, others }) })
    }

    /// `waiter` gets a pass, at once if one is free; it must not wait. Who `is_known` to work comes first: of the
    /// others some may hang, and each of those keeps its pass for a while.
    pub(super) fn enter(self: &Arc<Self>, is_known: bool, waiter: impl FnOnce(Pass) + Send + 'static) {
        let mut state = self.state();
        let queue = if is_known { &mut state.known } else { &mut state.others };
        queue.push_back(Box::new(waiter));
        drop(state);
        self.let_in();
    }

    fn let_in(self: &Arc<Self>) {
        while let Some(waiter) = self.next() {
            waiter(Pass(Arc::clone(self)));
        }
    }

    fn next(&self) -> Option<Waiter> {
        let mut state = self.state();
        if state.free == 0 {
            return None;
        }
        let known = state.known.pop_front();
        let waiter = known.or_else(|| state.others.pop_front())?;
        state.free -= 1;
        Some(waiter)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.state().free += 1;
        self.0.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, unbounded};

    fn knock(gate: &Arc<Gate>) -> Receiver<Pass> {
        let (sender, passes) = unbounded();
        gate.enter(false, move |pass| drop(sender.send(pass)));
        passes
    }

    #[test]
    fn as_many_as_may_in_the_order_they_came() {
        let gate = Gate::new(2);
        let waiters: Vec<_> = (0..4).map(|_| knock(&gate)).collect();
        let first = waiters[0].try_recv().unwrap();
        let second = waiters[1].try_recv().unwrap();
        assert!(waiters[2].try_recv().is_err());
        drop(first);
        let third = waiters[2].try_recv().unwrap();
        assert!(waiters[3].try_recv().is_err());
        drop((second, third));
        assert!(waiters[3].try_recv().is_ok());
    }

    #[test]
    fn who_is_known_to_work_comes_first() {
        let gate = Gate::new(1);
        let first = knock(&gate).try_recv().unwrap();
        let other = knock(&gate);
        let (sender, known) = unbounded();
        gate.enter(true, move |pass| drop(sender.send(pass)));
        drop(first);
        drop(known.try_recv().unwrap());
        assert!(other.try_recv().is_ok());
    }

    #[test]
    fn whoever_has_left_holds_nobody_up() {
        let gate = Gate::new(1);
        let first = knock(&gate).try_recv().unwrap();
        drop(knock(&gate));
        let third = knock(&gate);
        drop(first);
        assert!(third.try_recv().is_ok());
    }
}
