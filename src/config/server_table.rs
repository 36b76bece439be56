//! `[server.NAME]` of `proxy.toml` and a folder's `server.toml`: the same keys, all optional.

use super::spec::{Eras, Instances, Options, Start, Transport};
use super::{Defaults, ToolRules, bounds, error, fields, nearest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::{Table, Value};

/// What is said of one server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerTable {
    /// stdio or HTTP; found out unless told.
    pub transport: Option<Transport>,
    /// Program to run: a name on `PATH`, or a path.
    pub command: Option<String>,
    /// Its arguments; added to the found ones when `command` was found and not said.
    pub args: Option<Vec<String>>,
    /// Variables to set.
    #[serde(deserialize_with = "text_map")]
    pub env: BTreeMap<String, String>,
    /// Variables whose values stand in files.
    #[serde(deserialize_with = "text_map")]
    pub env_from_files: BTreeMap<String, String>,
    /// Working folder.
    pub cwd: Option<String>,
    /// The port an HTTP server is given.
    pub port: Option<u16>,
    /// Path of an HTTP server's MCP endpoint.
    #[serde(deserialize_with = "endpoint_path")]
    pub path: Option<String>,
    /// MCP endpoint of a server that runs elsewhere.
    pub url: Option<String>,
    /// Header fields for `url`.
    #[serde(deserialize_with = "text_map")]
    pub headers: BTreeMap<String, String>,
    /// `false` leaves the server out.
    pub enabled: Option<bool>,
    /// Names of the proxy's own variables to pass on.
    pub pass_env: Option<Vec<String>>,
    /// User it runs as, by name or number.
    #[serde(deserialize_with = "name_or_number")]
    pub user: Option<String>,
    /// Group it runs as, by name or number.
    #[serde(deserialize_with = "name_or_number")]
    pub group: Option<String>,
    /// Folders it can read, and no others.
    pub read_only: Option<Vec<String>>,
    /// Folders it can read and change, and no others.
    pub writable: Option<Vec<String>>,
    /// See [`Defaults::allow_privileges`].
    pub allow_privileges: Option<bool>,
    /// See [`Defaults::strict_permissions`].
    pub strict_permissions: Option<bool>,
    /// See [`Defaults::memory_limit_bytes`].
    pub memory_limit_bytes: Option<u64>,
    /// See [`Defaults::max_processes`].
    pub max_processes: Option<u64>,
    /// See [`Defaults::max_open_files`].
    pub max_open_files: Option<u64>,
    /// See [`Defaults::instances`].
    pub instances: Option<Instances>,
    /// See [`Defaults::max_instances`].
    pub max_instances: Option<usize>,
    /// See [`Defaults::start`].
    pub start: Option<Start>,
    /// See [`Defaults::eras`].
    pub eras: Option<Eras>,
    /// See [`Defaults::idle_stop_seconds`].
    pub idle_stop_seconds: Option<u64>,
    /// See [`Defaults::era_idle_seconds`].
    pub era_idle_seconds: Option<u64>,
    /// See [`Defaults::start_timeout_seconds`].
    pub start_timeout_seconds: Option<u64>,
    /// See [`Defaults::first_start_timeout_seconds`].
    pub first_start_timeout_seconds: Option<u64>,
    /// See [`Defaults::stop_timeout_seconds`].
    pub stop_timeout_seconds: Option<u64>,
    /// See [`Defaults::call_timeout_seconds`].
    pub call_timeout_seconds: Option<u64>,
    /// See [`Defaults::call_idle_seconds`].
    pub call_idle_seconds: Option<u64>,
    /// See [`Defaults::stream_after_ms`].
    pub stream_after_ms: Option<u64>,
    /// See [`Defaults::stream_close_after_ms`].
    pub stream_close_after_ms: Option<u64>,
    /// See [`Defaults::retry_ms`].
    pub retry_ms: Option<u64>,
    /// See [`Defaults::stream_comment_seconds`].
    pub stream_comment_seconds: Option<u64>,
    /// See [`Defaults::watch_ignore`].
    pub watch_ignore: Option<Vec<String>>,
    /// Which of its tools there are for clients.
    pub tools: ToolRules,
}

impl ServerTable {
    /// Names of all keys.
    pub fn keys() -> &'static [&'static str] {
        fields::names::<ServerTable>()
    }

    /// Reads one table; `place` says where a key stands.
    ///
    /// # Errors
    /// Every mistake in it, each with its place.
    pub fn read(table: &Table, place: impl Fn(&str) -> String) -> Result<Self, Vec<String>> {
        let problem = |key: &str, value| Some(format!("{}: {}", place(key), key_problem(key, value)?));
        let problems: Vec<String> = table.iter().filter_map(|(key, value)| problem(key, value)).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Value::Table(table.clone()).try_into().map_err(|error| vec![error::plain(error.message())])
    }

    /// Whether it says how the server is started or reached.
    pub fn launches(&self) -> bool {
        self.command.is_some() || self.url.is_some()
    }

    /// `self` where it says something, else `under`; variables and header fields one by one.
    #[must_use]
    pub fn over(self, under: ServerTable) -> ServerTable {
        ServerTable {
            transport: self.transport.or(under.transport),
            command: self.command.or(under.command),
            args: self.args.or(under.args),
            env: under.env.into_iter().chain(self.env).collect(),
            env_from_files: under.env_from_files.into_iter().chain(self.env_from_files).collect(),
            cwd: self.cwd.or(under.cwd),
            port: self.port.or(under.port),
            path: self.path.or(under.path),
            url: self.url.or(under.url),
            headers: under.headers.into_iter().chain(self.headers).collect(),
            enabled: self.enabled.or(under.enabled),
            pass_env: self.pass_env.or(under.pass_env),
            user: self.user.or(under.user),
            group: self.group.or(under.group),
            read_only: self.read_only.or(under.read_only),
            writable: self.writable.or(under.writable),
            allow_privileges: self.allow_privileges.or(under.allow_privileges),
            strict_permissions: self.strict_permissions.or(under.strict_permissions),
            memory_limit_bytes: self.memory_limit_bytes.or(under.memory_limit_bytes),
            max_processes: self.max_processes.or(under.max_processes),
            max_open_files: self.max_open_files.or(under.max_open_files),
            instances: self.instances.or(under.instances),
            max_instances: self.max_instances.or(under.max_instances),
            start: self.start.or(under.start),
            eras: self.eras.or(under.eras),
            idle_stop_seconds: self.idle_stop_seconds.or(under.idle_stop_seconds),
            era_idle_seconds: self.era_idle_seconds.or(under.era_idle_seconds),
            start_timeout_seconds: self.start_timeout_seconds.or(under.start_timeout_seconds),
            first_start_timeout_seconds: self
                .first_start_timeout_seconds
                .or(under.first_start_timeout_seconds),
            stop_timeout_seconds: self.stop_timeout_seconds.or(under.stop_timeout_seconds),
            call_timeout_seconds: self.call_timeout_seconds.or(under.call_timeout_seconds),
            call_idle_seconds: self.call_idle_seconds.or(under.call_idle_seconds),
            stream_after_ms: self.stream_after_ms.or(under.stream_after_ms),
            stream_close_after_ms: self.stream_close_after_ms.or(under.stream_close_after_ms),
            retry_ms: self.retry_ms.or(under.retry_ms),
            stream_comment_seconds: self.stream_comment_seconds.or(under.stream_comment_seconds),
            watch_ignore: self.watch_ignore.or(under.watch_ignore),
            tools: self.tools.over(under.tools),
        }
    }

    /// How the server is treated: its own keys, else `[defaults]`.
    pub fn options(&self, defaults: &Defaults) -> Options {
        let seconds = |own: Option<u64>, default| Duration::from_secs(own.unwrap_or(default));
        let millis = |own: Option<u64>, default| Duration::from_millis(own.unwrap_or(default));
        let unless_zero = |time: Duration| Some(time).filter(|time| !time.is_zero());
        Options {
            instances: self.instances.unwrap_or(defaults.instances),
            max_instances: self.max_instances.unwrap_or(defaults.max_instances),
            start: self.start.unwrap_or(defaults.start),
            eras: self.eras.unwrap_or(defaults.eras),
            idle_stop: unless_zero(seconds(self.idle_stop_seconds, defaults.idle_stop_seconds)),
            era_idle: seconds(self.era_idle_seconds, defaults.era_idle_seconds),
            start_timeout: seconds(self.start_timeout_seconds, defaults.start_timeout_seconds),
            first_start_timeout: seconds(
                self.first_start_timeout_seconds,
                defaults.first_start_timeout_seconds,
            ),
            stop_timeout: seconds(self.stop_timeout_seconds, defaults.stop_timeout_seconds),
            call_timeout: seconds(self.call_timeout_seconds, defaults.call_timeout_seconds),
            call_idle: seconds(self.call_idle_seconds, defaults.call_idle_seconds),
            stream_after: millis(self.stream_after_ms, defaults.stream_after_ms),
            stream_close_after: unless_zero(millis(
                self.stream_close_after_ms,
                defaults.stream_close_after_ms,
            )),
            retry: millis(self.retry_ms, defaults.retry_ms),
            stream_comment: seconds(self.stream_comment_seconds, defaults.stream_comment_seconds),
            watch_ignore: self.watch_ignore.clone().unwrap_or_else(|| defaults.watch_ignore.clone()),
            tools: self.tools.clone(),
        }
    }
}

/// Tries one key alone, so that the mistake is known to be its own.
fn key_problem(key: &str, value: &Value) -> Option<String> {
    if !ServerTable::keys().contains(&key) {
        return Some(format!("unknown key `{key}`{}", nearest::suggestion(key, ServerTable::keys())));
    }
    let alone: Table = [(key.to_string(), value.clone())].into_iter().collect();
    let read = Value::Table(alone).try_into::<ServerTable>();
    let fault =
        read.map_err(|error| error::plain(error.message())).and_then(|_| bounds::check(key, value)).err()?;
    Some(format!("{key}: {fault}"))
}

/// Reads a table of strings; numbers and booleans are taken as they are written.
///
/// # Errors
/// Something else, which is not repeated: it may be a secret.
pub fn text_map<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<String, String>, D::Error> {
    let Ok(table) = Table::deserialize(input) else {
        return Err(D::Error::custom("a table of strings is expected here, like { NAME = \"value\" }"));
    };
    let mut texts = BTreeMap::new();
    for (name, value) in table {
        let value = text(&name, value).map_err(D::Error::custom)?;
        texts.insert(name, value);
    }
    Ok(texts)
}

fn text(name: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        _ => Err(format!("`{name}` must be a string")),
    }
}

fn name_or_number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(input)? {
        Value::String(name) if !name.is_empty() => Ok(Some(name)),
        Value::Integer(number) => Ok(Some(number.to_string())),
        _ => Err(D::Error::custom("a name or a number is expected here")),
    }
}

fn endpoint_path<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let path = String::deserialize(input)?;
    if !path.starts_with('/') {
        return Err(D::Error::custom("must begin with /, like /mcp"));
    }
    Ok(Some(path))
}
