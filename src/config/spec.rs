//! What is known of one server before it runs: how to start or reach it, and how it is to be treated.

use super::{Confinement, ToolRules};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One server, fully resolved. Two equal specs need no restart between them.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSpec {
    /// Route and label: lower case, `a-z 0-9 . _ -`, at most 63 characters.
    pub name: String,
    /// Where it was found, in words for people: `servers/notes/server.toml`, `package.json bin`.
    pub origin: String,
    /// How it is started or reached.
    pub launch: Launch,
    /// How it is treated.
    pub options: Options,
}

/// A process of ours, or somebody else's address.
#[derive(Clone, Debug, PartialEq)]
pub enum Launch {
    /// A child process that speaks MCP on its pipes or on a port.
    Child(ChildSpec),
    /// A server that runs elsewhere.
    Remote(RemoteSpec),
}

/// How a child speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// One JSON-RPC message a line on stdin and stdout.
    Stdio,
    /// HTTP on the port it is given in `PORT`.
    Http,
}

/// One way to start a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// What said so, in words for people: `servers/notes/package.json bin`.
    pub origin: String,
    /// Program: an absolute path, or a name looked up in `PATH`.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Arguments to add, one list after the other, when it ends without having spoken MCP: `["stdio"]`, `["--stdio"]`.
    pub retries: Vec<Vec<String>>,
    /// Variables that belong to this way; the server's own `env` wins over them.
    pub env: BTreeMap<String, String>,
    /// Whether its first start downloads or builds what it needs (`npx`, `uv run`, `go run`, …).
    pub prepares: bool,
}

/// A process to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChildSpec {
    /// The ways to start it, the most likely first; at least one. The next is tried when one ends without having
    /// spoken MCP.
    pub ways: Vec<Way>,
    /// stdio or HTTP, if that is said; else it is found out when it runs.
    pub transport: Option<Transport>,
    /// Working folder, absolute.
    pub cwd: PathBuf,
    /// Variables set in configuration; they win over `env_file`.
    pub env: BTreeMap<String, String>,
    /// The folder's `.env`, if there is one. Read again at each start.
    pub env_file: Option<PathBuf>,
    /// Variables whose values stand in files, absolute; they win over all else. Read again at each start.
    pub env_from_files: BTreeMap<String, PathBuf>,
    /// Tells what stood in these files when they were found from what stands there at a reload.
    pub env_digest: u64,
    /// Names of the proxy's own variables to pass on.
    pub pass_env: Vec<String>,
    /// The port to give it, if one is asked for; otherwise a free one of the range.
    pub port: Option<u16>,
    /// Path of its MCP endpoint (HTTP only), if that is said; else it is found out.
    pub path: Option<String>,
    /// Names of variables that its own files say it cannot do without.
    pub required: Vec<String>,
    /// What it may do and use.
    pub confinement: Box<Confinement>,
}

impl ChildSpec {
    /// The way it is started first.
    pub fn first_way(&self) -> &Way {
        static NONE: Way = Way {
            origin: String::new(),
            command: String::new(),
            args: Vec::new(),
            retries: Vec::new(),
            env: BTreeMap::new(),
            prepares: false,
        };
        self.ways.first().unwrap_or(&NONE)
    }
}

/// An address to forward to.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSpec {
    /// Its MCP endpoint, `http://` or `https://`.
    pub url: http::Uri,
    /// Header fields added to each request, credentials mostly.
    pub headers: BTreeMap<String, String>,
}

/// One child for all clients, or one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// One child, shared by every session.
    Shared,
    /// A child for each session.
    PerSession,
}

/// When a child is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Once, to get to know it; from then on like [`Start::OnDemand`], if it speaks on its pipes, else like
    /// [`Start::Always`].
    Auto,
    /// With the proxy.
    Always,
    /// With the first call.
    OnDemand,
}

/// Which protocol eras a server is asked for; clients of the other era are translated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Eras {
    /// Whatever it speaks: a child for each era that clients use.
    Both,
    /// Only `initialize`.
    Legacy,
    /// Only `server/discover`.
    Modern,
}

/// How a server is treated: `[defaults]`, overridden by its own keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Shared child or one per session.
    pub instances: Instances,
    /// Most children at once with [`Instances::PerSession`].
    pub max_instances: usize,
    /// When the child is started.
    pub start: Start,
    /// Which eras it is asked for.
    pub eras: Eras,
    /// Idleness after which a child is stopped that the next call can start again; none: never.
    pub idle_stop: Option<Duration>,
    /// Idleness after which the child for a second era is stopped.
    pub era_idle: Duration,
    /// From start to the first proper answer.
    pub start_timeout: Duration,
    /// The same where the first start downloads or builds ([`Way::prepares`]).
    pub first_start_timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
    /// A call's whole life.
    pub call_timeout: Duration,
    /// A call's silence: progress resets it.
    pub call_idle: Duration,
    /// How long an answer may take before the response becomes an event stream.
    pub stream_after: Duration,
    /// Age at which an event stream that waits for an answer is closed; its client comes back for the rest (SEP-1699).
    /// None: never.
    pub stream_close_after: Option<Duration>,
    /// What event streams tell clients to wait before they come back.
    pub retry: Duration,
    /// How long an event stream may be silent before a comment shows that it is open.
    pub stream_comment: Duration,
    /// Names in its folder whose changes mean nothing (`--dev`): of files, or of folders with a slash at the end.
    pub watch_ignore: Vec<String>,
    /// Which of its tools there are for clients.
    pub tools: ToolRules,
}

impl Options {
    /// Whether the first child is to be met before it may sleep.
    pub fn meets_first(&self) -> bool {
        self.start == Start::Auto && self.instances == Instances::Shared
    }
}
