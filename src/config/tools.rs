//! `tools` of one server: which of its tools there are for clients.

use super::Pattern;
use serde::{Deserialize, Serialize};

/// Which tools of a server are shown and can be called. Nothing is hidden unless told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolRules {
    /// Those and no others; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<Pattern>>,
    /// None of those, whatever `allow` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<Pattern>>,
}

impl ToolRules {
    /// `self` where it says something, else `under`.
    #[must_use]
    pub fn over(self, under: ToolRules) -> ToolRules {
        ToolRules { allow: self.allow.or(under.allow), deny: self.deny.or(under.deny) }
    }

    /// Whether a tool of that name is shown.
    pub fn show(&self, tool: &str) -> bool {
        let is_in = |list: &Vec<Pattern>| list.iter().any(|pattern| pattern.fits(tool));
        self.allow.as_ref().is_none_or(is_in) && !self.deny.as_ref().is_some_and(is_in)
    }

    /// Whether every tool is shown, whatever its name.
    pub fn show_all(&self) -> bool {
        let is_all = |list: &Vec<Pattern>| list.iter().any(Pattern::is_any);
        self.allow.as_ref().is_none_or(is_all) && self.deny.as_ref().is_none_or(Vec::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(toml: &str) -> ToolRules {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn what_is_denied_is_hidden_and_without_allow_all_else_is_shown() {
        let shown = |toml: &str| {
            let rules = rules(toml);
            let names = ["read_a", "read_delete", "write_a"];
            names.into_iter().filter(|name| rules.show(name)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(""), "read_a read_delete write_a");
        assert_eq!(shown("allow = ['read_*']"), "read_a read_delete");
        assert_eq!(shown("deny = ['*_delete']"), "read_a write_a");
        assert_eq!(shown("allow = ['read_*']\ndeny = ['*_delete']"), "read_a");
        assert_eq!(shown("allow = []"), "");
        assert!(rules("").show_all() && rules("allow = ['*']\ndeny = []").show_all());
        assert!(!rules("allow = []").show_all() && !rules("deny = ['x']").show_all());
    }

    #[test]
    fn each_of_the_two_lists_stands_in_for_itself() {
        let (own, under) = (rules("allow = ['a']"), rules("allow = ['b']\ndeny = ['c']"));
        assert_eq!(own.over(under), rules("allow = ['a']\ndeny = ['c']"));
    }
}
