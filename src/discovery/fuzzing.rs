//! Discovery in folders that lie in memory, for the fuzz targets. The machine has every program that is asked for.

use super::client_file::{self, Context, Unset};
use super::expand::Bare;
use super::folder::memory::Memory;
use super::machine::Machine;
use super::rules::{Below, Find, Scene, find};
use super::{PassedOver, jsonc as read};
use crate::config::Environment;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What was found in one folder.
#[derive(Debug, PartialEq)]
pub struct Look {
    /// Path from the folder that was looked at.
    pub sub: String,
    /// Command lines, each with its variables.
    pub ways: Vec<(Vec<String>, BTreeMap<String, String>)>,
    /// What is no way.
    pub passed_over: Vec<PassedOver>,
}

/// Asks all rules about a folder with these files (path, content); those that begin with `#!` get the x bit.
/// `variables` are the proxy's own.
pub fn look(files: &[(&str, &str)], variables: &Environment) -> Vec<Look> {
    let put = |folder: Memory, (path, content): &(&str, &str)| match content.starts_with("#!") {
        true => folder.executable(path, content),
        false => folder.file(path, content),
    };
    let folder = files.iter().fold(Memory::default(), put);
    let machine = Machine::with_all(variables.clone());
    let scene = Scene {
        folder: &folder,
        above: None,
        root: Path::new("/srv/servers/notes"),
        name: "notes",
        shown: "servers/notes",
        machine: &machine,
    };
    match find(&scene) {
        Find::One(below) => vec![look_of(below)],
        Find::Members(members) => members.into_iter().map(look_of).collect(),
    }
}

fn look_of(Below { sub, found }: Below) -> Look {
    let ways = found.ways.into_iter().map(|way| (way.command, way.env)).collect();
    Look { sub, ways, passed_over: found.passed_over }
}

/// The names in a client file; `None` if it is none.
///
/// # Errors
/// It is not JSON.
pub fn servers(text: &str, variables: &Environment) -> Result<Option<Vec<String>>, String> {
    let context = |unset| Context {
        variables: variables.clone(),
        bare: Bare::Replaced,
        unset,
        read: Box::new(|_| Some(Ok("FILE=f\n".to_string()))),
    };
    let names = |unset| {
        let entries = client_file::entries(text, &context(unset))?;
        Ok(entries.map(|entries| entries.into_iter().map(|(name, _)| name).collect::<Vec<_>>()))
    };
    let strict = names(Unset::Refuse);
    assert_eq!(strict, names(Unset::Require));
    strict
}

/// A text with comments and trailing commas.
///
/// # Errors
/// It is not JSON.
pub fn jsonc(text: &str) -> Result<Value, String> {
    read::read(text)
}
