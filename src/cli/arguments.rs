//! What the command line says.

use crate::config::{Flags, nearest};
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// What to do.
    pub command: Command,
    /// Options that stand above environment and `proxy.toml`.
    pub flags: Flags,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Serve; the default.
    Run,
    /// Say what was found, without starting it.
    Check {
        /// As JSON.
        json: bool,
    },
    /// The running proxy's servers.
    List {
        /// As JSON.
        json: bool,
    },
    /// Start a server of the running proxy.
    Start(String),
    /// Stop it.
    Stop(String),
    /// Stop and start it.
    Restart(String),
    /// Look at configuration and folders again.
    Reload,
    /// Ask the running proxy whether it is well.
    Healthcheck,
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// The command line cannot be understood. Exit code 2.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageError(String);

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

const COMMANDS: [&str; 8] = ["run", "check", "list", "start", "stop", "restart", "reload", "healthcheck"];
const OPTIONS: [&str; 10] = [
    "--config",
    "--servers",
    "--import",
    "--listen",
    "--state-dir",
    "--dev",
    "--log-format",
    "--json",
    "--help",
    "--version",
];

/// Reads the arguments that follow the program's name. Options may stand before and after the command.
///
/// # Errors
/// An unknown command or option, a missing or superfluous word.
pub fn parse<I>(arguments: I) -> Result<Arguments, UsageError>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let mut parser = Parser::from_args(arguments);
    let (mut flags, mut json, mut words) = (Flags::default(), false, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Arguments { command: Command::Help, flags }),
            Arg::Long("version") | Arg::Short('V') => {
                return Ok(Arguments { command: Command::Version, flags });
            }
            Arg::Long("config") => flags.config = Some(PathBuf::from(parser.value()?)),
            Arg::Long("servers") => flags.servers = Some(parser.value()?.string()?),
            Arg::Long("import") => flags.import.push(parser.value()?.string()?),
            Arg::Long("listen") => flags.listen = Some(parser.value()?.string()?),
            Arg::Long("state-dir") => flags.state_dir = Some(parser.value()?.string()?),
            Arg::Long("log-format") => flags.log_format = Some(parser.value()?.string()?),
            Arg::Long("dev") => flags.dev = true,
            Arg::Long("json") => json = true,
            Arg::Long(other) => return Err(unknown("option", &format!("--{other}"), &OPTIONS)),
            Arg::Short(other) => return Err(unknown("option", &format!("-{other}"), &OPTIONS)),
            Arg::Value(word) => words.push(word.string()?),
        }
    }
    let command = command(words, json)?;
    Ok(Arguments { command, flags })
}

fn command(words: Vec<String>, json: bool) -> Result<Command, UsageError> {
    let mut words = words.into_iter();
    let word = words.next().unwrap_or_else(|| "run".to_string());
    let mut name = || words.next().ok_or_else(|| nameless(&word));
    let command = match word.as_str() {
        "run" => Command::Run,
        "check" => Command::Check { json },
        "list" => Command::List { json },
        "start" => Command::Start(name()?),
        "stop" => Command::Stop(name()?),
        "restart" => Command::Restart(name()?),
        "reload" => Command::Reload,
        "healthcheck" => Command::Healthcheck,
        other => return Err(unknown("command", other, &COMMANDS)),
    };
    if let Some(superfluous) = words.next() {
        return Err(UsageError(format!("`{superfluous}` is one word too many for {word}")));
    }
    if json && !matches!(command, Command::Check { .. } | Command::List { .. }) {
        return Err(UsageError("--json goes with check and list".to_string()));
    }
    Ok(command)
}

fn nameless(command: &str) -> UsageError {
    UsageError(format!(
        "{command} needs a server's name: mcp-proxy {command} NAME; `mcp-proxy list` shows them"
    ))
}

fn unknown(what: &str, word: &str, known: &[&str]) -> UsageError {
    let near = nearest(word, known.iter().copied());
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    UsageError(format!("unknown {what} `{word}`{near}"))
}

#[cfg(test)]
mod tests {
    use super::{Command, parse};

    fn command(line: &str) -> Command {
        parse(line.split_whitespace()).unwrap().command
    }

    fn fault(line: &str) -> String {
        parse(line.split_whitespace()).unwrap_err().to_string()
    }

    #[test]
    fn every_command() {
        assert_eq!(command(""), Command::Run);
        assert_eq!(command("run"), Command::Run);
        assert_eq!(command("check"), Command::Check { json: false });
        assert_eq!(command("list --json"), Command::List { json: true });
        assert_eq!(command("start a"), Command::Start("a".to_string()));
        assert_eq!(command("stop a"), Command::Stop("a".to_string()));
        assert_eq!(command("restart a"), Command::Restart("a".to_string()));
        assert_eq!(command("reload"), Command::Reload);
        assert_eq!(command("healthcheck"), Command::Healthcheck);
        assert_eq!(command("check --help"), Command::Help);
        assert_eq!(command("-V"), Command::Version);
    }

    #[test]
    fn options_stand_before_and_after_the_command() {
        let before = parse("--config a.toml --listen=x --dev --json check".split(' ')).unwrap();
        let after = parse("check --json --dev --listen x --config a.toml".split(' ')).unwrap();
        assert_eq!(before, after);
        assert_eq!(before.flags.listen.as_deref(), Some("x"));
        assert!(before.flags.dev);
        let rest = parse("--servers s --state-dir d --log-format json".split(' ')).unwrap().flags;
        assert_eq!((rest.servers.as_deref(), rest.state_dir.as_deref()), (Some("s"), Some("d")));
        assert_eq!(rest.log_format.as_deref(), Some("json"));
        assert_eq!(parse("--import a --import=b".split(' ')).unwrap().flags.import, ["a", "b"]);
    }

    #[test]
    fn mistakes_say_what_was_meant() {
        assert!(fault("chek").starts_with("unknown command `chek`; did you mean `check`?\n"));
        assert!(fault("--lisen x").starts_with("unknown option `--lisen`; did you mean `--listen`?\n"));
        assert!(fault("-x").starts_with("unknown option `-x`\n"));
        assert!(fault("start").contains("mcp-proxy start NAME"));
        assert!(fault("check a").starts_with("`a` is one word too many for check"));
        assert!(fault("reload --json").starts_with("--json goes with check and list"));
        assert!(fault("--config").contains("--config"));
        assert!(fault("--dev=yes").contains("--dev"));
    }
}
