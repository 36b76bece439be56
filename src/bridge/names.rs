//! Names that clients bring back: of questions they were asked, and of calls that wait for them. They say which process
//! gave them, so that what belongs to another proxy, or to this one before it was started again, is told from what is
//! over: `q-PROCESS-NUMBER`, `s-PROCESS-RANDOM`.

use crate::protocol::json;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who gave a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Giver<'n> {
    /// This process; the rest of the name.
    Us(&'n str),
    /// Another one.
    Another,
    /// It is no such name.
    Nobody,
}

/// What to do about a name of another process's.
pub(crate) const ADVICE: &str = "behind a balancer, send all requests of one client to the same proxy \
     (for example by a hash of Mcp-Session-Id, or of the client's address)";

fn process() -> &'static str {
    static PROCESS: OnceLock<String> = OnceLock::new();
    PROCESS.get_or_init(|| format!("{:08x}", rand::random::<u32>()))
}

/// A number for a question that no other of this process has: a session may move from one child to the next.
pub(crate) fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The name of the question with that number.
pub(crate) fn question(number: u64) -> String {
    format!("q-{}-{number}", process())
}

/// The same as a JSON-RPC id (raw JSON).
pub(crate) fn question_id(number: u64) -> String {
    format!("\"{}\"", question(number))
}

/// The number of the question with that id (raw JSON).
///
/// # Errors
/// Another process asked it.
pub(crate) fn number_of(id: &str) -> Result<Option<u64>, AskedElsewhere> {
    match json::string(id).as_deref().map_or(Giver::Nobody, |name| giver("q-", name)) {
        Giver::Us(number) => Ok(number.parse().ok()),
        Giver::Another => Err(AskedElsewhere),
        Giver::Nobody => Ok(None),
    }
}

/// The question was asked by another process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AskedElsewhere;

/// A new name for a call that waits: nobody can guess it.
pub(crate) fn new_state() -> String {
    format!("s-{}-{:032x}", process(), rand::random::<u128>())
}

/// Whether another process gave that name to a call.
pub(crate) fn is_anothers_state(state: &str) -> bool {
    giver("s-", state) == Giver::Another
}

fn giver<'n>(kind: &str, name: &'n str) -> Giver<'n> {
    let parts = name.strip_prefix(kind).and_then(|rest| rest.split_once('-'));
    match parts {
        Some((of, rest)) if of == process() => Giver::Us(rest),
        Some((of, _)) if of.len() == 8 && of.bytes().all(|digit| digit.is_ascii_hexdigit()) => Giver::Another,
        _ => Giver::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_who_gave_it() {
        assert_eq!(number_of(&question_id(7)), Ok(Some(7)));
        let other = if process() == "0123abcd" { "1123abcd" } else { "0123abcd" };
        assert_eq!(number_of(&format!("\"q-{other}-7\"")), Err(AskedElsewhere));
        for nobodys in ["7", "null", "\"7\"", "\"q-7\"", "\"q-xyz-7\"", "\"s-0123abcd-7\"", ""] {
            assert_eq!(number_of(nobodys), Ok(None), "{nobodys}");
        }
        assert!(!is_anothers_state(&new_state()) && is_anothers_state(&format!("s-{other}-00")));
        assert!(!is_anothers_state("0123456789abcdef0123456789abcdef"));
        assert_ne!(next_number(), next_number());
    }
}
