//! Every interleaving of the threads that meet at the proxy's atomics, tried by loom.
//!
//! The files are the proxy's own. To them `std` is loom here, whose atomics let no order go untried; so this is a
//! program and no test: the files' own tests are for the real ones.
#![no_std]

extern crate loom as std;

use loom::sync::Arc;
use loom::thread;

#[allow(dead_code)]
#[path = "../../src/http/budget.rs"]
mod budget;
#[allow(dead_code)]
#[path = "../../src/bridge/stream/kept.rs"]
mod kept;
#[allow(dead_code)]
#[path = "../../src/http/permit.rs"]
mod permit;
#[path = "../../src/http/turn.rs"]
mod turn;

/// In the place of the counters that the files name: nothing depends on those, so there is no order of them to be tried.
#[allow(dead_code)]
mod meter {
    #[derive(Debug)]
    pub struct Meter {
        pub rejections: Rejections,
    }

    #[derive(Debug)]
    pub struct Rejections;

    pub enum Rejection {
        StreamQueue,
    }

    impl Rejections {
        pub fn of(&self, _of: Rejection) -> &Rejections {
            self
        }

        pub fn count(&self) {}
    }
}

use budget::{Budget, FREE_BYTES};
use kept::Kept;
use permit::Streams;
use turn::Turn;

/// A connection that gets two requests, while two newcomers want its place: each request is either answered or the
/// connection is told to go before it, by one of them, and then for good.
fn a_request_is_answered_or_its_connection_told_to_go() {
    loom::model(|| {
        let turn = Arc::new(Turn::waiting_since(1));
        let evict = |turn: &Arc<Turn>| {
            let turn = turn.clone();
            thread::spawn(move || turn.waits_since().is_some_and(|since| turn.dismiss(since)))
        };
        let evictors = [evict(&turn), evict(&turn)];
        let first = turn.work();
        let again = turn.wait(2);
        let second = turn.work();
        let told = evictors.map(|thread| thread.join().unwrap());
        let told = told.iter().filter(|told| **told).count();
        assert!(told <= 1);
        assert!(first || !again, "told to go, and waits again");
        assert!(again || !second, "told to go, and at work");
        // Who was not told is at work now; who was told had a request less, and is not told twice.
        assert_eq!(second, told == 0);
        assert_eq!(turn.waits_since(), None);
        assert!(!turn.dismiss(1) && !turn.dismiss(2));
    });
}

/// Three clients for one place: never two at once, and it is free afterwards.
fn streams_never_take_more_than_their_places() {
    loom::model(|| {
        let streams = Streams::of_connections(1);
        let enter = || {
            let streams = streams.clone();
            thread::spawn(move || {
                let permit = Streams::enter(&streams);
                assert!(streams.open() <= 1);
                permit.is_some()
            })
        };
        let others = [enter(), enter()];
        let own = Streams::enter(&streams);
        let entered = others.map(|thread| thread.join().unwrap());
        assert!(own.is_some() || entered.contains(&true), "a free place was refused to all");
        assert_eq!(streams.open(), usize::from(own.is_some()));
        drop(own);
        assert_eq!(streams.open(), 0);
    });
}

/// Two bodies that grow at once, in a budget for one and a half: the sum stays within, and comes back.
fn bodies_never_hold_more_than_the_budget() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(3));
        let other = budget.clone();
        let thread = thread::spawn(move || {
            let mut account = other.account();
            account.grow_to(FREE_BYTES + 1) && account.grow_to(FREE_BYTES + 2)
        });
        let mut account = budget.account();
        let grown = account.grow_to(FREE_BYTES + 2);
        let other_grown = thread.join().unwrap();
        assert!(grown || other_grown, "there was room for one");
        drop(account);
        assert!(budget.account().grow_to(FREE_BYTES + 3), "all was given back");
    });
}

/// Two mailboxes that keep bytes at once: the sum stays within, and comes back.
fn mailboxes_never_keep_more_than_is_allowed() {
    loom::model(|| {
        let kept = Kept::new(3);
        let other = Arc::clone(&kept);
        let thread = thread::spawn(move || Kept::take(&other, 2).is_some());
        let share = Kept::take(&kept, 2);
        let taken = thread.join().unwrap();
        assert!(share.is_some() || taken, "there was room for one");
        drop(share);
        assert!(Kept::take(&kept, 4).is_none() && Kept::take(&kept, 3).is_some());
    });
}

fn main() {
    a_request_is_answered_or_its_connection_told_to_go();
    streams_never_take_more_than_their_places();
    bodies_never_hold_more_than_the_budget();
    mailboxes_never_keep_more_than_is_allowed();
}
