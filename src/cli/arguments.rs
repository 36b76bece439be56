//! What the command line says.

use super::said::Said;
pub use super::said::UsageError;
use super::table::{Entry, Expects};
use crate::config::{Flags, nearest};
use std::ffi::OsString;

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// What to do.
    pub command: Command,
    /// Options that stand above environment and `proxy.toml`.
    pub flags: Flags,
    /// Whether the outcome is to be JSON.
    pub json: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Serve; the default.
    Run,
    /// Say what was found, without starting it.
    Check,
    /// The running proxy's servers.
    List,
    /// What a server of the running proxy says.
    Logs(Wanted),
    /// Start a server of the running proxy.
    Start(String),
    /// Stop it.
    Stop(String),
    /// Stop and start it.
    Restart(String),
    /// Look at configuration and folders again.
    Reload,
    /// Write a server's folder.
    Add(NewServer),
    /// Look for what is wrong.
    Doctor,
    /// Make, show or take away what clients prove themselves by.
    Token(TokenCommand),
    /// Ask the running proxy whether it is well.
    Healthcheck,
    /// Set the owner's password.
    Passwd,
    /// Print a link to sign in to the running proxy's page by.
    Login,
    /// Print what a shell needs to complete words.
    Completions(Shell),
    /// Say how the last of these words may go on; asked by what [`Command::Completions`] prints.
    Complete(Vec<String>),
    /// Print the manual page.
    Man,
    /// Print the version.
    Version,
    /// Explain the commands that begin so; all, if it is empty.
    Help(String),
}

/// Which lines of a server are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The server's name.
    pub server: String,
    /// Those to come, too.
    pub follow: bool,
    /// At most so many of those that are kept.
    pub lines: Option<usize>,
}

/// What a new server is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewServer {
    /// `--name`
    pub name: Option<String>,
    /// A name, if the next one is no source, and its source: `npm:…`, `pypi:…`, a URL, or a program; arguments.
    pub words: Vec<String>,
    /// `KEY=VALUE` or `KEY`.
    pub env: Vec<String>,
}

/// A shell that completes words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// bash 4 and later.
    Bash,
    /// zsh with compinit.
    Zsh,
    /// fish 3 and later.
    Fish,
}

/// Their names.
pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// What to do with tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenCommand {
    /// Make one.
    New(NewToken),
    /// Say which there are.
    List,
    /// Take this one away.
    Revoke(String),
}

/// What a new token is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewToken {
    /// `--name`; else one is chosen.
    pub name: Option<String>,
    /// `--servers`, separated by commas; else all.
    pub servers: Option<String>,
    /// `--tools`, separated by commas; else all.
    pub tools: Option<String>,
    /// `--expires`, like `90d`; else never.
    pub expires: Option<String>,
}

/// Reads the arguments that follow the program's name. Options may stand before and after the command.
///
/// # Errors
/// An unknown command or option, a missing or superfluous word.
pub fn parse<I>(arguments: I) -> Result<Arguments, UsageError>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let said = Said::read(arguments)?;
    let command = match said.words.first().map(String::as_str) {
        _ if said.has("version") => Command::Version,
        Some("help") => Command::Help(said.words[1..].join(" ")),
        _ if said.has("help") => Command::Help(said.words.join(" ")),
        _ => {
            let entry = said.entry()?;
            said.suits(entry)?;
            command(&said, entry)?
        }
    };
    Ok(Arguments { command, flags: said.flags()?, json: said.has("json") })
}

fn command(said: &Said, entry: &Entry) -> Result<Command, UsageError> {
    let mut words = said.words.iter().skip(entry.name.split(' ').count()).cloned();
    let name = match entry.expects {
        Expects::Server | Expects::Token | Expects::Shell => words.next().ok_or_else(|| nameless(entry))?,
        Expects::Nothing | Expects::Anything => String::new(),
    };
    let command = match entry.name {
        "run" => Command::Run,
        "check" => Command::Check,
        "list" => Command::List,
        "logs" => Command::Logs(wanted(said, name)?),
        "start" => Command::Start(name),
        "stop" => Command::Stop(name),
        "restart" => Command::Restart(name),
        "reload" => Command::Reload,
        "add" => Command::Add(new_server(said, words.by_ref().collect(), entry)?),
        "doctor" => Command::Doctor,
        "token new" => Command::Token(TokenCommand::New(new_token(said)?)),
        "token list" => Command::Token(TokenCommand::List),
        "token revoke" => Command::Token(TokenCommand::Revoke(name)),
        "passwd" => Command::Passwd,
        "login" => Command::Login,
        "healthcheck" => Command::Healthcheck,
        "completions" if name == "words" => Command::Complete(words.by_ref().collect()),
        "completions" => Command::Completions(shell(&name)?),
        "man" => Command::Man,
        other => return Err(UsageError(format!("{other} is not carried out"))),
    };
    match words.next() {
        Some(superfluous) => {
            Err(UsageError(format!("`{superfluous}` is one word too many for {}", entry.name)))
        }
        None => Ok(command),
    }
}

fn wanted(said: &Said, server: String) -> Result<Wanted, UsageError> {
    let number = |text: String| {
        text.parse().map_err(|_| UsageError(format!("--lines `{text}` is no number; write it like -n 20")))
    };
    Ok(Wanted { server, follow: said.has("follow"), lines: said.text("lines")?.map(number).transpose()? })
}

fn new_server(said: &Said, words: Vec<String>, entry: &Entry) -> Result<NewServer, UsageError> {
    match words.is_empty() {
        true => Err(UsageError(format!("what is to be added? {}", entry.usage()))),
        false => Ok(NewServer { name: said.text("name")?, words, env: said.all("env")? }),
    }
}

fn new_token(said: &Said) -> Result<NewToken, UsageError> {
    Ok(NewToken {
        name: said.text("name")?,
        servers: said.text("servers")?,
        tools: said.text("tools")?,
        expires: said.text("expires")?,
    })
}

fn shell(name: &str) -> Result<Shell, UsageError> {
    match name {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        other => {
            let near = nearest(other, SHELLS).map(|near| format!("; did you mean `{near}`?"));
            let near = near.unwrap_or_else(|| format!("; there are: {}", SHELLS.join(", ")));
            Err(UsageError(format!("no completions for `{other}`{near}")))
        }
    }
}

fn nameless(entry: &Entry) -> UsageError {
    let where_from = match entry.expects {
        Expects::Server => "; `mcp-proxy list` shows them",
        Expects::Token => "; `mcp-proxy token list` shows them",
        _ => "",
    };
    let what = if entry.expects == Expects::Shell { "a shell" } else { "a name" };
    UsageError(format!("{} needs {what}: mcp-proxy {0} {}{where_from}", entry.name, entry.arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Command {
        parse(line.split_whitespace()).unwrap().command
    }

    fn fault(line: &str) -> String {
        parse(line.split_whitespace()).unwrap_err().to_string()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    #[test]
    fn every_command_of_the_table_is_carried_out() {
        for entry in crate::cli::table::COMMANDS {
            let argument = match entry.expects {
                Expects::Nothing => "",
                Expects::Shell => "bash",
                _ => "a",
            };
            let line = format!("{} {argument}", entry.name);
            assert!(parse(line.split_whitespace()).is_ok(), "{line}");
        }
    }

    #[test]
    fn every_command() {
        assert_eq!(command(""), Command::Run);
        assert_eq!(command("run"), Command::Run);
        assert_eq!(command("start a"), Command::Start("a".to_string()));
        assert_eq!(command("stop a"), Command::Stop("a".to_string()));
        assert_eq!(command("completions zsh"), Command::Completions(Shell::Zsh));
        assert_eq!(
            command("completions words -- logs -"),
            Command::Complete(vec!["logs".into(), "-".into()])
        );
        assert_eq!(command("check --help"), Command::Help("check".into()));
        assert_eq!(command("--help check"), Command::Help(String::new()));
        assert_eq!(command("help token new"), Command::Help("token new".into()));
        assert_eq!(command("-V"), Command::Version);
        assert!(parse(["list", "--json"]).unwrap().json && !parse(["list"]).unwrap().json);
        let wanted = |follow, lines| Command::Logs(Wanted { server: "a".into(), follow, lines });
        assert_eq!(command("logs a"), wanted(false, None));
        assert_eq!(command("-fn 5 logs a"), wanted(true, Some(5)));
        assert_eq!(command("logs --follow --lines=0 a"), wanted(true, Some(0)));
    }

    #[test]
    fn tokens_have_commands_of_their_own() {
        let new = parse(
            "--servers s --state-dir d token new --name phone --servers a,b --tools read_* --expires 90d"
                .split(' '),
        );
        let (flags, new) = new.map(|it| (it.flags, it.command)).unwrap();
        assert_eq!((flags.state_dir.as_deref(), flags.servers), (Some("d"), some("s")));
        let token = NewToken {
            name: some("phone"),
            servers: some("a,b"),
            tools: some("read_*"),
            expires: some("90d"),
        };
        assert_eq!(new, Command::Token(TokenCommand::New(token)));
        assert_eq!(command("token list --json"), Command::Token(TokenCommand::List));
        assert_eq!(command("token revoke a"), Command::Token(TokenCommand::Revoke("a".to_string())));
        assert!(fault("token").starts_with("what of token? mcp-proxy token new"));
        assert!(fault("token nwe").contains("did you mean `token new`?"));
        assert!(fault("token revoke").contains("token revoke needs a name"));
        assert!(fault("token new x").contains("one word too many"));
        assert!(
            fault("list --name x").starts_with("--name does not go with list; it goes with add, token new")
        );
    }

    #[test]
    fn what_stands_behind_the_dashes_is_the_new_servers_own() {
        let line = "add notes --env A=1 -e B -- node x.js --env C --json -f";
        let words = ["notes", "node", "x.js", "--env", "C", "--json", "-f"].map(String::from).to_vec();
        let env = vec!["A=1".into(), "B".into()];
        assert_eq!(command(line), Command::Add(NewServer { name: None, words, env }));
        let behind = "what belongs to the server's own command stands behind --";
        assert!(fault("add notes node x.js --port 3").contains(behind));
        assert!(fault("add notes node -f").contains(behind));
        assert!(fault("add").starts_with("what is to be added? mcp-proxy add NAME"));
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
        assert!(
            fault("run --json").starts_with("--json does not go with run; it goes with check, list, logs")
        );
        assert!(fault("logs a -n x").starts_with("--lines `x` is no number"));
        assert!(fault("completions fishh").contains("did you mean `fish`?"));
        assert!(fault("--config").contains("--config"));
        assert!(fault("--dev=yes").contains("--dev"));
    }
}
