//! `${VAR}` and `${VAR:-default}` in the files of other clients.

use crate::config::Environment;

/// Whether a file's client also replaces `$VAR` without braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    /// Most leave it alone.
    Stays,
    /// Gemini replaces it where it is set.
    Replaced,
}

/// Replaces every reference. What stands for something else than a variable (`${workspaceFolder}`, `${input:id}`) is
/// in `variables` under its own name.
///
/// # Errors
/// The name of a variable that is not set and has no default.
pub(super) fn expand(text: &str, variables: &Environment, bare: Bare) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{').and_then(|reference| reference.split_once('}'));
        rest = match braced {
            Some((reference, tail)) => {
                out.push_str(&value(reference, variables)?);
                tail
            }
            None => {
                let (value, tail) = unbraced(after, variables, bare);
                out.push_str(&value);
                tail
            }
        };
    }
    Ok(out + rest)
}

fn value(reference: &str, variables: &Environment) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    // Some editors write `${env:VAR}`.
    let name = name.strip_prefix("env:").unwrap_or(name);
    let set = variables.get(name).filter(|value| default.is_none() || !value.is_empty());
    set.map(String::as_str).or(default).map(str::to_string).ok_or_else(|| name.to_string())
}

fn unbraced<'t>(after: &'t str, variables: &Environment, bare: Bare) -> (String, &'t str) {
    let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let (name, tail) = after.split_at(end.unwrap_or(after.len()));
    match variables.get(name) {
        Some(value) if bare == Bare::Replaced => (value.clone(), tail),
        _ => ("$".to_string(), after),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bare, expand};
    use crate::config::Environment;
    use proptest::prelude::*;

    fn variables() -> Environment {
        [("A", "1"), ("E", ""), ("/", "/"), ("input:key", "k")]
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .into()
    }

    #[test]
    fn references_are_replaced_where_named() {
        let expand = |text| expand(text, &variables(), Bare::Stays);
        assert_eq!(expand("x${A}y${env:A}").unwrap(), "x1y1");
        assert_eq!(expand("${B:-d}${A:-d}${E:-d}${E}").unwrap(), "d1d");
        assert_eq!(expand("$A ${A $").unwrap(), "$A ${A $");
        assert_eq!(expand("a${/}b ${input:key}").unwrap(), "a/b k");
        assert_eq!(expand("${NO}").unwrap_err(), "NO");
    }

    #[test]
    fn gemini_replaces_a_bare_name_that_is_set() {
        let expand = |text| expand(text, &variables(), Bare::Replaced);
        assert_eq!(expand("$A-$A$NO ${A} $").unwrap(), "1-1$NO 1 $");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[$%{}:A/ü-]{0,30}") {
            let _ = expand(&text, &variables(), Bare::Replaced);
        }
    }
}
