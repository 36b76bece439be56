//! One attack: its name, what it does, and how it failed if it did.

use crate::ground::Ground;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

type Attack = Box<dyn Fn(&Ground) + Send + Sync>;

/// Panics if the proxy does not do what it must.
pub(crate) struct Case {
    pub(crate) name: String,
    attack: Attack,
}

/// What became of it.
pub(crate) struct Outcome {
    pub(crate) failure: Option<String>,
    pub(crate) took: Duration,
}

/// Cases that share a proxy.
pub(crate) struct Part {
    pub(crate) title: &'static str,
    /// Those that last as long as the proxy's own deadlines: they run beside the others.
    pub(crate) patient: Vec<Case>,
    pub(crate) cases: Vec<Case>,
}

pub(crate) fn case(name: impl Into<String>, attack: impl Fn(&Ground) + Send + Sync + 'static) -> Case {
    Case { name: name.into(), attack: Box::new(attack) }
}

impl Case {
    /// Runs it to its end.
    pub(crate) fn attack(&self, ground: &Ground) -> Outcome {
        let begin = Instant::now();
        let failure = catch_unwind(AssertUnwindSafe(|| (self.attack)(ground))).err().map(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        });
        Outcome { failure, took: begin.elapsed() }
    }
}

impl Part {
    /// Only what is asked for by a piece of its name; everything if nothing is.
    pub(crate) fn only(mut self, wanted: &[String]) -> Part {
        let is_wanted =
            |case: &Case| wanted.is_empty() || wanted.iter().any(|piece| case.name.contains(piece.as_str()));
        self.patient.retain(is_wanted);
        self.cases.retain(is_wanted);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.patient.is_empty() && self.cases.is_empty()
    }
}

/// What fails is told in the case's own line.
pub(crate) fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Runs on a thread of low priority, as all threads are that it starts: a real attacker does not use the proxy's
/// processors.
pub(crate) fn unhurried<T: Send>(attack: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let attacker = scope.spawn(|| {
            let _ = rustix::process::nice(15); // of this thread alone, on Linux
            attack()
        });
        attacker.join().expect("caught within")
    })
}
