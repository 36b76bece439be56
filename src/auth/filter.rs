//! Which tools of a server somebody sees and calls: what the server's rules show, and their scope allows.

use super::Caller;
use crate::config::ToolRules;
use crate::protocol::error::{INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, RpcError};
use crate::protocol::json::Change;
use crate::protocol::message::Message;
use crate::protocol::tools;

/// More of a name is not repeated.
const MAX_NAME_CHARS: usize = 128;

/// One server's tools as one caller sees them.
#[derive(Clone, Copy)]
pub struct Filter<'f> {
    rules: &'f ToolRules,
    caller: &'f Caller,
}

impl<'f> Filter<'f> {
    /// What these rules and this caller's scope leave.
    pub fn new(rules: &'f ToolRules, caller: &'f Caller) -> Filter<'f> {
        Filter { rules, caller }
    }

    /// Whether every tool is shown: then nothing need be read.
    pub fn hides_nothing(self) -> bool {
        self.rules.show_all() && self.caller.may_call_all()
    }

    /// Whether a tool of that name is shown.
    pub fn shows(self, tool: &str) -> bool {
        self.rules.show(tool) && self.caller.may_call(tool)
    }

    /// Lets a message to the server pass.
    ///
    /// # Errors
    /// It calls a tool that is hidden, or could be read so: what a server says that has no such tool.
    pub fn check(self, message: &Message<'_>) -> Result<(), RpcError> {
        if self.hides_nothing() {
            return Ok(());
        }
        if !tools::is_plain(message) {
            let text = "a member of the message is spelt nearly like one of JSON-RPC; spell it in lower case";
            return Err(RpcError::new(INVALID_REQUEST, text));
        }
        if message.method() != Some("tools/call") {
            return Ok(());
        }
        let names = tools::called(message.params())
            .map_err(|_| RpcError::new(INVALID_PARAMS, "tools/call needs the name of a tool"))?;
        match names.iter().find(|name| !self.shows(name)) {
            Some(name) => Err(unknown(name)),
            None => Ok(()),
        }
    }

    /// What becomes of an answer (the whole message, or a batch), for it may be to `tools/list`: without hidden tools.
    /// One that cannot be read is not shown; `id` (raw) is that of its request, if it is known.
    pub fn list(self, text: &str, id: Option<&str>) -> Change {
        match tools::shown(text, &|tool| self.shows(tool)) {
            Ok(shown) => shown.map_or(Change::Keep, Change::Replace),
            Err(tools::Unreadable) => {
                id.map_or(Change::Drop, |id| Change::Replace(unreadable().response(id)))
            }
        }
    }
}

/// As the specification has it (2025-11-25 and 2026-07-28, server, Tools, Error Handling).
fn unknown(name: &str) -> RpcError {
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    RpcError::new(INVALID_PARAMS, format!("Unknown tool: {name}"))
}

/// What is told instead of an answer that cannot be read.
pub fn unreadable() -> RpcError {
    let text =
        "the server's list of tools cannot be read, so nothing of it is shown: some of them are hidden here";
    RpcError::new(INTERNAL_ERROR, text)
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;
    use crate::config::Pattern;

    fn patterns(list: &[&str]) -> Vec<Pattern> {
        list.iter().map(|pattern| Pattern::from(*pattern)).collect()
    }

    fn rules() -> ToolRules {
        ToolRules { allow: Some(patterns(&["read_*", "write_*"])), deny: Some(patterns(&["*_all"])) }
    }

    #[test]
    fn what_is_shown_is_allowed_by_both() {
        let scope = Scope { servers: patterns(&["*"]), tools: patterns(&["read_*", "list"]) };
        let (rules, caller) = (rules(), Caller::new("x", scope));
        let filter = Filter::new(&rules, &caller);
        assert!(filter.shows("read_a"));
        for hidden in ["write_a", "list", "read_all", "other"] {
            assert!(!filter.shows(hidden), "{hidden}");
        }
        let (all, anyone) = (ToolRules::default(), Caller::anyone());
        assert!(Filter::new(&all, &anyone).hides_nothing());
        assert!(!Filter::new(&rules, &anyone).hides_nothing());
        assert!(!Filter::new(&all, &caller).hides_nothing());
    }

    #[test]
    fn a_call_passes_if_every_name_of_it_is_shown() {
        let (rules, anyone) = (rules(), Caller::anyone());
        let check = |body: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0",{body}}}"#);
            let checked = Filter::new(&rules, &anyone).check(&Message::parse(&text, 9).unwrap());
            checked.err().map(|error| (error.code, error.message))
        };
        let call = |params: &str| check(&format!(r#""id":1,"method":"tools/call","params":{params}"#));
        assert_eq!(call(r#"{"name":"read_a"}"#), None);
        assert_eq!(call(r#"{"name":"drop"}"#), Some((-32602, "Unknown tool: drop".into())));
        for hidden in [
            r#"{"name":"read_a","n\u0061me":"read_all"}"#,
            r#"{"NAME":"drop","name":"read_a"}"#,
            r#"{"name":"\u0064rop"}"#,
            r#"["read_a"]"#,
            "{}",
        ] {
            assert_eq!(call(hidden).unwrap().0, -32602, "{hidden}");
        }
        assert_eq!(check(r#""method":"tools/c\u0061ll","params":{"name":"drop"}"#).unwrap().0, -32602);
        assert_eq!(check(r#""id":1,"method":"ping","Method":"tools/call""#).unwrap().0, -32600);
        assert_eq!(check(r#""id":1,"method":"prompts/get","params":{"name":"drop"}"#), None);
        assert_eq!(check(r#""id":1,"method":"tools/list""#), None);
    }
}
