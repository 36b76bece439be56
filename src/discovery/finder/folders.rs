//! Folders of the servers folder.

use super::super::folder::{Disk, Folder};
use super::super::rules::{self, Below, Find, Findings, Refusal, Scene};
use super::super::settle::Origin;
use super::super::{names, submodule};
use super::{Finder, own_place};
use crate::config::{Document, ServerTable, read_small, redact};
use crate::secrets;
use std::path::{Path, PathBuf};

/// One folder with what is said of it.
struct Place<'a> {
    name: &'a str,
    path: &'a Path,
    /// As the user knows it: `servers/notes`.
    shown: &'a str,
}

impl Finder<'_> {
    pub(super) fn folder(&mut self, raw: &str, path: &Path) {
        let shown = self.place(raw);
        let Some((name, own)) = self.claim(raw, &shown) else {
            return;
        };
        let place = Place { name: &name, path, shown: &shown };
        if let Err(refusal) = self.try_folder(&place, own) {
            self.leave_out(&name, &shown, refusal);
        }
    }

    fn try_folder(&mut self, place: &Place<'_>, own: ServerTable) -> Result<(), Refusal> {
        let (name, shown) = (place.name, place.shown);
        if own.enabled == Some(false) {
            self.switch_off(name, shown);
            return Ok(());
        }
        let listed = Disk::open(place.path);
        let disk = listed
            .map_err(|error| Refusal::new(format!("cannot be listed: {error}"), "correct its permissions"))?;
        if disk.list("").is_empty() {
            return Err(submodule::empty(place.path));
        }
        let said_by = if own.launches() { own_place(self.own[name]) } else { format!("{shown}/server.toml") };
        let table = own.over(server_toml(place.path, shown)?);
        if table.launches() || table.enabled == Some(false) {
            return self.said(place, said_by, &table);
        }
        refuse_cwd(&table)?;
        let scene =
            Scene { folder: &disk, above: None, root: place.path, name, shown, machine: &self.machine };
        // Client files put them into command lines and notes.
        secrets::keep(scene.dotenv().into_values().filter(|value| redact::may_be_secret(value)));
        match rules::find(&scene) {
            Find::One(below) => self.below(place, table, below),
            Find::Members(members) => {
                // A port is for one of them only.
                let table = ServerTable { port: None, ..table };
                members.into_iter().for_each(|member| self.member(place, &table, member));
                Ok(())
            }
        }
    }

    /// A folder whose owner says how it starts.
    fn said(&mut self, place: &Place<'_>, by: String, table: &ServerTable) -> Result<(), Refusal> {
        self.about(place.name).dotenv = Some(format!("{}/.env", place.shown));
        let origin = Origin {
            words: by,
            base: place.path.to_path_buf(),
            own_folder: true,
            env_file: env_file(&[place.path]),
        };
        self.add_said(place.name, place.shown, origin, table)
    }

    /// A member of a workspace: a server of its own, with what is said of the whole.
    fn member(&mut self, place: &Place<'_>, table: &ServerTable, below: Below) {
        let last = below.sub.rsplit('/').next().unwrap_or_default();
        let shown = format!("{}/{}", place.shown, below.sub);
        let Some((name, own)) = self.claim(&names::member(place.name, last), &shown) else {
            return;
        };
        let path = place.path.join(&below.sub);
        let member = Place { name: &name, path: &path, shown: &shown };
        let added = server_toml(&path, &shown).and_then(|said| {
            let own_words =
                if own.launches() { own_place(self.own[&name]) } else { format!("{shown}/server.toml") };
            let table = own.over(said).over(table.clone());
            if table.launches() || table.enabled == Some(false) {
                return self.said(&member, own_words, &table);
            }
            refuse_cwd(&table)?;
            let whole = Place { name: &name, ..*place };
            self.below(&whole, table, below)
        });
        if let Err(refusal) = added {
            self.leave_out(&name, &shown, refusal);
        }
    }

    /// A server that the rules found in a folder or below it.
    fn below(&mut self, place: &Place<'_>, table: ServerTable, below: Below) -> Result<(), Refusal> {
        let Below { sub, mut found } = below;
        let (path, shown) = match sub.as_str() {
            "" => (place.path.to_path_buf(), place.shown.to_string()),
            sub => (place.path.join(sub), format!("{}/{sub}", place.shown)),
        };
        let env_file = env_file(&[&path, place.path]);
        self.about(place.name).dotenv = Some(format!("{shown}/.env"));
        if found.ways.is_empty() {
            let first = (!found.passed_over.is_empty()).then(|| found.passed_over.remove(0));
            self.about(place.name).passed_over = found.passed_over;
            let refusal = first.map(|first| Refusal::new(first.reason, first.remedy));
            return Err(
                refusal.unwrap_or_else(|| Refusal::new("no way to start it", "say it in its server.toml"))
            );
        }
        let found = with_arguments(found, table.args.as_deref());
        self.add(
            place.name,
            &shown.clone(),
            Origin { words: shown, base: path, own_folder: true, env_file },
            &table,
            found,
        )
    }
}

/// The server's own arguments follow the found ones; who says some needs no guesses.
fn with_arguments(mut found: Findings, args: Option<&[String]>) -> Findings {
    if let Some(args) = args {
        for way in &mut found.ways {
            way.command.extend_from_slice(args);
            way.retries.clear();
        }
    }
    found
}

fn refuse_cwd(table: &ServerTable) -> Result<(), Refusal> {
    match table.cwd {
        None => Ok(()),
        Some(_) => {
            Err(Refusal::new("cwd is given without a command", "add the command, whose paths start from cwd"))
        }
    }
}

/// The nearest `.env`.
fn env_file(folders: &[&Path]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(".env")).find(|file| file.is_file())
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
