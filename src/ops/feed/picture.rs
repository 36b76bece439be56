//! What there is to see of all servers at one moment, and how two moments differ. Pure but for the look itself.

use super::super::report::{self, Overall};
use crate::fleet::Serving;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The figures of servers, by name.
pub(super) type Figures = BTreeMap<String, Value>;

/// What is told when it changes.
#[derive(Debug)]
pub(super) struct Picture {
    /// How many changes there had been; none before the first look.
    pub(super) moment: Option<u64>,
    pub(super) status: Overall,
    /// Entries without figures, and with no base to their URLs. One that has not changed is the very same.
    servers: BTreeMap<String, Arc<Value>>,
    left_out: Arc<Vec<Value>>,
}

/// A difference between two pictures.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<'p> {
    /// A server is new, or something of it is.
    Server(&'p str),
    /// It is not served any more.
    Removed(&'p str),
    /// Others are left out, or for other reasons.
    LeftOut,
    /// Nothing but the status of the whole.
    Status,
}

impl Default for Picture {
    fn default() -> Picture {
        Picture { moment: None, status: Overall::Ok, servers: BTreeMap::new(), left_out: Arc::default() }
    }
}

impl Picture {
    /// What is served at that moment. What is as it was `before` is shared with that.
    pub(super) fn of(serving: &Serving, moment: u64, before: &Picture) -> Picture {
        let entries =
            serving.servers.iter().map(|(name, served)| (name.clone(), report::standing(served, "")));
        let servers = entries.map(|(name, entry)| {
            let same = before.servers.get(&name).filter(|same| ***same == entry).map(Arc::clone);
            (name, same.unwrap_or_else(|| Arc::new(entry)))
        });
        let left_out = report::left_out(serving);
        let same = Some(&before.left_out).filter(|same| ***same == left_out).map(Arc::clone);
        Picture {
            moment: Some(moment),
            status: report::overall_of(serving, false),
            servers: servers.collect(),
            left_out: same.unwrap_or_else(|| Arc::new(left_out)),
        }
    }

    /// How it differs from an earlier one.
    pub(super) fn changes<'p>(&'p self, before: &'p Picture) -> Vec<Change<'p>> {
        let is_same = |(name, entry): &(&String, &Arc<Value>)| {
            before.servers.get(*name).is_some_and(|same| Arc::ptr_eq(same, entry))
        };
        let removed = before.servers.keys().filter(|name| !self.servers.contains_key(*name));
        let mut changes: Vec<Change<'p>> = removed.map(|name| Change::Removed(name)).collect();
        let changed = self.servers.iter().filter(|server| !is_same(server));
        changes.extend(changed.map(|(name, _)| Change::Server(name)));
        if !Arc::ptr_eq(&self.left_out, &before.left_out) {
            changes.push(Change::LeftOut);
        }
        if changes.is_empty() && self.status != before.status {
            changes.push(Change::Status);
        }
        changes
    }
}

/// The figures of all servers now.
pub(super) fn figures(serving: &Serving) -> Figures {
    serving.servers.iter().map(|(name, served)| (name.clone(), report::figures(served))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn picture(servers: &[(&str, &Arc<Value>)], left_out: &Arc<Vec<Value>>, status: Overall) -> Picture {
        let servers = servers.iter().map(|(name, entry)| (name.to_string(), Arc::clone(entry))).collect();
        Picture { moment: Some(1), status, servers, left_out: Arc::clone(left_out) }
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let [up, down] = ["ready", "stopped"].map(|state| Arc::new(json!({ "state": state })));
        let (none, some) = (Arc::new(Vec::new()), Arc::new(vec![json!({ "name": "x" })]));
        let before = picture(&[("a", &up), ("b", &up), ("c", &up)], &none, Overall::Ok);
        assert_eq!(before.changes(&before), []);
        let after = picture(&[("a", &up), ("b", &down), ("d", &up)], &some, Overall::Degraded);
        let expected = [Change::Removed("c"), Change::Server("b"), Change::Server("d"), Change::LeftOut];
        assert_eq!(after.changes(&before), expected);
        let worse = picture(&[("a", &up), ("b", &up), ("c", &up)], &none, Overall::Down);
        assert_eq!(worse.changes(&before), [Change::Status]);
    }

    #[test]
    fn what_has_not_changed_is_shared() {
        let serving = Serving::default();
        let first = Picture::of(&serving, 1, &Picture::default());
        let second = Picture::of(&serving, 2, &first);
        assert!(Arc::ptr_eq(&first.left_out, &second.left_out));
        assert_eq!(second.changes(&first), []);
    }
}
