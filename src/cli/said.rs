//! The words and options of a command line, told apart by the [`super::table`].

use super::table::{self, COMMANDS, Entry, GLOBAL, Opt};
use crate::config::{Flags, nearest};
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// The command line cannot be understood. Exit code 2.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageError(pub(super) String);

impl fmt::Display for UsageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n`mcp-proxy --help` shows commands and options", self.0)
    }
}

impl std::error::Error for UsageError {}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        UsageError(error.to_string())
    }
}

/// What was said.
#[derive(Default)]
pub(super) struct Said {
    /// The command and what follows it, those behind `--` too.
    pub(super) words: Vec<String>,
    options: Vec<(&'static Opt, OsString)>,
}

impl Said {
    /// Reads on until `--help` or `--version`, behind which nothing matters.
    pub(super) fn read<I>(arguments: I) -> Result<Said, UsageError>
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let mut parser = Parser::from_args(arguments);
        let mut said = Said::default();
        while let Some(argument) = parser.next()? {
            let option = match argument {
                Arg::Value(word) => {
                    said.words.push(word.string()?);
                    continue;
                }
                Arg::Long(long) => said.option(&format!("--{long}"), |option| option.long == long)?,
                Arg::Short(letter) => said.option(&format!("-{letter}"), |it| it.short == Some(letter))?,
            };
            let value = option.value.map_or_else(|| Ok(OsString::new()), |_| parser.value())?;
            said.options.push((option, value));
            if matches!(option.long, "help" | "version") {
                break;
            }
        }
        Ok(said)
    }

    /// That of the command, if it was said before and has one of that name: `token new --servers`.
    fn option(&self, word: &str, is: impl Fn(&Opt) -> bool) -> Result<&'static Opt, UsageError> {
        let own = table::find(&self.words).and_then(|entry| entry.options.iter().find(|option| is(option)));
        own.or_else(|| table::any_option(is)).ok_or_else(|| {
            let known: Vec<String> = table::options().map(|option| format!("--{}", option.long)).collect();
            let UsageError(text) = unknown("option", word, known.iter().map(String::as_str));
            UsageError(text + self.behind_dashes())
        })
    }

    fn behind_dashes(&self) -> &'static str {
        match self.words.first().map(String::as_str) {
            Some("add") => "; what belongs to the server's own command stands behind --",
            _ => "",
        }
    }

    /// The command.
    pub(super) fn entry(&self) -> Result<&'static Entry, UsageError> {
        if let Some(entry) = table::find(&self.words) {
            return Ok(entry);
        }
        let [first, rest @ ..] = &self.words[..] else { return Err(UsageError("no command".into())) };
        let family: Vec<&Entry> =
            COMMANDS.iter().filter(|entry| entry.name.split(' ').next() == Some(first)).collect();
        match (&family[..], rest.first()) {
            ([], _) => Err(unknown("command", first, COMMANDS.iter().map(|entry| entry.name))),
            (_, Some(second)) => {
                Err(unknown("command", &format!("{first} {second}"), family.iter().map(|entry| entry.name)))
            }
            (_, None) => {
                let usages: Vec<String> = family.iter().map(|entry| entry.usage()).collect();
                Err(UsageError(format!("what of {first}? {}", usages.join(", "))))
            }
        }
    }

    /// Refuses an option that means nothing to this command.
    pub(super) fn suits(&self, entry: &Entry) -> Result<(), UsageError> {
        let mut options = self.options.iter().map(|(option, _)| option);
        let Some(stray) =
            options.find(|option| !GLOBAL.contains(option) && entry.option(option.long).is_none())
        else {
            return Ok(());
        };
        let theirs = COMMANDS.iter().filter(|other| other.option(stray.long).is_some());
        let theirs: Vec<&str> = theirs.map(|other| other.name).collect();
        let (long, name) = (stray.long, entry.name);
        Err(UsageError(format!(
            "--{long} does not go with {name}; it goes with {}{}",
            theirs.join(", "),
            self.behind_dashes()
        )))
    }

    /// Whether an option was given.
    pub(super) fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(option, _)| option.long == long)
    }

    /// All values of an option of the command's own.
    pub(super) fn all(&self, long: &str) -> Result<Vec<String>, UsageError> {
        self.values(|option| option.long == long && option.otherwise.is_none())
    }

    /// The last value of one.
    pub(super) fn text(&self, long: &str) -> Result<Option<String>, UsageError> {
        Ok(self.all(long)?.pop())
    }

    fn values(&self, is: impl Fn(&Opt) -> bool) -> Result<Vec<String>, UsageError> {
        let given = self.options.iter().filter(|(option, _)| is(option));
        given.map(|(_, value)| Ok(value.clone().string()?)).collect()
    }

    /// What stands above environment and `proxy.toml`.
    pub(super) fn flags(&self) -> Result<Flags, UsageError> {
        let all = |long: &str| self.values(|option| option.long == long && option.otherwise.is_some());
        let last = |long: &str| Ok::<_, UsageError>(all(long)?.pop());
        let config = self.options.iter().rfind(|(option, _)| option.long == "config");
        Ok(Flags {
            config: config.map(|(_, path)| PathBuf::from(path)),
            servers: last("servers")?,
            import: all("import")?,
            listen: last("listen")?,
            state_dir: last("state-dir")?,
            log_format: last("log-format")?,
            dev: self.has("dev"),
        })
    }
}

fn unknown<'k>(what: &str, word: &str, known: impl Iterator<Item = &'k str>) -> UsageError {
    let near = nearest(word, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    UsageError(format!("unknown {what} `{word}`{near}"))
}
