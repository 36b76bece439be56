//! What is counted. Counters are atomics and nothing else: a call costs a few instructions, and neither a lock nor
//! memory. They are read one by one, so a page of them is no picture of one moment.

mod counts;
mod histogram;
mod labels;
mod timer;
mod usage;

pub use counts::{Counter, Counts, Label, Table};
pub use histogram::Durations;
pub use labels::{Direction, Exit, Method, Outcome, Refusal, Rejection, StatusClass, StreamKind, Visit};
pub use timer::{Open, Timer};
pub use usage::Usage;

/// The counters of one server. They last as long as its name is served: through every restart of its child and every
/// change of its folder.
#[derive(Debug)]
pub struct Meter {
    name: String,
    /// Requests that have ended.
    pub requests: Table<Method, Outcome>,
    /// How long calls took (see [`Method::is_call`]), by outcome.
    pub durations: Durations,
    /// Bytes of messages.
    pub bytes: Counts<Direction>,
    /// Answers of an HTTP server.
    pub answers: Counts<StatusClass>,
    /// What came of sessions.
    pub sessions: Counts<Visit>,
    /// Streams that are open.
    pub streams: Counts<StreamKind>,
    /// What found no room.
    pub rejections: Counts<Rejection>,
    /// Children that were started.
    pub starts: Counter,
    /// Those among them that were started because another one had ended against all wishes, or by command.
    pub restarts: Counter,
    /// Starts from sleep.
    pub wakes: Counter,
    /// How children ended.
    pub exits: Counts<Exit>,
    /// Health checks without an answer.
    pub health_failures: Counter,
    /// What its processes take.
    pub usage: Usage,
}

impl Meter {
    /// Nothing has happened yet.
    pub fn new(name: &str) -> Meter {
        Meter {
            name: name.to_string(),
            requests: Table::default(),
            durations: Durations::default(),
            bytes: Counts::default(),
            answers: Counts::default(),
            sessions: Counts::default(),
            streams: Counts::default(),
            rejections: Counts::default(),
            starts: Counter::default(),
            restarts: Counter::default(),
            wakes: Counter::default(),
            exits: Counts::default(),
            health_failures: Counter::default(),
            usage: Usage::default(),
        }
    }

    /// The server's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls that have ended, and those among them that went wrong.
    pub fn calls(&self) -> (u64, u64) {
        let ended = |outcome: Outcome| -> u64 {
            let calls = Method::ALL.iter().filter(|method| method.is_call());
            calls.map(|method| self.requests.get(*method, outcome)).sum()
        };
        let all = Outcome::ALL.iter().map(|outcome| ended(*outcome)).sum();
        let wrong = Outcome::ALL.iter().filter(|outcome| outcome.is_wrong());
        (all, wrong.map(|outcome| ended(*outcome)).sum())
    }
}
