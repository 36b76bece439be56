//! Every command and option there is. The parser, the help, the completions and the manual page are made of it.

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// One word, or two: `token new`.
    pub name: &'static str,
    /// What follows it, as people write it.
    pub arguments: &'static str,
    /// What it does, in half a line.
    pub what: &'static str,
    /// The same at length; paragraphs are separated by an empty line.
    pub more: &'static str,
    /// Its own options; those of [`GLOBAL`] go with every command.
    pub options: &'static [Opt],
    /// What the words behind it can be.
    pub expects: Expects,
}

/// An option.
#[derive(Debug, PartialEq, Eq)]
pub struct Opt {
    /// Behind the two dashes.
    pub long: &'static str,
    /// Behind one.
    pub short: Option<char>,
    /// What its value is called; none if it has none.
    pub value: Option<&'static str>,
    /// What it does, in half a line.
    pub what: &'static str,
    /// The variable that does the same, and what holds without either; for those of [`GLOBAL`].
    pub otherwise: Option<(&'static str, &'static str)>,
}

/// What can be typed behind a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// Nothing.
    Nothing,
    /// The name of a server.
    Server,
    /// The name of a token.
    Token,
    /// The name of a shell.
    Shell,
    /// Words that nobody can guess.
    Anything,
}

impl Entry {
    /// `mcp-proxy logs NAME [OPTIONS]`
    pub fn usage(&self) -> String {
        let arguments = if self.arguments.is_empty() { "" } else { " " };
        format!("mcp-proxy {}{arguments}{} [OPTIONS]", self.name, self.arguments)
    }

    /// Its option of that name.
    pub fn option(&self, long: &str) -> Option<&'static Opt> {
        self.options.iter().find(|option| option.long == long)
    }
}

impl Opt {
    /// `-n, --lines N`
    pub fn usage(&self) -> String {
        let short = self.short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let value = self.value.map(|value| format!(" {value}")).unwrap_or_default();
        format!("{short}--{}{value}", self.long)
    }
}

/// The command that these words begin with; without any it is `run`.
pub fn find(words: &[String]) -> Option<&'static Entry> {
    let one = words.first().map_or("run", String::as_str);
    let two = words.get(1).map(|second| format!("{one} {second}"));
    COMMANDS.iter().find(|entry| entry.name == one || Some(entry.name) == two.as_deref())
}

/// All options, those of every command first. Some stand there more than once.
pub fn options() -> impl Iterator<Item = &'static Opt> {
    GLOBAL.iter().chain(COMMANDS.iter().flat_map(|entry| entry.options))
}

/// An option of any command.
pub fn any_option(is: impl Fn(&Opt) -> bool) -> Option<&'static Opt> {
    options().find(|option| is(option))
}

const JSON: Opt = flag("json", "print JSON; what goes wrong is {\"error\": TEXT}, on stdout too");

const fn flag(long: &'static str, what: &'static str) -> Opt {
    Opt { long, short: None, value: None, what, otherwise: None }
}

const fn valued(long: &'static str, value: &'static str, what: &'static str) -> Opt {
    Opt { long, short: None, value: Some(value), what, otherwise: None }
}

const fn global(
    long: &'static str,
    value: Option<&'static str>,
    what: &'static str,
    variable: &'static str,
    default: &'static str,
) -> Opt {
    Opt { long, short: None, value, what, otherwise: Some((variable, default)) }
}

const fn short(letter: char, option: Opt) -> Opt {
    Opt { short: Some(letter), ..option }
}

/// Those that go with every command.
pub const GLOBAL: &[Opt] = &[
    global("config", Some("FILE"), "configuration file", "MCP_PROXY_CONFIG", "./proxy.toml, if it exists"),
    global("servers", Some("FOLDER"), "folder of servers", "MCP_PROXY_SERVERS", "./servers"),
    global(
        "import",
        Some("FILE"),
        "servers of another client",
        "MCP_PROXY_IMPORT",
        "none; may be given several times",
    ),
    global("listen", Some("IP:PORT"), "address to listen on", "MCP_PROXY_LISTEN", "127.0.0.1:3000"),
    global(
        "state-dir",
        Some("FOLDER"),
        "keys and sessions",
        "MCP_PROXY_STATE_DIR",
        "~/.local/state/mcp-proxy",
    ),
    global("log-format", Some("FORM"), "text or json", "MCP_PROXY_LOG_FORMAT", "text"),
    global("dev", None, "restart what changes", "MCP_PROXY_DEV", "off"),
    short('h', flag("help", "explain the command")),
    short('V', flag("version", "print the version")),
];

/// The commands, in the order of the help.
pub const COMMANDS: &[Entry] = &[
    Entry {
        name: "run",
        arguments: "",
        what: "serve (the default)",
        more: "Finds the servers, starts them and serves until it is told to end: Ctrl-C or SIGTERM. SIGHUP has it look at configuration and folders again. The log goes to stderr.",
        options: &[],
        expects: Expects::Nothing,
    },
    Entry {
        name: "check",
        arguments: "",
        what: "what was found, how it would start, which variables it gets, what is wrong; starts nothing",
        more: "Says of every server how it would be started, from which file that is known, which variables it gets (names only, never a value), and what keeps it from starting. No proxy needs to run.\n\nExits with 1 if a server is left out, cannot be started or lacks a variable.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "list",
        arguments: "",
        what: "the running proxy's servers and their state",
        more: "With --json what GET /servers says.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "logs",
        arguments: "NAME",
        what: "what a server printed on stderr; -f goes on, -n N shows so many lines",
        more: "The last lines that the server's processes printed on stderr (an HTTP server's stdout too), without secrets. With --follow each further line as it comes, over restarts of the server, until Ctrl-C; it ends with 1 if the server is removed or the proxy ends.\n\nWith --json {\"server\": NAME, \"lines\": [{\"number\", \"time\", \"text\"}]}; with --follow one such line object a line.",
        options: &[
            short('f', flag("follow", "go on with what is printed from now on")),
            short(
                'n',
                valued("lines", "N", "only the last N of the lines that are kept (limits.stderr_lines)"),
            ),
            JSON,
        ],
        expects: Expects::Server,
    },
    Entry {
        name: "start",
        arguments: "NAME",
        what: "start a server of the running proxy",
        more: "Returns at once; mcp-proxy list shows what comes of it.",
        options: &[JSON],
        expects: Expects::Server,
    },
    Entry {
        name: "stop",
        arguments: "NAME",
        what: "stop it, and leave it down until start or restart",
        more: "Returns at once; mcp-proxy list shows what comes of it.",
        options: &[JSON],
        expects: Expects::Server,
    },
    Entry {
        name: "restart",
        arguments: "NAME",
        what: "stop it and start it; past failures are forgotten",
        more: "Returns at once; mcp-proxy list shows what comes of it. Clients keep their sessions.",
        options: &[JSON],
        expects: Expects::Server,
    },
    Entry {
        name: "reload",
        arguments: "",
        what: "look at configuration and folders again; only what changed is restarted",
        more: "Returns when the new state is served. If the configuration has a mistake nothing is changed.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "add",
        arguments: "NAME -- COMMAND [ARGUMENTS]",
        what: "write a server's folder: of a command, or add npm:PACKAGE, pypi:PACKAGE, https://URL",
        more: "Writes servers/NAME/server.toml, and with --env a .env that only you can read, then says what mcp-proxy check says of it and how clients reach it. Nothing is ever overwritten.\n\nmcp-proxy add npm:PACKAGE[@VERSION] starts the package with npx, mcp-proxy add pypi:PACKAGE[@VERSION] with uvx; the name is made of the package's unless --name says another one. Arguments for the server follow behind --. mcp-proxy add https://HOST/PATH is a server that runs elsewhere.\n\nA command that names files of the current folder is run in it (cwd); any other in servers/NAME.",
        options: &[
            valued("name", "NAME", "what the server is called, if it is not the first word"),
            short(
                'e',
                valued("env", "KEY[=VALUE]", "a variable in its .env; without a value it is to be filled in"),
            ),
            JSON,
        ],
        expects: Expects::Anything,
    },
    Entry {
        name: "doctor",
        arguments: "",
        what: "look for what is wrong on this machine and around it, each with its cure",
        more: "Looks at configuration, servers, ports, permissions, the programs that servers need, clock, open files, disk, who may call, certificate, and whether the public URL leads here and passes event streams on at once. Some of it needs a running proxy.\n\nExits with 1 if something is wrong; with 0 if there are only warnings. With --json {\"findings\": [{\"subject\", \"state\": \"ok\"|\"warning\"|\"wrong\", \"found\", \"cure\"}]}.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "token new",
        arguments: "",
        what: "make a token; from then on every client has to bring one",
        more: "Prints the token on stdout, once, and how to use it on stderr. A running proxy knows it within a second.",
        options: &[
            valued("name", "NAME", "what it is called in token list and the log; else a name is chosen"),
            valued("servers", "LIST", "servers it is for, separated by commas: notes,home-*; else all"),
            valued("tools", "LIST", "tools it is for: 'read_*,list'; else all"),
            valued("expires", "TIME", "how long it holds: 90d, 12h; else for ever"),
            JSON,
        ],
        expects: Expects::Nothing,
    },
    Entry {
        name: "token list",
        arguments: "",
        what: "which tokens there are, what for, when they were used last",
        more: "Also what OAuth clients were allowed.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "token revoke",
        arguments: "NAME",
        what: "take a token away",
        more: "A running proxy refuses it within a second.",
        options: &[JSON],
        expects: Expects::Token,
    },
    Entry {
        name: "passwd",
        arguments: "",
        what: "set the owner's password, for the status page and for OAuth clients",
        more: "Asks for it twice at a terminal, else takes the first line of stdin. What clients were allowed before stays allowed.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "login",
        arguments: "",
        what: "print a link that signs in to the status page once",
        more: "As the owner, who may start and stop servers there. The link is good for a short while only.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "healthcheck",
        arguments: "",
        what: "ask the running proxy whether it is well, for Docker and init scripts",
        more: "Exits with 0 while the proxy serves, though servers may be ill, which is then said; with 1 while it ends, when every server is down, or when no proxy runs. With --json what GET /health says.",
        options: &[JSON],
        expects: Expects::Nothing,
    },
    Entry {
        name: "completions",
        arguments: "bash|zsh|fish",
        what: "a script that has the shell complete commands, options and names",
        more: "bash: mcp-proxy completions bash > ~/.local/share/bash-completion/completions/mcp-proxy\n\nzsh: mcp-proxy completions zsh > a folder of your fpath/_mcp-proxy\n\nfish: mcp-proxy completions fish > ~/.config/fish/completions/mcp-proxy.fish",
        options: &[],
        expects: Expects::Shell,
    },
    Entry {
        name: "man",
        arguments: "",
        what: "the manual page, as roff: mcp-proxy man | man -l -",
        more: "To install it: mcp-proxy man > /usr/local/share/man/man1/mcp-proxy.1",
        options: &[],
        expects: Expects::Nothing,
    },
];
