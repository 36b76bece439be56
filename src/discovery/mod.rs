//! From folders to server specifications. Looks, asks, reads small files; starts nothing.

mod client_file;
mod downloads;
mod expand;
mod finder;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jsonc;
mod machine;
mod names;
mod rules;
mod settle;
mod shebang;
mod submodule;
#[cfg(test)]
mod tests;

pub use finder::discover;
pub use names::{check_folder_name, server_name};

use crate::config::spec::ServerSpec;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Everything that was found. Each list is sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// What can be started or reached.
    pub servers: Vec<ServerSpec>,
    /// What its owner switched off: `enabled = false`, `"disabled": true`.
    pub disabled: Vec<Disabled>,
    /// What cannot be served, and why.
    pub left_out: Vec<LeftOut>,
    /// What else is known of each of these, by name. Not in the specification: none of it is a reason to restart.
    pub about: BTreeMap<String, About>,
    /// What is accepted but not as it may seem.
    pub warnings: Vec<String>,
}

/// What is known of a server beside its specification.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Where its variables may be put: `servers/notes/.env`; a server without a folder has no such place.
    pub dotenv: Option<String>,
    /// What looked like a way to start it and is none.
    pub passed_over: Vec<PassedOver>,
}

/// Something that looked like a way to start a server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PassedOver {
    /// What said so: `package.json bin`.
    pub what: String,
    /// Why it is none.
    pub reason: String,
    /// What would make it one.
    pub remedy: String,
}

/// A server that is switched off.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disabled {
    /// Its name.
    pub name: String,
    /// Where it stands: `servers/notes`.
    pub place: String,
}

/// Something that cannot be served.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The name it would have.
    pub name: String,
    /// Where it stands: `servers/notes`, `servers/team.json`, `proxy.toml:12`.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// What to do next.
    pub remedy: String,
}

/// There is nowhere to look.
#[derive(Debug)]
pub struct DiscoveryError {
    folder: PathBuf,
    error: std::io::Error,
}

impl DiscoveryError {
    fn is_missing(&self) -> bool {
        self.error.kind() == std::io::ErrorKind::NotFound
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        if self.is_missing() {
            return write!(out, "{folder} does not exist: create it, or name another with --servers");
        }
        write!(out, "{folder} cannot be read: {}; correct it, or name another with --servers", self.error)
    }
}

impl std::error::Error for DiscoveryError {}
