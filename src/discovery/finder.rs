//! Goes through the servers folder and `[server.NAME]`, and asks the rules about each.

use super::folder::{self, Disk, Kind};
use super::machine::Machine;
use super::rules::{self, Candidate, Refusal, Scene};
use super::settle::{Origin, settle};
use super::{Disabled, Discovery, DiscoveryError, LeftOut, client_config, executables, names, shebang};
use crate::config::{Config, Document, ServerTable, environment, read_small};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Finds every server: folders, programs and `*.json` in the servers folder, and `[server.NAME]` of `config`.
/// Relative paths of `config` start from `config_dir`. Starts nothing.
///
/// # Errors
/// The servers folder cannot be listed and `config` defines no server either.
pub fn discover(config: &Config, config_dir: &Path) -> Result<Discovery, DiscoveryError> {
    let folder = config_dir.join(&config.proxy.servers);
    let mut finder = Finder {
        config,
        config_dir: absolute(config_dir),
        shown: config.proxy.servers.trim_start_matches("./").trim_end_matches('/').to_string(),
        machine: Machine::this(environment()),
        own: BTreeMap::new(),
        claimed: BTreeMap::new(),
        found: Discovery::default(),
    };
    finder.own_names();
    match list(&absolute(&folder)) {
        Ok(entries) => finder.entries(&absolute(&folder), entries),
        Err(error) => finder.without_folder(DiscoveryError { folder, error })?,
    }
    finder.own_servers();
    Ok(finder.sorted())
}

fn absolute(path: &Path) -> PathBuf {
    // An empty path is the current folder, and joining it to another changes nothing.
    let path = Path::new(".").join(path);
    std::path::absolute(&path).unwrap_or(path).components().collect()
}

/// An entry of the servers folder: its name, and what it is or why that cannot be told.
type Entry = (String, PathBuf, Result<Option<Kind>, String>);

fn list(folder: &Path) -> std::io::Result<Vec<Entry>> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry?;
        let kind = folder::kind(&entry.path()).map_err(|error| error.to_string());
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path(), kind))
    };
    let mut entries = fs::read_dir(folder)?.map(entry).collect::<std::io::Result<Vec<Entry>>>()?;
    entries.retain(|(name, ..)| !name.starts_with('.') && name != "node_modules");
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(entries)
}

struct Finder<'a> {
    config: &'a Config,
    config_dir: PathBuf,
    /// The servers folder as the user wrote it.
    shown: String,
    machine: Machine,
    /// `[server.NAME]` by the name of the server, with NAME as written.
    own: BTreeMap<String, &'a str>,
    /// Names that are given away, and where to.
    claimed: BTreeMap<String, String>,
    found: Discovery,
}

impl<'a> Finder<'a> {
    fn own_names(&mut self) {
        let config = self.config;
        for raw in config.server.keys().chain(config.broken.keys()) {
            let name = names::server_name(raw);
            match self.own.get(&name) {
                None => {
                    self.own.insert(name, raw);
                }
                Some(first) => {
                    let refusal = clash(&name, &own_place(first));
                    self.leave_out(&name, &own_place(raw), refusal);
                }
            }
        }
    }

    /// Servers of `proxy.toml` need no folder; but one that is there, or was asked for, should be readable.
    fn without_folder(&mut self, error: DiscoveryError) -> Result<(), DiscoveryError> {
        if self.config.server.is_empty() && self.config.broken.is_empty() {
            return Err(error);
        }
        if !error.is_missing() || self.config.proxy.servers != Config::default().proxy.servers {
            self.found.warnings.push(error.to_string());
        }
        Ok(())
    }

    /// Folders first, so that a name is theirs before it is a program's or an entry's of a JSON file.
    fn entries(&mut self, servers: &Path, entries: Vec<Entry>) {
        let (folders, others): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|(_, _, kind)| matches!(kind, Ok(Some(Kind::Folder))));
        for (name, path, _) in folders {
            self.folder(&name, &path);
        }
        for (name, path, kind) in others {
            match kind {
                Err(fault) => {
                    let refusal =
                        Refusal::new(format!("cannot be looked at: {fault}"), "repair or remove it");
                    self.leave_out(&names::server_name(&name), &self.place(&name), refusal);
                }
                Ok(Some(_)) if name.ends_with(".json") => self.json(&name, &path, servers),
                Ok(Some(kind)) => self.program(&name, kind, servers),
                Ok(None) => {}
            }
        }
    }

    fn folder(&mut self, raw: &str, path: &Path) {
        let place = self.place(raw);
        let Some((name, own)) = self.claim(raw, &place) else {
            return;
        };
        if let Err(refusal) = self.try_folder(&name, own, path, &place) {
            self.leave_out(&name, &place, refusal);
        }
    }

    fn try_folder(&mut self, name: &str, own: ServerTable, path: &Path, place: &str) -> Result<(), Refusal> {
        if own.enabled == Some(false) {
            self.switch_off(name, place);
            return Ok(());
        }
        let listed = Disk::open(path);
        let disk = listed
            .map_err(|error| Refusal::new(format!("cannot be listed: {error}"), "correct its permissions"))?;
        let said_by = if own.launches() { own_place(self.own[name]) } else { format!("{place}/server.toml") };
        let table = own.over(server_toml(path, place)?);
        let env_file = Some(path.join(".env")).filter(|file| file.is_file());
        let origin = |words| Origin { words, base: path.to_path_buf(), own_folder: true, env_file };
        if table.launches() || table.enabled == Some(false) {
            return self.add(name, place, origin(said_by), &table);
        }
        if table.cwd.is_some() {
            return Err(Refusal::new(
                "cwd is given without a command",
                "add the command, whose paths start from cwd",
            ));
        }
        let candidate = rules::apply(&Scene { folder: &disk, name, shown: place, machine: &self.machine })?;
        let words = format!("{place}/{}", candidate.declared_by);
        let table = started_by(table, candidate, self.config.defaults.start_timeout_seconds);
        self.add(name, place, origin(words), &table)
    }

    fn json(&mut self, file: &str, path: &Path, servers: &Path) {
        let place = self.place(file);
        let text = read_small(path).map_err(|error| error.to_string());
        match text.and_then(|text| client_config::entries(&text, &self.machine.variables)) {
            Ok(entries) => {
                entries.into_iter().flatten().for_each(|entry| self.json_entry(entry, &place, servers))
            }
            Err(fault) => {
                let refusal =
                    Refusal::new(format!("cannot be read: {fault}"), "repair it, or move it elsewhere");
                self.leave_out(&names::server_name(file), &place, refusal);
            }
        }
    }

    fn json_entry(&mut self, (raw, table): client_config::Entry, place: &str, servers: &Path) {
        let Some((name, own)) = self.claim(&raw, place) else {
            return;
        };
        let origin = Origin {
            words: place.to_string(),
            base: servers.to_path_buf(),
            own_folder: false,
            env_file: None,
        };
        let added = table.and_then(|table| self.add(&name, place, origin, &own.over(table)));
        if let Err(refusal) = added {
            self.leave_out(&name, place, refusal);
        }
    }

    /// A program without a folder. It gets no `.env`: the one beside it would be every such program's.
    fn program(&mut self, file: &str, kind: Kind, servers: &Path) {
        let Some(start) = Disk::open(servers).ok().map(|disk| folder::Folder::start(&disk, file)) else {
            return;
        };
        if !executables::may_be_server(file)
            || !shebang::is_program(&start)
            || (kind == Kind::File && shebang::is_binary(&start))
        {
            return;
        }
        let place = self.place(file);
        let Some((name, own)) = self.claim(program_name(file, &start), &place) else {
            return;
        };
        let command = ServerTable { command: Some(format!("./{file}")), ..ServerTable::default() };
        let origin =
            Origin { words: place.clone(), base: servers.to_path_buf(), own_folder: false, env_file: None };
        let added = executables::check_interpreter(&start, &self.machine)
            .and_then(|()| self.add(&name, &place, origin, &own.over(command)));
        if let Err(refusal) = added {
            self.leave_out(&name, &place, refusal);
        }
    }

    /// `[server.NAME]` that nothing in the servers folder answers to.
    fn own_servers(&mut self) {
        let unclaimed: Vec<&str> =
            self.own.iter().filter(|own| !self.claimed.contains_key(own.0)).map(|own| *own.1).collect();
        for raw in unclaimed {
            let place = own_place(raw);
            let Some((name, own)) = self.claim(raw, &place) else {
                continue;
            };
            let origin = Origin {
                words: place.clone(),
                base: self.config_dir.clone(),
                own_folder: false,
                env_file: None,
            };
            let added = if own.launches() || own.enabled == Some(false) {
                self.add(&name, &place, origin, &own)
            } else {
                let reason =
                    format!("it has neither a command nor a url, and there is no {}", self.place(raw));
                Err(Refusal::new(reason, "add one of them, or the folder, or remove the section"))
            };
            if let Err(refusal) = added {
                self.leave_out(&name, &place, refusal);
            }
        }
    }

    /// Gives a name away, and hands out what `[server.NAME]` says of it.
    fn claim(&mut self, raw: &str, place: &str) -> Option<(String, ServerTable)> {
        let name = names::server_name(raw);
        if let Err(refusal) = self.try_claim(&name, place) {
            self.leave_out(&name, place, refusal);
            return None;
        }
        let own = *self.own.get(&name).unwrap_or(&"");
        if let Some(broken) = self.config.broken.get(own) {
            let refusal = Refusal::new(broken.reason.clone(), "correct it");
            self.leave_out(&name, &broken.place, refusal);
            return None;
        }
        let mut table = self.config.server.get(own).cloned().unwrap_or_default();
        // Said in proxy.toml, so it starts from there and not from the server's folder.
        table.cwd = table.cwd.map(|cwd| self.config_dir.join(cwd).to_string_lossy().into_owned());
        Some((name, table))
    }

    fn try_claim(&mut self, name: &str, place: &str) -> Result<(), Refusal> {
        names::check(name)?;
        if let Some(first) = self.claimed.get(name) {
            return Err(clash(name, first));
        }
        self.claimed.insert(name.to_string(), place.to_string());
        Ok(())
    }

    fn add(&mut self, name: &str, place: &str, origin: Origin, table: &ServerTable) -> Result<(), Refusal> {
        if table.enabled == Some(false) {
            self.switch_off(name, place);
            return Ok(());
        }
        let spec = settle(name, origin, table, &self.config.defaults, &self.machine)?;
        self.found.servers.push(spec);
        Ok(())
    }

    fn switch_off(&mut self, name: &str, place: &str) {
        self.found.disabled.push(Disabled { name: name.to_string(), place: place.to_string() });
    }

    fn leave_out(&mut self, name: &str, place: &str, refusal: Refusal) {
        let Refusal { reason, remedy } = refusal;
        self.found.left_out.push(LeftOut {
            name: name.to_string(),
            place: place.to_string(),
            reason,
            remedy,
        });
    }

    fn place(&self, entry: &str) -> String {
        format!("{}/{entry}", self.shown)
    }

    fn sorted(mut self) -> Discovery {
        self.found.servers.sort_by(|left, right| left.name.cmp(&right.name));
        self.found.disabled.sort_by(|left, right| left.name.cmp(&right.name));
        self.found
            .left_out
            .sort_by(|left, right| (&left.name, &left.place).cmp(&(&right.name, &right.place)));
        self.found.warnings.sort();
        self.found
    }
}

fn own_place(raw: &str) -> String {
    format!("[server.{raw}]")
}

fn clash(name: &str, first: &str) -> Refusal {
    Refusal::new(format!("the name {name} is already that of {first}"), "rename one of them")
}

/// A script is named without its extension; a binary's dots may be a version.
fn program_name<'a>(file: &'a str, start: &[u8]) -> &'a str {
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && start.starts_with(b"#!") => stem,
        _ => file,
    }
}

fn server_toml(path: &Path, place: &str) -> Result<ServerTable, Refusal> {
    let refusal = |reason: String| Refusal::new(reason, format!("correct {place}/server.toml"));
    let file = path.join("server.toml");
    if !file.exists() {
        return Ok(ServerTable::default());
    }
    let text = read_small(&file).map_err(|error| refusal(format!("server.toml cannot be read: {error}")))?;
    let document = Document::parse("server.toml", text).map_err(|error| refusal(error.to_string()))?;
    let read = ServerTable::read(document.table(), |key| document.place(&[key]));
    let mut table = read.map_err(|problems| refusal(problems.join("; ")))?;
    table.cwd = table.cwd.map(|cwd| path.join(cwd).to_string_lossy().into_owned());
    Ok(table)
}

/// What a rule found, under what is said of the server; said arguments follow the found ones.
fn started_by(table: ServerTable, candidate: Candidate, default_start_timeout: u64) -> ServerTable {
    let mut command = candidate.command.into_iter();
    let program = command.next();
    let args = command.chain(table.args.iter().flatten().cloned()).collect();
    let found = ServerTable {
        command: program,
        start_timeout_seconds: candidate.start_timeout_seconds.map(|least| least.max(default_start_timeout)),
        ..ServerTable::default()
    };
    ServerTable { args: Some(args), ..table }.over(found)
}
