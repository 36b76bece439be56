//! Names by their spelling: `*` stands for any characters.

use serde::{Deserialize, Serialize};

/// A name, or many: `read_*`, `*.log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Fits every name.
    pub fn any() -> Pattern {
        Pattern("*".to_string())
    }

    /// Whether it is [`Pattern::any`].
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// Whether a name is spelt so.
    pub fn fits(&self, name: &str) -> bool {
        fits(&self.0, name)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Pattern {
        Pattern(text.to_string())
    }
}

/// Whether a name fits a pattern, in which `*` stands for any characters.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let (Some(mut rest), Some(last)) = (name.strip_prefix(first), parts.next_back()) else {
        return pattern == name;
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name) in [
            ("*.log", "a.log"),
            ("a", "a"),
            ("*", ""),
            ("*.db-*", "x.db-wal"),
            ("#*#", "#x#"),
            ("*a*b", "xaaxb"),
            ("*a*b*c*", "xaxbxcx"),
            ("**", "x"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.log", "a.logs"),
            ("a", "b"),
            ("a", ""),
            ("#*#", "#"),
            ("*a*b", "ab_"),
            ("*a*a", "a"),
            ("*a*b*c*", "cba"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
