//! The lists a child offers: asked for whenever a child has come up or says that they have changed, compared with what
//! was known, and kept for when it sleeps. Its clients are told of what differs.
//!
//! A thread `list:NAME` asks, one for each child at a time and only while there is something to ask: answers may be
//! slow, and so may disks.

use super::super::stream::mailbox::Delivery;
use super::{Peer, era_of};
use crate::protocol::json;
use crate::protocol::lists::{self, Digest, List};
use crate::protocol::revision::Era;
use crate::server::{Known, Running, Said, Shelf};
use crate::thread;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the clients that waited for a child get ahead of our questions.
const HEAD_START: Duration = Duration::from_millis(100);
/// How long their calls are waited for.
const COURTESY: Duration = Duration::from_secs(5);
/// How long the answer to one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// However often a child says that its lists have changed, it is not asked more often.
const INTERVAL: Duration = Duration::from_secs(1);
/// A list has at most so many pages; what follows is not read.
const MAX_PAGES: usize = 100;

/// Which lists of a child are of interest, and where they are kept.
pub(crate) enum Keeping {
    /// None.
    Nothing,
    /// Those that its clients have asked for. Only what they say is kept in mind, for a comparison.
    Digests,
    /// Those that its clients have asked for.
    Asked(Shelf),
    /// All that it offers: they are answered while it sleeps.
    All(Shelf),
}

/// Why a child is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// It has come up.
    Risen,
    /// It has said that this list has changed.
    Changed(List),
    /// A client has asked for this list.
    Wanted(List),
}

/// What is known of a child's lists.
pub(crate) struct Lists {
    keeping: Keeping,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What each list said last.
    known: BTreeMap<List, Digest>,
    wanted: BTreeSet<List>,
    due: BTreeSet<Due>,
    /// The child that is up.
    child: Option<Running>,
    /// A thread is asking.
    busy: bool,
}

/// A list as the child has answered it.
struct Answer {
    /// None: it has no such list.
    digest: Option<Digest>,
    /// None: too large to be kept.
    said: Option<Said>,
}

impl Lists {
    pub(crate) fn new(keeping: Keeping) -> Lists {
        Lists { keeping, state: Mutex::default() }
    }

    fn shelf(&self) -> Option<&Shelf> {
        match &self.keeping {
            Keeping::Nothing | Keeping::Digests => None,
            Keeping::Asked(shelf) | Keeping::All(shelf) => Some(shelf),
        }
    }

    /// What the child has answered before.
    pub(super) fn recall(&self) -> Option<Known> {
        self.shelf()?.read()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to ask, and whom; none ends the thread that asks.
    fn next(&self) -> Option<(BTreeSet<Due>, Running)> {
        let mut state = self.state();
        let due = std::mem::take(&mut state.due);
        let next = state.child.clone().filter(|_| !due.is_empty());
        state.busy = next.is_some();
        Some((due, next?))
    }

    /// The lists to ask for. One that has changed is not known any more: its clients have heard of it.
    fn chosen(&self, due: &BTreeSet<Due>, greeting: &str, before: &BTreeMap<String, Said>) -> Vec<List> {
        let mut state = self.state();
        let has_risen = due.contains(&Due::Risen);
        let is_kept = |list: List| match &self.keeping {
            Keeping::Nothing => false,
            Keeping::All(_) if list.is_offered(greeting) => true,
            _ => {
                state.wanted.contains(&list)
                    || state.known.contains_key(&list)
                    || before.contains_key(list.method())
            }
        };
        let is_due =
            |list: List| has_risen || due.contains(&Due::Changed(list)) || due.contains(&Due::Wanted(list));
        let chosen: Vec<List> =
            List::ALL.into_iter().filter(|list| is_kept(*list) && is_due(*list)).collect();
        for (method, said) in before {
            if let (Some(list), Said::Pages(pages)) = (List::of(method), said) {
                let digest = || Digest::of(list, pages.iter().map(|page| page.get()));
                state.known.entry(list).or_insert_with(digest);
            }
        }
        state.known.retain(|list, _| !due.contains(&Due::Changed(*list)));
        chosen
    }

    /// Takes in what a list says now; true if it said something else before.
    fn note(&self, list: List, digest: Option<Digest>) -> bool {
        let mut state = self.state();
        let before = match digest {
            Some(digest) => state.known.insert(list, digest),
            None => state.known.remove(&list),
        };
        before.is_some() && before != digest
    }
}

impl Peer {
    /// A child has come up.
    pub(super) fn check_lists(&self, running: &Running) {
        if matches!(self.lists.keeping, Keeping::Nothing) {
            return;
        }
        self.lists.state().child = Some(running.clone());
        self.ask_for_lists(&[Due::Risen]);
    }

    /// The child is gone.
    pub(super) fn forget_child(&self) {
        self.lists.state().child = None;
    }

    /// The child says of itself that a list has changed.
    pub(super) fn note_changed(&self, method: &str) {
        let changed = List::ALL.into_iter().filter(|list| list.changed() == method).map(Due::Changed);
        self.ask_for_lists(&changed.collect::<Vec<_>>());
    }

    /// A client asks for a list: from now on it is to know when that changes.
    pub(super) fn note_wanted(&self, method: &str) {
        let Some(list) = List::of(method) else { return };
        let is_new =
            !matches!(self.lists.keeping, Keeping::Nothing) && self.lists.state().wanted.insert(list);
        if is_new && !self.lists.state().known.contains_key(&list) {
            self.ask_for_lists(&[Due::Wanted(list)]);
        }
    }

    fn ask_for_lists(&self, due: &[Due]) {
        let mut state = self.lists.state();
        if matches!(self.lists.keeping, Keeping::Nothing) || state.child.is_none() {
            return;
        }
        state.due.extend(due);
        let Some(peer) = self.own.upgrade().filter(|_| !state.busy) else { return };
        let asks = thread::spawn(&format!("list:{}", self.server.name()), move || peer.ask_what_is_due());
        // Without a thread the lists stay as they were known, until the next time.
        state.busy = asks.is_ok();
    }

    fn ask_what_is_due(&self) {
        let mut pause = HEAD_START;
        while let Some((due, child)) = self.rest_and_see(pause) {
            self.calls.wait_empty(Instant::now() + COURTESY);
            self.learn_lists(&due, &child);
            pause = INTERVAL;
        }
    }

    fn rest_and_see(&self, pause: Duration) -> Option<(BTreeSet<Due>, Running)> {
        std::thread::sleep(pause);
        self.lists.next()
    }

    fn learn_lists(&self, due: &BTreeSet<Due>, child: &Running) {
        let Some(greeting) = child.greeting.clone() else { return };
        let before = self.lists.recall();
        if let Some(before) = before.as_ref().filter(|before| before.greeting != greeting) {
            let was = before.greeting.era;
            log::info!(server = self.server.name(), event = "greeting"; "answers its greeting otherwise than before ({was:?} era then); sessions that began while it slept have the old answer");
        }
        let mut lists = before.map(|known| known.lists).unwrap_or_default();
        let mut told = BTreeSet::new();
        lists.retain(|method, _| !List::of(method).is_some_and(|list| due.contains(&Due::Changed(list))));
        for list in self.lists.chosen(due, &greeting.result, &lists) {
            let Ok(answer) = self.ask_for_list(child, list) else { break };
            if self.lists.note(list, answer.digest) {
                told.insert(list.changed());
            }
            match answer.said {
                Some(said) => lists.insert(list.method().to_string(), said),
                None => lists.remove(list.method()),
            };
        }
        if let Some(shelf) = self.lists.shelf() {
            bound(&mut lists, shelf.max_bytes().saturating_sub(greeting.result.len()));
            shelf.write(&Known { greeting, lists });
        }
        told.into_iter().for_each(|method| self.tell_changed(method));
    }

    fn tell_changed(&self, method: &str) {
        log::info!(server = self.server.name(), event = "list-changed"; "{method}: it is not what it was before the restart");
        self.publish(&format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#), method, None);
    }

    /// Reads a list to its end.
    ///
    /// # Errors
    /// The child does not answer (in time).
    fn ask_for_list(&self, child: &Running, list: List) -> Result<Answer, String> {
        let max_bytes = self.lists.shelf().map_or(0, Shelf::max_bytes);
        let (mut pages, mut bytes, mut digest, mut cursor) = (Vec::new(), 0, Digest::default(), None);
        for _ in 0..MAX_PAGES {
            let page = match self.ask_for_page(child, list, cursor.as_deref())? {
                Ok(page) => page,
                Err(error) => return Ok(Answer { digest: None, said: raw(error).map(Said::Error) }),
            };
            digest.add(list, &page);
            bytes += page.len();
            cursor = lists::next_cursor(&page).map(str::to_string);
            pages.extend(raw(page).filter(|_| bytes <= max_bytes));
            if cursor.is_none() {
                break;
            }
        }
        let is_whole = bytes <= max_bytes && cursor.is_none();
        Ok(Answer { digest: Some(digest), said: is_whole.then_some(Said::Pages(pages)) })
    }

    /// The raw result, or the raw error.
    fn ask_for_page(
        &self,
        child: &Running,
        list: List,
        cursor: Option<&str>,
    ) -> Result<Result<String, String>, String> {
        let mut params = match era_of(child) {
            Era::Legacy => json!({}),
            Era::Modern => params_of_all_clients(),
        };
        if let Some(cursor) = cursor.and_then(json::string) {
            params["cursor"] = Value::from(cursor);
        }
        let question = self.ask(child, list.method(), &params)?;
        match self.take_answer(&question, Instant::now() + PATIENCE) {
            Some(Delivery::Answer { text, result: Some(result), .. }) => Ok(Ok(text[result].to_string())),
            Some(Delivery::Answer { text, .. }) => {
                Ok(Err(json::member(&text, "error").unwrap_or("{}").to_string()))
            }
            _ => Err(format!("does not answer {}", list.method())),
        }
    }
}

/// A server may leave out what its client has no use for.
fn params_of_all_clients() -> Value {
    let mut params = super::wishes::own_params();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "sampling": {}, "elicitation": { "form": {}, "url": {} } });
    params
}

fn raw(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text).ok()
}

/// What is too large together is not kept: the largest lists go first.
fn bound(lists: &mut BTreeMap<String, Said>, max_bytes: usize) {
    let size = |said: &Said| match said {
        Said::Pages(pages) => pages.iter().map(|page| page.get().len()).sum(),
        Said::Error(error) => error.get().len(),
    };
    while lists.values().map(size).sum::<usize>() > max_bytes {
        let largest = lists.iter().max_by_key(|(_, said)| size(said)).map(|(method, _)| method.clone());
        largest.and_then(|method| lists.remove(&method));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_together_loses_the_largest() {
        let pages =
            |bytes: usize| Said::Pages(raw(format!("\"{}\"", "x".repeat(bytes - 2))).into_iter().collect());
        let sizes = [("a", 30), ("b", 50), ("c", 40)];
        let lists = || sizes.map(|(method, bytes)| (method.to_string(), pages(bytes))).into_iter().collect();
        let left = |max_bytes| {
            let mut lists: BTreeMap<String, Said> = lists();
            bound(&mut lists, max_bytes);
            lists.into_keys().collect::<String>()
        };
        assert_eq!([120, 119, 69, 29].map(left), ["abc", "ac", "a", ""]);
    }
}
