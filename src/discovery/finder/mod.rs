//! Goes through the servers folder, imported files and `[server.NAME]`, and asks the rules about each.

mod folders;
mod imports;

use super::folder::{self, Disk, Kind};
use super::machine::Machine;
use super::rules::{Findings, Refusal, executables};
use super::settle::{Origin, settle};
use super::{About, Disabled, Discovery, DiscoveryError, LeftOut, names, shebang};
use crate::config::{Config, ServerTable, environment, redact};
use crate::secrets;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Finds every server: folders, programs and `*.json` in the servers folder, imported files, `[server.NAME]`.
/// Relative paths of `config` start from `config_dir`. Starts nothing.
///
/// # Errors
/// The servers folder cannot be listed, and `config` neither defines nor imports a server.
pub fn discover(config: &Config, config_dir: &Path) -> Result<Discovery, DiscoveryError> {
    let folder = config_dir.join(&config.proxy.servers);
    let variables = environment();
    // Client files may fetch them, under another name.
    redact::keep(redact::secret_values(&variables));
    let mut finder = Finder {
        config,
        config_dir: absolute(config_dir),
        shown: config.proxy.servers.trim_start_matches("./").trim_end_matches('/').to_string(),
        machine: Machine::this(variables),
        own: BTreeMap::new(),
        claimed: BTreeMap::new(),
        found: Discovery::default(),
    };
    finder.own_names();
    match list(&absolute(&folder)) {
        Ok(entries) => finder.entries(&absolute(&folder), entries),
        Err(error) => finder.without_folder(DiscoveryError { folder, error })?,
    }
    finder.imports();
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
        let config = self.config;
        if config.server.is_empty() && config.broken.is_empty() && config.proxy.import.is_empty() {
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
        let command = format!("./{file}");
        let guessed = (!own.launches() && own.args.is_none()).then(|| Findings::lone(&command));
        let table = own.over(ServerTable { command: Some(command), ..ServerTable::default() });
        let origin =
            Origin { words: place.clone(), base: servers.to_path_buf(), own_folder: false, env_file: None };
        let added = executables::check_interpreter(&start, &self.machine).and_then(|()| match guessed {
            Some(found) => self.add(&name, &place, origin, &table, found),
            None => self.add_said(&name, &place, origin, &table),
        });
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
                self.add_said(&name, &place, origin, &own)
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

    /// A server whose start its owner says.
    fn add_said(
        &mut self,
        name: &str,
        place: &str,
        origin: Origin,
        table: &ServerTable,
    ) -> Result<(), Refusal> {
        let said = table.command.as_ref().map(|command| Findings::said(command, table.args.as_deref()));
        self.add(name, place, origin, table, said.unwrap_or_default())
    }

    fn add(
        &mut self,
        name: &str,
        place: &str,
        origin: Origin,
        table: &ServerTable,
        mut found: Findings,
    ) -> Result<(), Refusal> {
        if table.enabled == Some(false) {
            self.switch_off(name, place);
            return Ok(());
        }
        let mut notes = std::mem::take(&mut found.passed_over);
        let settled = settle(name, origin, table, found, &mut notes, &self.config.defaults, &self.machine);
        self.about(name).passed_over.extend(notes);
        self.found.servers.push(settled?);
        Ok(())
    }

    fn about(&mut self, name: &str) -> &mut About {
        self.found.about.entry(name.to_string()).or_default()
    }

    fn switch_off(&mut self, name: &str, place: &str) {
        self.found.disabled.push(Disabled { name: name.to_string(), place: place.to_string() });
    }

    fn leave_out(&mut self, name: &str, place: &str, refusal: Refusal) {
        let Refusal { reason, remedy } = refusal;
        // What a client file put into the words may be a secret.
        let reason = secrets::mask(&reason).into_owned();
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
