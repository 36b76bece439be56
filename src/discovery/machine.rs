//! What the machine offers: the proxy's variables and the programs on `PATH`.

use super::folder::{self, Kind};
use crate::config::Environment;
use std::path::Path;

/// The surroundings that rules may ask about.
pub(super) struct Machine {
    /// The proxy's own environment.
    pub(super) variables: Environment,
    programs: Box<dyn Fn(&str) -> bool>,
}

impl Machine {
    /// This machine, seen with `variables`.
    pub(super) fn this(variables: Environment) -> Self {
        let path = variables.get("PATH").cloned().unwrap_or_default();
        Machine { variables, programs: Box::new(move |program| on_path(program, &path)) }
    }

    /// Whether `program`, a bare name or an absolute path, can be run.
    pub(super) fn has(&self, program: &str) -> bool {
        (self.programs)(program)
    }

    /// The program that does what `program` would: on many machines Python is `python3` only.
    pub(super) fn stand_in(&self, program: &str) -> String {
        let absent = program == "python" && !self.has("python") && self.has("python3");
        if absent { "python3".to_string() } else { program.to_string() }
    }

    /// A machine that has whatever is asked for.
    #[cfg(fuzzing)]
    pub(super) fn with_all(variables: Environment) -> Self {
        Machine { variables, programs: Box::new(|_| true) }
    }

    #[cfg(test)]
    pub(super) fn with(programs: &'static [&'static str]) -> Self {
        Machine { variables: Environment::new(), programs: Box::new(|program| programs.contains(&program)) }
    }
}

/// Whether `program` is found in the folders of `path`; an absolute one is looked at itself.
pub(super) fn on_path(program: &str, path: &str) -> bool {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute() || program.starts_with('/'))
        .any(|folder| is_executable(&folder.join(program)))
}

/// Whether `path` is a file with the x bit.
pub(super) fn is_executable(path: &Path) -> bool {
    matches!(folder::kind(path), Ok(Some(Kind::Executable)))
}
