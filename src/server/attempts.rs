//! Which way a server is started: the ways of its specification one after the other, each with further arguments,
//! until one speaks MCP. Pure.

use crate::config::spec::Way;
use serde::{Deserialize, Serialize};

/// A way, and what is added to its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// Its place in [`crate::config::spec::ChildSpec::ways`].
    pub(super) way: usize,
    /// Behind the way's own arguments.
    pub(super) extra: Vec<String>,
}

/// What the end of a child that never spoke MCP says of other attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It ended at once, or printed how it is used: other arguments may help.
    Quit,
    /// It ended later: another way may help.
    Died,
    /// It said what it lacks, or did not end by itself: nothing else will help.
    Hopeless,
}

/// The attempts of one server, in their order.
pub(super) struct Attempts {
    all: Vec<Attempt>,
    at: usize,
    /// The present one has spoken MCP in this run: should it end, it is started again as it was.
    proven: bool,
}

impl Attempts {
    /// `learnt` is what worked in an earlier run, and comes first.
    pub(super) fn new(ways: &[Way], learnt: Option<Attempt>) -> Attempts {
        let learnt = learnt.filter(|attempt| attempt.way < ways.len());
        let mut all: Vec<Attempt> = ways.iter().enumerate().flat_map(of_way).collect();
        if let Some(learnt) = learnt {
            all.retain(|attempt| *attempt != learnt);
            all.insert(0, learnt);
        }
        Attempts { all, at: 0, proven: false }
    }

    /// What is tried now.
    pub(super) fn current(&self) -> Attempt {
        self.all.get(self.at).cloned().unwrap_or_default()
    }

    /// The present attempt has spoken MCP.
    pub(super) fn prove(&mut self) {
        self.proven = true;
    }

    /// Whether the present attempt has spoken MCP in this run.
    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// The server may be another by now: what has worked comes first, and all else may be tried again.
    pub(super) fn reconsider(&mut self) {
        let current = self.at;
        if self.proven && current < self.all.len() {
            self.all[..=current].rotate_right(1);
        }
        (self.at, self.proven) = (0, false);
    }

    /// Goes on to the next attempt, if there is one; else it begins anew, and the answer is false.
    pub(super) fn fail(&mut self, failure: Failure) -> bool {
        if self.proven {
            return false;
        }
        let tried = self.current();
        let is_next = |attempt: &Attempt| match failure {
            Failure::Quit => true,
            Failure::Died => attempt.way != tried.way && attempt.extra.is_empty(),
            Failure::Hopeless => false,
        };
        let next = self.all.iter().skip(self.at + 1).position(is_next);
        self.at = next.map_or(0, |offset| self.at + 1 + offset);
        next.is_some()
    }
}

fn of_way((way, said): (usize, &Way)) -> impl Iterator<Item = Attempt> {
    let plain = std::iter::once(Vec::new());
    plain.chain(said.retries.iter().cloned()).map(move |extra| Attempt { way, extra })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways() -> Vec<Way> {
        let retries = vec![vec!["stdio".to_string()], vec!["--stdio".to_string()]];
        vec![Way { retries, ..Way::default() }, Way::default()]
    }

    fn shown(attempts: &Attempts) -> String {
        let Attempt { way, extra } = attempts.current();
        format!("{way} {}", extra.join(" "))
    }

    /// The attempts that follow one another when each ends so.
    fn course(learnt: Option<Attempt>, failure: Failure) -> Vec<String> {
        let mut attempts = Attempts::new(&ways(), learnt);
        let mut seen = vec![shown(&attempts)];
        while attempts.fail(failure) {
            seen.push(shown(&attempts));
        }
        assert_eq!(shown(&attempts), seen[0], "the next round begins anew");
        seen
    }

    #[test]
    fn arguments_first_then_the_next_way() {
        assert_eq!(course(None, Failure::Quit), ["0 ", "0 stdio", "0 --stdio", "1 "]);
        assert_eq!(course(None, Failure::Died), ["0 ", "1 "]);
        assert_eq!(course(None, Failure::Hopeless), ["0 "]);
    }

    #[test]
    fn what_was_learnt_comes_first_and_is_not_tried_twice() {
        let learnt = Attempt { way: 0, extra: vec!["stdio".into()] };
        assert_eq!(course(Some(learnt), Failure::Quit), ["0 stdio", "0 ", "0 --stdio", "1 "]);
        let gone = Attempt { way: 7, extra: vec![] };
        assert_eq!(course(Some(gone), Failure::Died), ["0 ", "1 "]);
    }

    #[test]
    fn what_has_worked_is_kept_until_the_server_may_have_changed() {
        let mut attempts = Attempts::new(&ways(), None);
        assert!(attempts.fail(Failure::Quit));
        attempts.prove();
        assert!(!attempts.fail(Failure::Quit));
        assert_eq!(shown(&attempts), "0 stdio");
        attempts.reconsider();
        assert_eq!(shown(&attempts), "0 stdio");
        assert!(attempts.fail(Failure::Quit));
        assert_eq!(shown(&attempts), "0 ");
    }

    #[test]
    fn nothing_to_start_is_survived() {
        assert_eq!(Attempts::new(&[], None).current(), Attempt::default());
    }
}
