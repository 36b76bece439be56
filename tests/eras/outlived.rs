//! A call made after its server's death was there for all to see has not been given to that server: it waits for the
//! next one. Each round has several at once, so that some of them meet every moment between the death and the next life.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

/// Calls at the same time.
const CALLS: usize = 6;
/// Deaths that each client of each server sees.
const DEATHS: usize = 4;
/// However often a server ends, it is started again within a second.
const OFTEN: &str = "[restart]\nbrake_exits = 1000\nbackoff_ms = 1\nmax_backoff_seconds = 1\n";

/// When the calls are made.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// As soon as the death can be seen.
    Death,
    /// As soon as the next life can be seen.
    Life,
}

#[test]
fn a_call_after_the_death_of_its_child_waits_for_the_next() {
    for name in STDIO {
        outlives(name, || fake(name));
    }
}

#[test]
fn a_call_after_the_death_of_its_http_server_waits_for_the_next() {
    for name in ["legacy-http", "modern-http", "both-http"] {
        outlives(name, || fake(name));
    }
}

#[test]
fn a_call_after_the_death_of_an_old_server_waits_for_the_next() {
    outlives("old-http", || Fake::http().env("FAKE_TRANSPORT", "sse").toml("path = \"/sse\""));
}

#[track_caller]
fn outlives(name: &str, fake: impl Fn() -> Fake) {
    for era in 0..2 {
        let proxy = Site::new().config(OFTEN).fake(name, fake()).start();
        let [legacy, modern] = Anyone::of_both_eras(&proxy, name, &json!({}));
        let client = [legacy, modern].into_iter().nth(era).unwrap();
        assert_eq!(client.text("echo", json!({"text": "before"})), "before");
        for death in 0..DEATHS {
            for moment in [Moment::Death, Moment::Life] {
                println!("a {} client meets {name} at its {moment:?}, for the {death}. time", client.era());
                end(&proxy, name, moment);
                all_answered(&client);
            }
        }
    }
}

/// Kills whatever serves there, and waits for the moment.
#[track_caller]
fn end(proxy: &Proxy, name: &str, moment: Moment) {
    let before = proxy.wait_ready(name);
    let pids =
        before["children"].as_array().unwrap().iter().map(|child| child["pid"].as_i64().unwrap() as i32);
    let pids: Vec<i32> = pids.collect();
    pids.iter().for_each(|pid| processes::kill(*pid));
    match moment {
        Moment::Death => eventually(DEADLINE, || pids.iter().all(|pid| processes::is_gone(*pid))),
        Moment::Life => {
            drop(proxy.wait_server(name, |now| now["restarts"].as_u64() > before["restarts"].as_u64()))
        }
    }
}

#[track_caller]
fn all_answered(client: &Anyone) {
    let call = |n: usize| {
        let text = format!("again {n}");
        (client.try_call("echo", json!({"text": text})), text)
    };
    let outcomes: Vec<(Result<Value, Value>, String)> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLS).map(|n| scope.spawn(move || call(n))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    for (outcome, text) in outcomes {
        match outcome {
            Ok(result) => assert_eq!(text_of(&result), text),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}
