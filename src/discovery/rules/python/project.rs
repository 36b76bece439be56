//! `pyproject.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

#[derive(Default, Deserialize)]
#[serde(default)]
struct PyProject {
    project: Section,
    tool: Tool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Section {
    name: String,
    scripts: BTreeMap<Spanned<String>, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tool {
    poetry: Section,
}

/// What a project declares.
pub(super) struct Project {
    pub(super) name: String,
    /// In the order of the file.
    scripts: Vec<Script>,
}

/// A console script.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) name: String,
    /// `module:function`
    pub(super) target: String,
}

impl Project {
    pub(super) fn parse(text: &str) -> Result<Project, String> {
        let parsed: PyProject = toml::from_str(text).map_err(|error| error.message().to_string())?;
        let (standard, poetry) = (parsed.project, parsed.tool.poetry);
        let name = if standard.name.is_empty() { poetry.name } else { standard.name };
        let declared = if standard.scripts.is_empty() { poetry.scripts } else { standard.scripts };
        let mut scripts: Vec<_> = declared.into_iter().collect();
        scripts.sort_by_key(|(name, _)| name.span().start);
        let script = |(name, target): (Spanned<String>, Value)| Script {
            name: name.into_inner(),
            target: target.as_str().unwrap_or_default().to_string(),
        };
        Ok(Project { name, scripts: scripts.into_iter().map(script).collect() })
    }

    /// The script that is the server: named like the project, else one with `mcp` or `server`, else the first.
    pub(super) fn script(&self) -> Option<Script> {
        let like = |wanted: &dyn Fn(&str) -> bool| self.scripts.iter().find(|script| wanted(&script.name));
        like(&|name| same_name(name, &self.name))
            .or_else(|| like(&|name| name.contains("mcp") || name.contains("server")))
            .or(self.scripts.first())
            .cloned()
    }
}

/// Python takes `-` and `_` in names for the same.
fn same_name(left: &str, right: &str) -> bool {
    left.replace('_', "-").eq_ignore_ascii_case(&right.replace('_', "-"))
}
