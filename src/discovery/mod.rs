//! From folders to server specifications. Looks, asks, reads small files; starts nothing.

mod client_config;
mod executables;
mod expand;
mod finder;
mod folder;
mod jsonc;
mod machine;
mod names;
mod node;
mod python;
mod rules;
mod settle;
mod shebang;
#[cfg(test)]
mod tests;

pub use finder::discover;

use crate::config::spec::ServerSpec;
use serde::Serialize;
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
    /// What is accepted but not as it may seem.
    pub warnings: Vec<String>,
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
