//! From flags, environment and `proxy.toml` to one [`Config`].

use super::twins::{self, Environment};
use super::{Broken, Config, ConfigError, Document, ServerTable};
use super::{bounds, error, nearest, read_small};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What the command line said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--servers`
    pub servers: Option<String>,
    /// `--import`, each time it was given
    pub import: Vec<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--state-dir`
    pub state_dir: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
    /// `--dev`
    pub dev: bool,
}

/// The outcome of [`load`].
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What to do.
    pub config: Config,
    /// What the user should know; nothing here stops the start.
    pub warnings: Vec<String>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The folder that relative paths of the configuration start from.
    pub dir: PathBuf,
    /// `--dev` or `MCP_PROXY_DEV`.
    pub dev: bool,
}

impl Loaded {
    /// The files that say all this, there or not.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = self.file.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let imported = self.config.proxy.import.iter().map(|file| self.dir.join(file));
        std::iter::once(own).chain(imported).collect()
    }
}

/// The file that is read if it exists and no other is named.
const DEFAULT_FILE: &str = "proxy.toml";

/// Resolves the configuration. Reads one file and nothing else.
///
/// # Errors
/// Every mistake outside `[server.NAME]`, each with its place and remedy.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    let (file, document) = read_file(flags, environment)?;
    let dir = file.as_deref().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
    let mut layers = Layers::new(&dir)?;
    let dev = flags.dev || layers.dev(environment);
    if let Some(document) = &document {
        layers.file(document);
    }
    layers.environment(environment);
    layers.flags(flags);
    if !layers.problems.is_empty() {
        return Err(ConfigError { problems: layers.problems });
    }
    Ok(Loaded { config: layers.config, warnings: layers.warnings, file, dir, dev })
}

fn read_file(
    flags: &Flags,
    environment: &Environment,
) -> Result<(Option<PathBuf>, Option<Document>), ConfigError> {
    let named = flags.config.clone().map(|path| ("--config", path));
    let named = named.or_else(|| {
        let path = environment.get(twins::CONFIG).filter(|path| !path.is_empty())?;
        Some((twins::CONFIG, PathBuf::from(path)))
    });
    let (by, path) = match named {
        Some((by, path)) => (format!(" (named by {by})"), path),
        None if Path::new(DEFAULT_FILE).exists() => (String::new(), PathBuf::from(DEFAULT_FILE)),
        None => return Ok((None, None)),
    };
    let name = path.display().to_string();
    let text = read_small(&path).map_err(|error| {
        ConfigError::one(format!("{name}{by} cannot be read: {error}; check the path and its permissions"))
    })?;
    let document = Document::parse(&name, text)?;
    Ok((Some(path), Some(document)))
}

/// The configuration as it grows. Values are set one at a time and each is tried at once, so that a mistake is
/// always known to be that value's own.
struct Layers {
    /// Paths of flags and variables start from the current folder, all others from this one.
    dir: PathBuf,
    known: Table,
    table: Table,
    config: Config,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Layers {
    fn new(dir: &Path) -> Result<Self, ConfigError> {
        let config = Config::default();
        let known = Table::try_from(&config).map_err(|error| ConfigError::one(error.to_string()))?;
        let (problems, warnings) = (Vec::new(), Vec::new());
        Ok(Layers { dir: dir.to_path_buf(), table: known.clone(), known, config, problems, warnings })
    }

    fn set(&mut self, section: &str, key: &str, value: Value, place: &str) {
        if let Err(fault) = self.try_set(section, key, value) {
            self.problems.push(format!("{place}: {fault}"));
        }
    }

    fn try_set(&mut self, section: &str, key: &str, value: Value) -> Result<(), String> {
        bounds::check(key, &value)?;
        let mut table = self.table.clone();
        if let Some(Value::Table(keys)) = table.get_mut(section) {
            keys.insert(key.to_string(), value);
        }
        let mut config: Config =
            table.clone().try_into().map_err(|error: toml::de::Error| error::plain(error.message()))?;
        config.server = std::mem::take(&mut self.config.server);
        config.broken = std::mem::take(&mut self.config.broken);
        (self.table, self.config) = (table, config);
        Ok(())
    }

    fn file(&mut self, document: &Document) {
        for (section, value) in document.table() {
            match (section.as_str(), value) {
                ("server", Value::Table(servers)) => self.servers(document, servers),
                (_, Value::Table(keys)) if self.known.contains_key(section) => {
                    self.section(document, section, keys)
                }
                _ => self.unknown_section(document, section),
            }
        }
    }

    fn section(&mut self, document: &Document, section: &str, keys: &Table) {
        let known: Vec<String> = twins::keys(&self.known)
            .filter(|(home, ..)| *home == section)
            .map(|(_, key, _)| key.to_string())
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for (key, value) in keys {
            let place = document.place(&[section, key]);
            if known.contains(&key.as_str()) {
                self.set(section, key, value.clone(), &format!("{place}: [{section}] {key}"));
            } else {
                let near = nearest::suggestion(key, &known);
                self.problems.push(format!("{place}: unknown key `{key}` in [{section}]{near}"));
            }
        }
    }

    fn unknown_section(&mut self, document: &Document, section: &str) {
        let place = document.place(&[section]);
        let sections: Vec<&str> = self.known.keys().map(String::as_str).chain(["server"]).collect();
        let problem = if section == "server" {
            format!("{place}: servers are tables with a name; write [server.NAME]")
        } else if sections.contains(&section) {
            format!("{place}: `{section}` must be a table; write [{section}]")
        } else if let Some((home, ..)) = twins::keys(&self.known).find(|(_, key, _)| *key == section) {
            format!("{place}: `{section}` belongs under [{home}]")
        } else {
            format!("{place}: unknown section `{section}`{}", nearest::suggestion(section, &sections))
        };
        self.problems.push(problem);
    }

    fn servers(&mut self, document: &Document, servers: &Table) {
        for (name, value) in servers {
            let place = document.place(&["server", name]);
            let Value::Table(table) = value else {
                self.problems
                    .push(format!("{place}: `{name}` must stand under a server's name; write [server.NAME]"));
                continue;
            };
            match ServerTable::read(table, |key| document.place(&["server", name, key])) {
                Ok(server) => {
                    self.config.server.insert(name.clone(), server);
                }
                Err(problems) => {
                    let reason = problems.join("; ");
                    self.config.broken.insert(name.clone(), Broken { place, reason });
                }
            }
        }
    }

    fn dev(&mut self, environment: &Environment) -> bool {
        let Some(text) = environment.get(twins::DEV).filter(|text| !text.is_empty()) else {
            return false;
        };
        twins::truth(text).unwrap_or_else(|fault| {
            self.problems.push(format!("{}: {fault}", twins::DEV));
            false
        })
    }

    fn environment(&mut self, environment: &Environment) {
        let known = self.known.clone();
        for (section, key, default) in twins::keys(&known) {
            let name = twins::twin(section, key);
            // An empty variable is one that a compose file or a unit left blank.
            let Some(text) = environment.get(&name).filter(|text| !text.is_empty()) else {
                continue;
            };
            match twins::typed(text, default) {
                Ok(value) => self.set_from_here(section, key, value, &name),
                Err(fault) => self.problems.push(format!("{name}: {fault}")),
            }
        }
        self.warn_of_unknown(environment);
    }

    fn warn_of_unknown(&mut self, environment: &Environment) {
        let twins = twins::keys(&self.known).map(|(section, key, _)| twins::twin(section, key));
        let known: Vec<String> = twins.chain([twins::CONFIG.to_string(), twins::DEV.to_string()]).collect();
        for name in environment.keys().filter(|name| name.starts_with(twins::PREFIX) && !known.contains(name))
        {
            let near = nearest::nearest(name, known.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            self.warnings.push(format!("{name} is not a variable of mcp-proxy and is ignored{near}"));
        }
    }

    fn set_from_here(&mut self, section: &str, key: &str, value: Value, place: &str) {
        let is_path = matches!(
            (section, key),
            ("proxy", "servers" | "state_dir" | "session_key_file" | "import")
                | ("auth", "token_file")
                | ("tls", "cert" | "key")
                | ("log", "dir")
        );
        let value = if is_path && self.dir != Path::new("") { from_here(value) } else { value };
        self.set(section, key, value, place);
    }

    fn flags(&mut self, flags: &Flags) {
        let said = [
            ("--listen", "proxy", "listen", &flags.listen),
            ("--servers", "proxy", "servers", &flags.servers),
            ("--state-dir", "proxy", "state_dir", &flags.state_dir),
            ("--log-format", "log", "format", &flags.log_format),
        ];
        for (flag, section, key, value) in said {
            if let Some(value) = value {
                self.set_from_here(section, key, Value::from(value.as_str()), flag);
            }
        }
        if !flags.import.is_empty() {
            self.set_from_here("proxy", "import", Value::from(flags.import.clone()), "--import");
        }
    }
}

/// A path, or each of several, from the current folder.
fn from_here(value: Value) -> Value {
    match value {
        Value::Array(paths) => Value::Array(paths.into_iter().map(from_here).collect()),
        Value::String(path) => {
            Value::from(std::path::absolute(&path).map_or(path, |path| path.display().to_string()))
        }
        other => other,
    }
}
