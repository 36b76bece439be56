//! The lists that servers offer, and whether two of them say the same.

use super::json;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An item that nests deeper is not taken apart: whoever reads it has a small stack.
const MAX_DEPTH: usize = 32;

/// A list that a server can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
}

impl List {
    /// All of them.
    pub const ALL: [List; 4] = [List::Tools, List::Prompts, List::Resources, List::Templates];

    /// The list that this method asks for.
    pub fn of(method: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.method() == method)
    }

    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            List::Tools => "tools/list",
            List::Prompts => "prompts/list",
            List::Resources => "resources/list",
            List::Templates => "resources/templates/list",
        }
    }

    /// The notification that says it has changed.
    pub fn changed(self) -> &'static str {
        match self {
            List::Tools => "notifications/tools/list_changed",
            List::Prompts => "notifications/prompts/list_changed",
            List::Resources | List::Templates => "notifications/resources/list_changed",
        }
    }

    /// Whether a server that answered its greeting so (raw) offers it.
    pub fn is_offered(self, greeting: &str) -> bool {
        let capability = match self {
            List::Tools => "tools",
            List::Prompts => "prompts",
            List::Resources | List::Templates => "resources",
        };
        let capabilities = json::member(greeting, "capabilities");
        capabilities.and_then(|all| json::member(all, capability)).is_some_and(|value| value != "null")
    }

    /// Where its items stand in a result.
    pub fn field(self) -> &'static str {
        match self {
            List::Tools => "tools",
            List::Prompts => "prompts",
            List::Resources => "resources",
            List::Templates => "resourceTemplates",
        }
    }
}

/// What a list says, whatever the order of its items and of their members, and however it is cut into pages. Good for
/// comparing what one build of this program has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Takes in the items of one more page (a raw result). What else stands in it is about the answer, not the list.
    pub fn add(&mut self, list: List, page: &str) {
        let items = json::member(page, list.field()).and_then(json::items).unwrap_or_default();
        self.0 = items.into_iter().map(hash).fold(self.0, u64::wrapping_add);
    }

    /// That of a list in these pages.
    pub fn of<'p>(list: List, pages: impl IntoIterator<Item = &'p str>) -> Digest {
        let mut digest = Digest::default();
        pages.into_iter().for_each(|page| digest.add(list, page));
        digest
    }
}

fn hash(item: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let value = (!json::is_deeper_than(item, MAX_DEPTH)).then(|| serde_json::from_str::<Value>(item));
    match value {
        Some(Ok(value)) => value.to_string().hash(&mut hasher),
        _ => item.hash(&mut hasher), // as it stands, the order of its members too
    }
    hasher.finish()
}

/// The cursor (raw) of the page that follows this one.
pub fn next_cursor(page: &str) -> Option<&str> {
    json::member(page, "nextCursor").filter(|cursor| cursor.starts_with('"'))
}

/// The cursor (raw) that a request for a page names.
pub fn cursor(params: Option<&str>) -> Option<&str> {
    json::member(params?, "cursor").filter(|cursor| *cursor != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(page: &str) -> Digest {
        Digest::of(List::Tools, [page])
    }

    #[test]
    fn a_list_is_the_same_in_any_order_and_any_pages() {
        let whole = tools(r#"{"tools":[{"name":"a","x":[1,2]},{"name":"b"}],"ttlMs":5,"_meta":{"n":1}}"#);
        assert_eq!(tools(r#"{"tools":[ {"name":"b"}, {"x":[1,2],"name":"a"} ]}"#), whole);
        let pages = [r#"{"tools":[{"name":"b"}],"nextCursor":"2"}"#, r#"{"tools":[{"x":[1,2],"name":"a"}]}"#];
        assert_eq!(Digest::of(List::Tools, pages), whole);
    }

    #[test]
    fn whatever_an_item_says_makes_a_difference() {
        let one = tools(r#"{"tools":[{"name":"a","x":[1,2]}]}"#);
        for other in [
            r#"{"tools":[]}"#,
            r#"{"tools":[{"name":"a","x":[2,1]}]}"#,
            r#"{"tools":[{"name":"a","x":[1,2]},{"name":"a","x":[1,2]}]}"#,
            r#"{"tools":[{"name":"a","x":[1,2],"_meta":{}}]}"#,
        ] {
            assert_ne!(tools(other), one, "{other}");
        }
    }

    #[test]
    fn a_deep_item_fits_on_the_stack_of_any_thread() {
        let [deep, deeper] = [120, 100_000].map(|depth| {
            format!(r#"{{"tools":[{{"name":"a","x":{}1{}}}]}}"#, r#"{"d":"#.repeat(depth), "}".repeat(depth))
        });
        let digests = crate::thread::spawn("deep", move || (tools(&deep), tools(&deeper))).unwrap();
        let (deep, deeper) = digests.join().unwrap();
        assert_ne!(deep, deeper);
    }

    #[test]
    fn what_is_offered_stands_in_the_greeting() {
        let greeting = r#"{"capabilities":{"tools":{},"prompts":null,"resources":{"subscribe":true}}}"#;
        let offered = List::ALL.map(|list| list.is_offered(greeting));
        assert_eq!(offered, [true, false, true, true]);
        assert!(!List::Tools.is_offered("{}"));
    }

    #[test]
    fn pages_are_found_by_their_cursors() {
        assert_eq!(next_cursor(r#"{"tools":[],"nextCursor":"a\u0062"}"#), Some(r#""a\u0062""#));
        assert_eq!(next_cursor(r#"{"tools":[],"nextCursor":null}"#), None);
        assert_eq!(cursor(Some(r#"{"cursor":"x"}"#)), Some(r#""x""#));
        assert_eq!(cursor(Some(r#"{"cursor":null}"#)), None);
        assert_eq!(cursor(None), None);
    }
}
