//! What is wrong with the configuration, all of it at once.

use std::fmt;

/// One or more mistakes, each a line that names the place, the key and the remedy. Exit code 2.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigError {
    /// The mistakes, in the order in which they were met.
    pub problems: Vec<String>,
}

impl ConfigError {
    pub(super) fn one(problem: String) -> Self {
        ConfigError { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Says in a user's words what serde says in a programmer's, without repeating the value: it may be a secret.
pub(super) fn plain(message: &str) -> String {
    let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return whole_numbers(message);
    };
    let kind = found.split(['`', '"']).next().unwrap_or(found).trim();
    let expected = match expected {
        "a sequence" => "a list".to_string(),
        "a map" => "a table".to_string(),
        other => whole_numbers(other),
    };
    format!("{expected} is expected here, not {}", with_article(kind))
}

fn whole_numbers(text: &str) -> String {
    ["usize", "u64", "u32", "u16"]
        .iter()
        .fold(text.to_string(), |text, kind| text.replace(kind, "a whole number"))
}

fn with_article(kind: &str) -> &str {
    match kind {
        "string" => "a string",
        "integer" => "a number",
        "floating point" => "a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_type_error_names_both_kinds_and_hides_the_value() {
        let message = plain("invalid type: string \"s3cret, expected u16\", expected usize");
        assert_eq!(message, "a whole number is expected here, not a string");
    }
}
