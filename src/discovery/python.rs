//! `pyproject.toml`: `[project.scripts]` in a virtual environment, else through uv.

use super::rules::{Candidate, Refusal, Scene, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// The first `uv run` downloads what the server needs.
const FIRST_UV_RUN_SECONDS: u64 = 120;

#[derive(Default, Deserialize)]
#[serde(default)]
struct PyProject {
    project: Project,
    tool: Tool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Project {
    name: String,
    scripts: BTreeMap<Spanned<String>, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tool {
    poetry: Project,
}

/// The rule.
pub(super) fn rule(scene: &Scene<'_>) -> Verdict {
    let Some(text) = scene.folder.read("pyproject.toml") else {
        return Verdict::NotMine;
    };
    match text.and_then(|text| script(&text)) {
        Ok(Some(script)) => run(scene, &script),
        Ok(None) => Verdict::NotMine,
        Err(fault) => {
            let remedy = format!("repair {}/pyproject.toml", scene.shown);
            Verdict::PassedOver(Refusal::new(format!("pyproject.toml cannot be read: {fault}"), remedy))
        }
    }
}

/// The script that is the server: named like the project, else one with `mcp` or `server`, else the first.
fn script(text: &str) -> Result<Option<String>, String> {
    let parsed: PyProject = toml::from_str(text).map_err(|error| error.message().to_string())?;
    let project = if parsed.project.scripts.is_empty() { parsed.tool.poetry } else { parsed.project };
    let mut names: Vec<_> = project.scripts.into_keys().collect();
    names.sort_by_key(|name| name.span().start);
    let names: Vec<String> = names.into_iter().map(Spanned::into_inner).collect();
    let like = |wanted: &dyn Fn(&str) -> bool| names.iter().find(|name| wanted(name)).cloned();
    Ok(like(&|name| same_name(name, &project.name))
        .or_else(|| like(&|name| name.contains("mcp") || name.contains("server")))
        .or_else(|| names.first().cloned()))
}

/// Python takes `-` and `_` in names for the same.
fn same_name(left: &str, right: &str) -> bool {
    left.replace('_', "-").eq_ignore_ascii_case(&right.replace('_', "-"))
}

fn run(scene: &Scene<'_>, script: &str) -> Verdict {
    let installed = [".venv", "venv"].map(|venv| format!("{venv}/bin/{script}"));
    if let Some(file) = installed.iter().find(|file| scene.folder.is_file(file)) {
        return Verdict::Taken(Candidate::new("pyproject.toml scripts", &[&format!("./{file}")]));
    }
    if !scene.machine.has("uv") {
        let reason = format!("not installed: no .venv/bin/{script}, and uv is not on PATH");
        let remedy =
            format!("python3 -m venv .venv && .venv/bin/pip install -e . in {}; or install uv", scene.shown);
        return Verdict::PassedOver(Refusal::new(reason, remedy));
    }
    let locked: &[&str] = &["uv", "run", "--frozen", script];
    let command = if scene.folder.is_file("uv.lock") { locked } else { &["uv", "run", script] };
    let candidate = Candidate::new("pyproject.toml scripts", command);
    Verdict::Taken(Candidate { start_timeout_seconds: Some(FIRST_UV_RUN_SECONDS), ..candidate })
}

#[cfg(test)]
mod tests {
    use super::super::folder::memory::Memory;
    use super::super::rules::Verdict;
    use super::super::rules::tests::{ask, passed, taken};
    use super::rule;
    use proptest::prelude::*;

    fn project(text: &str) -> Memory {
        Memory::default().file("pyproject.toml", text)
    }

    const ONE: &str = "[project]\nname = 'x'\n[project.scripts]\nserve = 'x:main'\n";

    #[test]
    fn a_project_without_scripts_is_not_ours() {
        assert_eq!(ask(rule, &Memory::default(), &["uv"]), Verdict::NotMine);
        assert_eq!(ask(rule, &project("[project]\nname = 'x'\n"), &["uv"]), Verdict::NotMine);
    }

    #[test]
    fn an_environment_beats_uv() {
        for venv in [".venv", "venv"] {
            let folder = project(ONE).executable(&format!("{venv}/bin/serve"), "#!x");
            assert_eq!(taken(rule, &folder, &["uv"]), format!("./{venv}/bin/serve"));
        }
    }

    #[test]
    fn uv_keeps_to_the_lock_file() {
        assert_eq!(taken(rule, &project(ONE), &["uv"]), "uv run serve");
        assert_eq!(taken(rule, &project(ONE).file("uv.lock", ""), &["uv"]), "uv run --frozen serve");
    }

    #[test]
    fn without_either_the_remedy_is_said() {
        assert!(passed(rule, &project(ONE), &[]).contains("python3 -m venv .venv"));
    }

    #[test]
    fn of_several_scripts_the_server_is_chosen() {
        let scripts = |name: &str, scripts: &str| {
            let scripts: String = scripts.split(' ').map(|name| format!("{name} = 'x:y'\n")).collect();
            taken(
                rule,
                &project(&format!("[project]\nname = '{name}'\n[project.scripts]\n{scripts}")),
                &["uv"],
            )
        };
        assert_eq!(scripts("my_tool", "a-mcp my-tool"), "uv run my-tool");
        assert_eq!(scripts("other", "zeta a-mcp"), "uv run a-mcp");
        assert_eq!(scripts("other", "zeta alpha"), "uv run zeta");
    }

    #[test]
    fn poetry_scripts_count() {
        assert_eq!(taken(rule, &project("[tool.poetry.scripts]\nserve = 'x:y'\n"), &["uv"]), "uv run serve");
    }

    #[test]
    fn broken_toml_is_said() {
        assert!(passed(rule, &project("[project"), &[]).contains("pyproject.toml cannot be read"));
    }

    proptest! {
        #[test]
        fn no_pyproject_panics(name in "[a-z/. -]{0,20}", junk in "\\PC{0,60}") {
            ask(rule, &project(&junk), &["uv"]);
            ask(rule, &project(&format!("[project]\nname = '{name}'\n[project.scripts]\n'{name}' = '{name}'\n")), &["uv"]);
        }
    }
}
