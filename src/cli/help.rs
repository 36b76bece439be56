//! The help: one screen for all, one for each command.

use super::table::{COMMANDS, Entry, Opt};

/// What `mcp-proxy --help` prints.
pub const HELP: &str = "\
mcp-proxy finds every MCP server in ./servers/, keeps each alive, and serves them all on one HTTP port:
a folder servers/notes becomes http://127.0.0.1:3000/notes.

Usage: mcp-proxy [COMMAND] [OPTIONS]

Commands (mcp-proxy COMMAND --help says more; all but run, completions and man take --json)
  run                 serve (the default)
  check               what was found, how it would start, which variables it gets, what is wrong; starts nothing
  add NAME -- COMMAND [ARGUMENTS], add npm:PACKAGE, add pypi:PACKAGE, add https://URL [--env KEY[=VALUE]]
                      write a server's folder
  doctor              look for what is wrong on this machine and around it, each with its cure
  list                the running proxy's servers and their state
  logs NAME [-f] [-n N]
                      what a server printed on stderr; -f goes on with what it prints from now on
  start|stop|restart NAME, reload
                      one server of the running proxy; look at configuration and folders again
  token new [--name N] [--servers a,b] [--tools 'read_*'] [--expires 90d], token list, token revoke NAME
                      tokens for servers and tools; from the first on every client has to bring one
  healthcheck         ask the running proxy whether it is well, for Docker and init scripts
  passwd              set the owner's password, for the status page and for OAuth clients: docs/oauth.md
  login               print a link that signs in to the status page once: docs/status-page.md
  completions bash|zsh|fish, man

Options, before or after any command             Environment                Default
  --config FILE       configuration file         MCP_PROXY_CONFIG           ./proxy.toml, if it exists
  --servers FOLDER    folder of servers          MCP_PROXY_SERVERS          ./servers
  --import FILE       servers of another client  MCP_PROXY_IMPORT           none; may be given several times
  --listen IP:PORT    address to listen on       MCP_PROXY_LISTEN           127.0.0.1:3000
  --state-dir FOLDER  keys and sessions          MCP_PROXY_STATE_DIR        ~/.local/state/mcp-proxy
  --log-format FORM   text, json, journal        MCP_PROXY_LOG_FORMAT       auto
  --dev               restart what changes       MCP_PROXY_DEV              off
  --help, --version

  An option wins over the environment, that over the file, that over the default. The file has many more keys;
  key k of section [s] is MCP_PROXY_S_K in the environment. RUST_LOG sets the log level.

Files: proxy.toml     needed only to change a default; the one in the source names every key
  servers/NAME/       a server; its own files, its server.toml and .env say how it is started: docs/discovery.md
  servers/*.json      servers of another client's configuration, like those of --import

Examples
  mcp-proxy --listen 0.0.0.0:3000       serve the network, after mcp-proxy token new
  mcp-proxy --dev                       while you write one: what you save is served at once

Exit codes: 0 well; 1 something is wrong or not running; 2 usage or configuration.
";

/// The help of the commands whose names begin with these words; of all, if there is none.
pub(super) fn about(words: &str) -> String {
    let is_meant = |name: &str| name == words || name.starts_with(&format!("{words} "));
    let first = words.split(' ').next().unwrap_or_default();
    let meant: Vec<&Entry> = COMMANDS.iter().filter(|it| is_meant(it.name) || it.name == first).collect();
    match meant.is_empty() {
        true => HELP.to_string(),
        false => meant.iter().map(|entry| of(entry)).collect::<Vec<_>>().join("\n"),
    }
}

fn of(entry: &Entry) -> String {
    let mut text = format!("Usage: {}\n\n", entry.usage());
    let what = format!("{}.", capital(entry.what));
    for paragraph in std::iter::once(what.as_str()).chain(entry.more.split("\n\n")) {
        wrapped(paragraph, 100).iter().for_each(|line| text += &format!("{line}\n"));
        text.push('\n');
    }
    entry.options.iter().for_each(|option| text += &row(option));
    if !entry.options.is_empty() {
        text.push('\n');
    }
    text + "Options of every command: mcp-proxy --help\n"
}

fn row(option: &Opt) -> String {
    let lines = wrapped(option.what, 76);
    let rest: String = lines[1..].iter().map(|line| format!("{:24}{line}\n", "")).collect();
    format!("  {:22}{}\n{rest}", option.usage(), lines[0])
}

/// The text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// The words in lines of at most `width` characters, unless a word alone has more; at least one line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::GLOBAL;

    #[test]
    fn the_help_fits_a_screen() {
        assert!(HELP.lines().count() <= 48);
        assert!(HELP.lines().all(|line| line.chars().count() <= 115));
    }

    #[test]
    fn everything_stands_in_the_help() {
        for entry in COMMANDS {
            assert!(HELP.contains(entry.name), "{}", entry.name);
            let own = about(entry.name);
            assert!(own.lines().all(|line| line.chars().count() <= 100), "{own}");
            for option in entry.options {
                assert!(own.contains(&option.usage()), "{own}");
            }
        }
        for option in GLOBAL {
            assert!(HELP.contains(&format!("--{}", option.long)), "{}", option.long);
            let (variable, default) = option.otherwise.unwrap_or_default();
            assert!(HELP.contains(variable) && HELP.contains(default), "{}", option.long);
        }
    }

    #[test]
    fn a_family_is_explained_together_and_nothing_is_everything() {
        let tokens = about("token");
        assert!(["token new", "token list", "token revoke NAME"].iter().all(|it| tokens.contains(it)));
        assert!(!about("token new").contains("token revoke"));
        assert_eq!((about("").as_str(), about("nonsense").as_str()), (HELP, HELP));
        assert!(about("logs a").starts_with("Usage: mcp-proxy logs NAME [OPTIONS]\n"));
    }
}
