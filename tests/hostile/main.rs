//! Hostile clients and hostile children against the built proxy, with a well-behaved client beside them. Run it by
//! `scripts/hostile`, or a part of it: `scripts/hostile framing "slow head"`.
//!
//! Each case attacks and says what must hold; all the while the well-behaved client (`witness`) calls both kinds of
//! servers and may lose nothing, and the proxy's memory is watched (`gauge`). The limits are those it ships with.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // an attack that cannot go on has failed

mod answers;
mod bodies;
mod case;
mod children;
mod crowds;
mod forms;
mod framing;
mod gauge;
mod ground;
mod heads;
mod imposter;
mod messages;
mod names;
mod paths;
mod patience;
mod report;
mod sessions;
mod streams;
mod wire;
mod witness;

#[path = "../harness/mod.rs"]
mod harness;

use case::{Case, Part};
use ground::Ground;
use report::Report;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == imposter::COMMAND) {
        imposter::run(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    case::silence_panics();
    let mut report = Report::default();
    for part in [clients(), children::part()] {
        let part = part.only(&arguments);
        if !part.is_empty() {
            attack(&part, &mut report);
        }
    }
    report.sum_up()
}

/// Everything that a client can do.
fn clients() -> Part {
    let all: [Vec<Case>; 11] = [
        heads::cases(),
        framing::cases(),
        forms::cases(),
        bodies::cases(),
        messages::cases(),
        paths::cases(),
        names::cases(),
        sessions::cases(),
        streams::cases(),
        answers::cases(),
        crowds::cases(),
    ];
    Part { title: "clients", patient: patience::cases(), cases: all.into_iter().flatten().collect() }
}

/// The cases of a part, one after the other, and beside them those that take long.
fn attack(part: &Part, report: &mut Report) {
    let ground = Ground::prepare();
    report.begin(part.title, &ground);
    std::thread::scope(|scope| {
        let patient: Vec<_> = part
            .patient
            .iter()
            .map(|case| (case, scope.spawn(|| case::unhurried(|| case.attack(&ground)))))
            .collect();
        for case in &part.cases {
            let outcome = case::unhurried(|| case.attack(&ground));
            report.line(&case.name, &outcome, &ground);
        }
        for (case, thread) in patient {
            let outcome = thread.join().expect("caught within");
            report.line(&case.name, &outcome, &ground);
        }
    });
    report.end(ground);
}
