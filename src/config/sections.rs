//! The sections of `proxy.toml`, each key with its default. `[limits]` is [`crate::limits::Limits`].

use super::spec::{Eras, Instances, Start};
use super::values::{self, LogFormat, LogLevel, Ports};
use super::{AuthSection, Nets, ServerTable};
use crate::limits::Limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// Everything that can be configured, resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Section `[proxy]`.
    pub proxy: ProxySection,
    /// Section `[limits]`.
    pub limits: Limits,
    /// Section `[health]`.
    pub health: Health,
    /// Section `[restart]`.
    pub restart: Restart,
    /// Section `[defaults]`.
    pub defaults: Defaults,
    /// Section `[auth]`.
    pub auth: AuthSection,
    /// Section `[log]`.
    pub log: LogSection,
    /// Section `[tls]`.
    pub tls: TlsSection,
    /// The tables `[server.NAME]`, by NAME as written.
    #[serde(skip)]
    pub server: BTreeMap<String, ServerTable>,
    /// Those with a mistake: only these servers are lost by it.
    #[serde(skip)]
    pub broken: BTreeMap<String, Broken>,
}

/// A table `[server.NAME]` that cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// File and line of the table.
    pub place: String,
    /// What is wrong in it, with file and line.
    pub reason: String,
}

/// `[proxy]`: where it listens and what it serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxySection {
    /// The address clients connect to; port 0 takes any free one.
    #[serde(deserialize_with = "values::listen")]
    pub listen: SocketAddr,
    /// The folder of servers; relative to the folder of `proxy.toml`.
    pub servers: String,
    /// Files of other clients whose servers are served too; relative to the folder of `proxy.toml`.
    pub import: Vec<String>,
    /// Where keys and sessions are kept; empty means [`super::state_dir()`]'s choice.
    pub state_dir: String,
    /// File with the secret that signs session ids, for proxies that stand in for each other; relative to the folder
    /// of `proxy.toml`. Empty: each state folder has its own.
    pub session_key_file: String,
    /// Ports given to HTTP servers and to the bridges of stdio servers.
    pub ports: Ports,
    /// The URL under which clients reach the proxy, if something stands in front of it.
    #[serde(deserialize_with = "values::public_url")]
    pub public_url: String,
    /// Host names accepted in `Host` beside the loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Origins accepted in `Origin` beside the loopback ones.
    pub allowed_origins: Vec<String>,
    /// Reverse proxies that are believed what they say of their clients in `X-Forwarded-*`.
    pub trusted_proxies: Nets,
}

impl Default for ProxySection {
    fn default() -> Self {
        ProxySection {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            servers: "./servers".to_string(),
            import: Vec::new(),
            state_dir: String::new(),
            session_key_file: String::new(),
            ports: Ports::default(),
            public_url: String::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Nets::default(),
        }
    }
}

/// `[health]`: how servers are polled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// From one poll of a server to the next.
    pub interval_seconds: u64,
    /// How long an answer may take.
    pub timeout_seconds: u64,
    /// Failures in a row that make a server unhealthy.
    pub unhealthy_after: u32,
}

impl Default for Health {
    fn default() -> Self {
        Health { interval_seconds: 10, timeout_seconds: 5, unhealthy_after: 3 }
    }
}

/// `[restart]`: what follows when a server exits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restart {
    /// Pause before the second restart; it doubles from there.
    pub backoff_ms: u64,
    /// The longest pause.
    pub max_backoff_seconds: u64,
    /// Exits within [`Restart::brake_window_seconds`] that pull the brake.
    pub brake_exits: u32,
    /// The time in which exits are counted.
    pub brake_window_seconds: u64,
    /// Pause between tries while the brake is on.
    pub brake_seconds: u64,
    /// Time in health after which all is forgotten.
    pub reset_seconds: u64,
    /// How long a new call waits for a restart.
    pub restart_wait_seconds: u64,
}

impl Default for Restart {
    fn default() -> Self {
        Restart {
            backoff_ms: 500,
            max_backoff_seconds: 60,
            brake_exits: 5,
            brake_window_seconds: 60,
            brake_seconds: 60,
            reset_seconds: 60,
            restart_wait_seconds: 30,
        }
    }
}

/// `[defaults]`: how every server is treated unless its own keys say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// One child for all clients, or one for each session.
    pub instances: Instances,
    /// Most children at once with one for each session.
    pub max_instances: usize,
    /// When a child is started.
    pub start: Start,
    /// Which protocol eras servers are asked for.
    pub eras: Eras,
    /// Idleness after which a child is stopped that the next call can start again; 0: never.
    pub idle_stop_seconds: u64,
    /// Idleness after which the child for a second era is stopped.
    pub era_idle_seconds: u64,
    /// From start to the first proper answer.
    pub start_timeout_seconds: u64,
    /// The same where the first start downloads or builds what the server needs: `npx`, `uvx`, `uv run`, `go run`.
    pub first_start_timeout_seconds: u64,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout_seconds: u64,
    /// A call's whole life.
    pub call_timeout_seconds: u64,
    /// A call's silence; progress resets it.
    pub call_idle_seconds: u64,
    /// How long an answer may take before the response becomes an event stream.
    pub stream_after_ms: u64,
    /// Age at which an event stream that waits for an answer is closed; its client comes back for the rest
    /// (SEP-1699). 0: never.
    pub stream_close_after_ms: u64,
    /// What event streams tell clients to wait before they come back.
    pub retry_ms: u64,
    /// How long an event stream may be silent before a comment shows that it is open.
    pub stream_comment_seconds: u64,
    /// Names of the proxy's own variables that servers get.
    pub pass_env: Vec<String>,
    /// Whether what a server runs may have more rights than the server (`sudo`, setuid).
    pub allow_privileges: bool,
    /// Whether a `.env` that others can read keeps its server down; else it is warned of.
    pub strict_permissions: bool,
    /// Most memory of a server's processes together; 0: no limit.
    pub memory_limit_bytes: u64,
    /// Most processes of a server at once; 0: no limit.
    pub max_processes: u64,
    /// Most open files of each of a server's processes; 0: as many as the proxy was started with.
    pub max_open_files: u64,
    /// Names in a server's folder whose changes mean nothing in development: of files, or of folders with a slash at
    /// the end. `*` stands for any characters.
    pub watch_ignore: Vec<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Defaults {
            instances: Instances::Shared,
            max_instances: 8,
            start: Start::Auto,
            eras: Eras::Both,
            idle_stop_seconds: 600,
            era_idle_seconds: 300,
            start_timeout_seconds: 60,
            first_start_timeout_seconds: 900,
            stop_timeout_seconds: 5,
            call_timeout_seconds: 300,
            call_idle_seconds: 120,
            stream_after_ms: 100,
            stream_close_after_ms: 0,
            retry_ms: 1000,
            stream_comment_seconds: 15,
            pass_env: Vec::new(),
            allow_privileges: false,
            strict_permissions: false,
            memory_limit_bytes: 0,
            max_processes: 0,
            max_open_files: 0,
            watch_ignore: Vec::new(),
        }
    }
}

/// `[log]`: what the proxy says on stderr, and in files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// Text for people, a JSON object a line, or what journald takes.
    pub format: LogFormat,
    /// The least important lines that are still logged. `RUST_LOG` wins.
    pub level: LogLevel,
    /// Whether each call of a tool has a line (who, which tool, how it ended), of level info.
    pub audit: bool,
    /// Folder where each server has a file, and the proxy one for the rest; relative to that of `proxy.toml`. Empty: none.
    pub dir: String,
    /// A file that would have more bytes makes room for a new one.
    pub max_file_bytes: u64,
    /// Files of one name, the present one included; the oldest goes.
    pub max_files: usize,
}

impl Default for LogSection {
    fn default() -> Self {
        LogSection {
            format: LogFormat::default(),
            level: LogLevel::default(),
            audit: true,
            dir: String::new(),
            max_file_bytes: 10 * 1024 * 1024,
            max_files: 3,
        }
    }
}

/// `[tls]`: HTTPS for clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSection {
    /// PEM file with the proxy's certificate and those that lead to its authority; relative to the folder of
    /// `proxy.toml`. Empty: plain HTTP.
    pub cert: String,
    /// PEM file with the private key; relative to the folder of `proxy.toml`.
    pub key: String,
    /// Another address, where plain requests are sent on to HTTPS: `0.0.0.0:80`. Empty: none.
    #[serde(deserialize_with = "values::redirect_listen")]
    pub redirect_listen: String,
}
