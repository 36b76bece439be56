//! Files of other clients: `*.json` in the servers folder, and those that `import` names.

use super::super::client_file::{self, Context, Said, Unset};
use super::super::expand::Bare;
use super::super::names;
use super::super::rules::Refusal;
use super::super::settle::Origin;
use super::{Finder, absolute};
use crate::config::read_small;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

impl Finder<'_> {
    /// A JSON file of the servers folder; one without servers in it is somebody's data.
    pub(super) fn json(&mut self, file: &str, path: &Path, servers: &Path) {
        let place = self.place(file);
        match self.client_file(path, servers) {
            Ok(entries) => entries.into_iter().flatten().for_each(|entry| self.entry(entry, &place, servers)),
            Err(fault) => {
                let refusal = Refusal::new(fault, "repair it, or move it elsewhere");
                self.leave_out(&names::server_name(file), &place, refusal);
            }
        }
    }

    /// The files that `[proxy] import` names.
    pub(super) fn imports(&mut self) {
        for place in &self.config.proxy.import {
            let path = absolute(&self.config_dir.join(place));
            let base = workspace(&path);
            match self.client_file(&path, &base) {
                Ok(Some(entries)) => entries.into_iter().for_each(|entry| self.entry(entry, place, &base)),
                Ok(None) => {
                    let reason = "it names no servers: it has neither mcpServers nor servers";
                    self.cannot_import(place, &path, Refusal::new(reason, "correct import, or the file"));
                }
                Err(fault) => {
                    self.cannot_import(place, &path, Refusal::new(fault, "correct import, or the file"))
                }
            }
        }
    }

    fn cannot_import(&mut self, place: &str, path: &Path, refusal: Refusal) {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        self.leave_out(&names::server_name(&file), place, refusal);
    }

    fn client_file(&self, path: &Path, base: &Path) -> Result<Option<Vec<client_file::Entry>>, String> {
        let text = read_small(path).map_err(|error| format!("cannot be read: {error}"))?;
        let mut variables = client_file::variables(&self.machine.variables, base);
        let folder = path.parent().unwrap_or(base).to_string_lossy().into_owned();
        variables.insert("extensionPath".to_string(), folder);
        let context = Context {
            variables,
            bare: bare(path),
            unset: Unset::Refuse,
            read: Box::new(|file| match read_small(&base.join(file)) {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                read => Some(read.map_err(|error| error.to_string())),
            }),
        };
        client_file::entries(&text, &context).map_err(|fault| format!("cannot be read: {fault}"))
    }

    fn entry(&mut self, (raw, said): client_file::Entry, place: &str, base: &Path) {
        let Some((name, own)) = self.claim(&raw, place) else {
            return;
        };
        let origin =
            Origin { words: place.to_string(), base: base.to_path_buf(), own_folder: false, env_file: None };
        let added = said.and_then(|Said { table, .. }| self.add_said(&name, place, origin, &own.over(table)));
        if let Err(refusal) = added {
            self.leave_out(&name, place, refusal);
        }
    }
}

/// Paths start from the file's folder; editors keep theirs in one with a dot, and mean the folder above.
fn workspace(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(file);
    let hidden = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let above = folder.parent().filter(|_| hidden);
    above.unwrap_or(folder).to_path_buf()
}

/// Gemini's files are known by their names.
fn bare(file: &Path) -> Bare {
    match file.file_name().and_then(|name| name.to_str()) {
        Some("gemini-extension.json" | "settings.json") => Bare::Replaced,
        _ => Bare::Stays,
    }
}

#[cfg(test)]
mod tests {
    use super::workspace;
    use std::path::Path;

    #[test]
    fn an_editor_s_folder_is_not_the_workspace() {
        let of = |file: &str| workspace(Path::new(file)).display().to_string();
        assert_eq!(of("/home/a/work/.vscode/mcp.json"), "/home/a/work");
        assert_eq!(of("/home/a/.cursor/mcp.json"), "/home/a");
        assert_eq!(of("/home/a/work/.mcp.json"), "/home/a/work");
    }
}
