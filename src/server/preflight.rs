//! What can be said of a child before it is started, and without starting it.

use super::{confinement, environment, users};
use crate::config::spec::ChildSpec;
use crate::config::{Environment, dotenv};
use std::collections::BTreeMap;

/// What came out.
#[derive(Debug, Default)]
pub struct Preflight {
    /// Names of its variables, with where each comes from; never a value.
    pub variables: BTreeMap<String, &'static str>,
    /// Those that its own files say it needs and nothing sets.
    pub missing: Vec<String>,
    /// What keeps it from starting.
    pub problems: Vec<String>,
    /// What should not be so, though it can be started.
    pub warnings: Vec<String>,
}

/// Looks at what a child is to be given. `inherited` is the environment of the proxy that will start it. From now on
/// its secrets are masked.
pub fn preflight(child: &ChildSpec, inherited: &Environment) -> Preflight {
    let path = inherited.get("PATH").map_or("", String::as_str);
    let (warnings, open) = match confinement::check_files(child) {
        Ok(warnings) => (warnings, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let (environment, unreadable) = match environment::build(inherited, None, child, child.first_way(), None)
    {
        Ok(environment) => (environment, None),
        Err(problem) => (Environment::new(), Some(problem)),
    };
    let missing = child.required.iter().filter(|name| !environment.contains_key(*name));
    let problems = [
        unreadable,
        users::account(&child.confinement).err(),
        confinement::walls(&child.confinement, path, &child.first_way().command).err(),
        open,
    ];
    Preflight {
        variables: variables(child, inherited),
        missing: missing.cloned().collect(),
        problems: problems.into_iter().flatten().collect(),
        warnings,
    }
}

fn variables(child: &ChildSpec, inherited: &Environment) -> BTreeMap<String, &'static str> {
    let passed = child.pass_env.iter().map(|name| match environment::is_passed(name, inherited) {
        true => (name.clone(), "passed on"),
        false => (name.clone(), "to be passed on, but not set here"),
    });
    let dotenv = child.env_file.iter().flat_map(|file| dotenv::read(file, inherited).unwrap_or_default());
    let dotenv = dotenv.map(|(name, _)| (name, ".env"));
    let said = child.env.keys().map(|name| (name.clone(), "configuration"));
    let files = child.env_from_files.keys().map(|name| (name.clone(), "file"));
    let way = child.first_way().env.keys().map(|name| (name.clone(), "the way it is started"));
    passed.chain(dotenv).chain(way).chain(said).chain(files).collect()
}
