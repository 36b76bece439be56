//! The help text: one screen.

/// What `mcp-proxy --help` prints.
pub const HELP: &str = "\
mcp-proxy finds every MCP server in ./servers/, keeps each alive, and serves them all on one HTTP port:
a folder servers/notes becomes http://127.0.0.1:3000/notes.

Usage: mcp-proxy [COMMAND] [OPTIONS]

Commands
  run                 serve (the default)
  check [--json]      what was found, how it would start, which variables it gets, what is wrong; starts nothing
  list [--json]       the running proxy's servers and their state
  start|stop|restart NAME
                      one server of the running proxy
  reload              look at configuration and folders again; only what changed is restarted
  healthcheck         ask the running proxy whether it is well, for Docker and init scripts

Options, before or after any command             Environment                Default
  --config FILE       configuration file         MCP_PROXY_CONFIG           ./proxy.toml, if it exists
  --servers FOLDER    folder of servers          MCP_PROXY_SERVERS          ./servers
  --import FILE       servers of another client  MCP_PROXY_IMPORT           none; may be given several times
  --listen IP:PORT    address to listen on       MCP_PROXY_LISTEN           127.0.0.1:3000
  --state-dir FOLDER  keys and sessions          MCP_PROXY_STATE_DIR        ~/.local/state/mcp-proxy
  --log-format FORM   text or json               MCP_PROXY_LOG_FORMAT       text
  --dev               restart what changes       MCP_PROXY_DEV              off
  --help, --version

  An option wins over the environment, that over the file, that over the default. The file has many more keys;
  key k of section [s] is MCP_PROXY_S_K in the environment. RUST_LOG sets the log level.

Files
  proxy.toml          needed only to change a default; the one in the source names every key
  servers/NAME/       a server; its own files say how it is started: docs/discovery.md
  servers/NAME/server.toml, .env
                      its own keys (command, args, env, ...) and its variables
  servers/*.json      servers of another client's configuration, like those of --import

Examples
  mcp-proxy check                       is everything in ./servers understood?
  mcp-proxy --listen 127.0.0.1:8080     serve on another port
  mcp-proxy restart notes               after changing it
  mcp-proxy --dev                       while you write one: what you save is served at once

Exit codes: 0 well; 1 something is wrong or not running; 2 usage or configuration.
";

#[cfg(test)]
mod tests {
    use super::HELP;

    #[test]
    fn the_help_fits_a_screen() {
        assert!(HELP.lines().count() <= 48);
        assert!(HELP.lines().all(|line| line.chars().count() <= 115));
    }
}
