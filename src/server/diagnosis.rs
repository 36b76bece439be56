//! What a server that ended before it spoke MCP has said of the reason. Pure.

use std::collections::BTreeSet;
use std::fmt;

/// What it lacks, as far as its last words tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Diagnosis {
    /// Variables that are not set.
    Variables(Vec<String>),
    /// Somebody else listens where it wants to.
    PortTaken,
    /// What it is made of is not installed.
    NotInstalled(&'static str),
    /// It wants other arguments.
    Usage,
}

impl Diagnosis {
    /// Whether that is the whole reason: no other arguments and no other way would help.
    pub(super) fn is_definite(&self) -> bool {
        matches!(self, Diagnosis::Variables(_) | Diagnosis::PortTaken)
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Diagnosis::Variables(names) if names.len() > 1 => {
                let names = names.join(", "); // all of them, or one instead of another
                write!(f, "it asks for {names}, none of which is set: put what it needs into the .env in its folder")
            }
            Diagnosis::Variables(names) => {
                write!(f, "it needs {}, which is not set: put it into the .env in its folder", names.join(", "))
            }
            Diagnosis::PortTaken => f.write_str(
                "the port it listens on is taken and it does not heed PORT: say another one by its own variable or argument",
            ),
            Diagnosis::NotInstalled(remedy) => write!(f, "what it needs is not installed: {remedy}"),
            Diagnosis::Usage => f.write_str("it wants other arguments: say them in args of its server.toml"),
        }
    }
}

/// Words beside which a name in capitals is that of a variable which is missing.
const LACKING: [&str; 15] = [
    "required",
    "missing",
    "not set",
    "must be set",
    "unset",
    "undefined",
    "not provided",
    "must provide",
    "please set",
    "please provide",
    "keyerror",
    "not found",
    "not defined",
    "not configured",
    "is empty",
];

/// Reads the last lines a child printed. `required` are the variables its own files say it needs, `given` those that
/// are set for it.
pub(super) fn diagnose(lines: &[String], required: &[String], given: &BTreeSet<String>) -> Option<Diagnosis> {
    let lacks = |name: &String| !given.contains(name);
    let named: BTreeSet<String> = lines.iter().flat_map(|line| missing(line)).filter(lacks).collect();
    if !named.is_empty() {
        return Some(Diagnosis::Variables(named.into_iter().collect()));
    }
    let text = lines.join("\n");
    if let Some(found) = of_text(&text) {
        return Some(found);
    }
    let required: Vec<String> = required.iter().filter(|name| lacks(name)).cloned().collect();
    if !required.is_empty() {
        return Some(Diagnosis::Variables(required));
    }
    let usage = text.to_lowercase();
    let is_usage = ["usage:", "available commands", "subcommand"].iter().any(|word| usage.contains(word));
    is_usage.then_some(Diagnosis::Usage)
}

fn of_text(text: &str) -> Option<Diagnosis> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["EADDRINUSE", "ddress already in use", "[Errno 98]"]) {
        return Some(Diagnosis::PortTaken);
    }
    if has(&["Cannot find module", "Cannot find package", "ERR_MODULE_NOT_FOUND"]) {
        return Some(Diagnosis::NotInstalled(
            "run npm install (and npm run build, if it has that) in its folder",
        ));
    }
    if has(&["ModuleNotFoundError", "No module named"]) {
        let remedy = "install its requirements into .venv in its folder, or install uv";
        return Some(Diagnosis::NotInstalled(remedy));
    }
    None
}

/// Names of variables that a line complains about.
fn missing(line: &str) -> Vec<String> {
    let lower = line.to_lowercase();
    if !LACKING.iter().any(|word| lower.contains(word)) {
        return Vec::new();
    }
    let words = line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| is_variable(word)).map(str::to_string).collect()
}

/// Capitals with an underscore between; not an error code of Node's.
fn is_variable(word: &str) -> bool {
    let capital = word.starts_with(|letter: char| letter.is_ascii_uppercase());
    let plain = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let parts = word.split('_').filter(|part| !part.is_empty()).count();
    let is_code = word.starts_with("ERR_") || word == "MODULE_NOT_FOUND";
    capital && plain && parts > 1 && word.len() > 4 && !is_code
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Option<Diagnosis> {
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        diagnose(
            &lines,
            &["NEEDED_KEY".to_string()],
            &BTreeSet::from(["NEEDED_KEY".into(), "SET_ONE".into()]),
        )
    }

    fn variables(names: &[&str]) -> Option<Diagnosis> {
        Some(Diagnosis::Variables(names.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn variables_that_are_missing_are_named() {
        for line in [
            "Error: TAVILY_API_KEY environment variable is required",
            "Missing required environment variable: TAVILY_API_KEY",
            "KeyError: 'TAVILY_API_KEY'",
            "TAVILY_API_KEY is not set. Set it beside SET_ONE.",
            "Please set the `TAVILY_API_KEY` in your environment",
        ] {
            assert_eq!(of(line), variables(&["TAVILY_API_KEY"]), "{line}");
        }
        assert_eq!(of("CLIENT_ID and CLIENT_SECRET must be set"), variables(&["CLIENT_ID", "CLIENT_SECRET"]));
    }

    #[test]
    fn one_of_several_may_do() {
        let slack =
            of("Authentication required: Either SLACK_XOXP_TOKEN or SLACK_XOXB_TOKEN must be provided");
        let said = slack.unwrap().to_string();
        assert!(
            said.starts_with("it asks for SLACK_XOXB_TOKEN, SLACK_XOXP_TOKEN, none of which is set"),
            "{said}"
        );
    }

    #[test]
    fn other_reasons_are_told_apart() {
        assert_eq!(
            of("Error: listen EADDRINUSE: address already in use :::3000"),
            Some(Diagnosis::PortTaken)
        );
        let node = of("code: 'ERR_MODULE_NOT_FOUND'\nError: Cannot find module '/x/dist/index.js'");
        assert!(matches!(node, Some(Diagnosis::NotInstalled(_))), "{node:?}");
        assert!(matches!(of("ModuleNotFoundError: No module named 'mcp'"), Some(Diagnosis::NotInstalled(_))));
        assert_eq!(of("Usage: server [OPTIONS] COMMAND"), Some(Diagnosis::Usage));
        assert_eq!(of("segmentation fault"), None);
        assert_eq!(of("HTTP_SERVER listening"), None);
    }

    #[test]
    fn what_its_files_require_is_named_even_if_it_says_nothing() {
        assert_eq!(diagnose(&[], &["A_KEY".into()], &BTreeSet::new()), variables(&["A_KEY"]));
    }

    proptest! {
        #[test]
        fn any_last_words_are_survived(text in "\\PC*") {
            let _ = of(&text);
        }
    }
}
