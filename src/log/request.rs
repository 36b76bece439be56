//! Which request a log line is about. An exchange has one thread, so that thread knows it: every line that is written
//! meanwhile carries its id, whoever writes it. What goes on elsewhere takes the id along ([`current`], [`within`]).

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Longest id of a client's that is taken.
const MAX_CHARS: usize = 64;

thread_local! {
    static CURRENT: RefCell<Option<RequestId>> = const { RefCell::new(None) };
}

/// What tells one request from another in the log. Not secret; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// One of ours, shown as 16 hexadecimal digits.
    Ours(u64),
    /// As the client has sent it.
    Theirs(Arc<str>),
}

impl RequestId {
    /// One that no other request of this process has, and hardly any of another's.
    pub fn new() -> RequestId {
        static COUNT: OnceLock<AtomicU64> = OnceLock::new();
        let count = COUNT.get_or_init(|| AtomicU64::new(rand::random()));
        RequestId::Ours(scatter(count.fetch_add(1, Ordering::Relaxed)))
    }

    /// The client's own, if it is at most 64 characters of `A-Z a-z 0-9 . _ -`; else a new one.
    pub fn of(field: Option<&[u8]>) -> RequestId {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let sane = |text: &&[u8]| (1..=MAX_CHARS).contains(&text.len()) && text.iter().all(is_plain);
        let theirs = field.filter(sane).and_then(|text| str::from_utf8(text).ok());
        theirs.map_or_else(RequestId::new, |text| RequestId::Theirs(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestId::Ours(number) => write!(f, "{number:016x}"),
            RequestId::Theirs(text) => f.write_str(text),
        }
    }
}

/// Neighbours get numbers that do not look alike, and no two the same one (the finalizer of SplitMix64).
fn scatter(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The request that this thread is at.
pub fn current() -> Option<RequestId> {
    // A thread that is ending is at none.
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Until what is returned is dropped, this thread is at that request, or at none.
#[must_use]
pub fn within(request: Option<RequestId>) -> Scope {
    Scope(swap(request), PhantomData)
}

/// See [`within`]. It stays on its thread.
pub struct Scope(Option<RequestId>, PhantomData<*const ()>);

impl Drop for Scope {
    fn drop(&mut self) {
        swap(self.0.take());
    }
}

fn swap(request: Option<RequestId>) -> Option<RequestId> {
    CURRENT.try_with(|current| current.replace(request)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_client_s_id_is_taken_if_it_is_sane() {
        let taken = |text: &str| RequestId::of(Some(text.as_bytes())).to_string() == text;
        for good in ["7", "0f8fad5b-d9cb-469f-a165-70867728950e", "a.b_C-1", &"x".repeat(MAX_CHARS)] {
            assert!(taken(good), "{good}");
        }
        for bad in ["", "a b", "a\"b", "a\u{e4}", "a/b", "a\x1b[2J", &"x".repeat(MAX_CHARS + 1)] {
            assert!(!taken(bad), "{bad}");
        }
        assert!(!RequestId::of(None).to_string().is_empty());
    }

    #[test]
    fn ours_are_all_different_and_of_one_length() {
        let ids: HashSet<String> = (0..10_000).map(|_| RequestId::new().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    #[test]
    fn a_scope_ends_where_it_began() {
        let one = Some(RequestId::new());
        let outer = within(one.clone());
        {
            let _none = within(None);
            assert_eq!(current(), None);
        }
        assert_eq!(current(), one);
        drop(outer);
        assert_eq!(current(), None);
    }
}
