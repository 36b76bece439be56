//! How a command speaks: to programs, or to people, with green, yellow and red where one looks on.

use std::io::{self, IsTerminal};

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, for programs.
    Json,
    /// Text, for people.
    Text(Paint),
}

/// Colours words, or leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// For a file, a pipe, or who does not want colours.
    Plain,
    /// For a terminal.
    Coloured,
}

impl Paint {
    /// Coloured if stdout is a terminal and nothing speaks against it: NO_COLOR (no-color.org), a terminal that can
    /// do nothing.
    pub fn of_stdout() -> Paint {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        match io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
            true => Paint::Coloured,
            false => Paint::Plain,
        }
    }

    /// It is well.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Somebody should know.
    pub fn odd(self, text: &str) -> String {
        self.with("33", text)
    }

    /// It is wrong.
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Paint::Plain => text.to_string(),
            Paint::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}
