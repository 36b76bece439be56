//! Python: the scripts of `pyproject.toml`, or a file that speaks MCP, in the folder's environment, through uv, or with
//! the system's Python.

mod environment;
mod files;
mod project;

use super::{Candidate, Findings, Refusal, Scene};
use project::{Project, Script};

/// The rule: `[project.scripts]`; without them a file; without one what is installed in `.venv`.
pub(super) fn rule(scene: &Scene<'_>) -> Findings {
    let project = match scene.folder.read("pyproject.toml").map(|text| Project::parse(&text?)) {
        None => None,
        Some(Ok(project)) => Some(project),
        Some(Err(fault)) => {
            return Findings::nothing_but(
                "pyproject.toml",
                Refusal::unreadable(scene, "pyproject.toml", &fault),
            );
        }
    };
    if let Some(script) = project.as_ref().and_then(Project::script) {
        return scripts(scene, &script);
    }
    let found = files::find(scene, project.as_ref());
    if found.is_empty() { environment::installed_server(scene) } else { found }
}

const WHAT: &str = "pyproject.toml scripts";

fn scripts(scene: &Scene<'_>, script: &Script) -> Findings {
    let mut found = environment::console_script(scene, script);
    if found.ways.is_empty() && scene.machine.has("uv") {
        let name = script.name.as_str();
        found.add(Findings::way(Candidate::new(WHAT, &[uv_run(scene), &[name]].concat())));
    }
    if found.ways.is_empty() {
        found.ways.extend(environment::entry_point(scene, script));
    }
    if found.ways.is_empty() {
        let reason = format!(
            "script {} is not installed: there is no .venv/bin/{0}, and uv is not on PATH",
            script.name
        );
        let remedy = format!(
            "run python3 -m venv .venv && .venv/bin/pip install -e . in {}, or install uv",
            scene.shown
        );
        found.pass_over(WHAT, Refusal::new(reason, remedy));
    }
    found
}

/// With a lock file, what it says and nothing newer.
fn uv_run(scene: &Scene<'_>) -> &'static [&'static str] {
    if scene.folder.is_file("uv.lock") { &["uv", "run", "--frozen"] } else { &["uv", "run"] }
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, notes, passed, taken, ways};
    use super::rule;
    use proptest::prelude::*;

    fn project(text: &str) -> Memory {
        Memory::default().file("pyproject.toml", text)
    }

    const ONE: &str = "[project]\nname = 'x'\n[project.scripts]\nserve = 'x.cli:main'\n";
    const NONE: &str = "[project]\nname = 'my-tool'\n";
    const MCP: &str = "from mcp.server.fastmcp import FastMCP\n";

    #[test]
    fn a_folder_without_anything_to_start_is_not_ours() {
        assert!(ask(rule, &Memory::default(), &["uv"]).is_empty());
        assert!(ask(rule, &project(NONE), &["uv"]).is_empty());
        assert!(ask(rule, &Memory::default().file("main.py", "print()"), &["python3"]).is_empty());
    }

    #[test]
    fn an_environment_beats_uv() {
        for venv in [".venv", "venv"] {
            let folder = project(ONE).executable(&format!("{venv}/bin/serve"), "#!/x/python\n");
            assert_eq!(taken(rule, &folder, &["uv", "/x/python"]), format!("./{venv}/bin/serve"));
        }
    }

    #[test]
    fn a_moved_environment_is_entered_by_its_python() {
        let folder = project(ONE)
            .executable(".venv/bin/serve", "#!/gone/notes/.venv/bin/python\n")
            .executable(".venv/bin/python", "\x7fELF")
            .file("src/x/cli.py", "");
        let found = ask(rule, &folder, &["uv"]);
        assert_eq!(found.ways[0].command, ["./.venv/bin/python", ".venv/bin/serve"]);
        assert_eq!(found.ways[0].env["PYTHONPATH"], "src");
        assert!(
            notes(&found).contains("names /gone/notes/.venv/bin/python, which does not exist"),
            "{found:?}"
        );
        let sh = project(ONE).executable(".venv/bin/serve", "#!/bin/sh\n").executable(".venv/bin/python", "");
        assert_eq!(
            ways(rule, &sh, &["/bin/sh"]),
            ["./.venv/bin/serve", "./.venv/bin/python .venv/bin/serve"]
        );
    }

    #[test]
    fn an_environment_without_the_script_still_has_what_it_needs() {
        let folder = project(ONE).executable(".venv/bin/python", "");
        let code = "import sys; from x.cli import main; sys.exit(main())";
        assert_eq!(taken(rule, &folder, &[]), format!("./.venv/bin/python -c {code}"));
        assert_eq!(taken(rule, &folder, &["uv"]), "uv run serve");
    }

    #[test]
    fn uv_keeps_to_the_lock_file() {
        assert_eq!(taken(rule, &project(ONE), &["uv"]), "uv run serve");
        assert_eq!(taken(rule, &project(ONE).file("uv.lock", ""), &["uv"]), "uv run --frozen serve");
    }

    #[test]
    fn without_either_the_remedy_is_said() {
        let said = passed(rule, &project(ONE), &[]);
        assert!(said.contains("no .venv/bin/serve") && said.contains("python3 -m venv .venv"), "{said}");
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
    fn a_file_that_speaks_mcp_beats_one_that_does_not() {
        let folder = Memory::default().file("requirements.txt", "mcp\n").file("main.py", "print()");
        let folder = folder.file("mcp_server.py", MCP);
        assert_eq!(taken(rule, &folder, &["python3"]), "python3 mcp_server.py");
        let note = notes(&ask(rule, &folder, &["python3"]));
        assert!(note.contains(".venv/bin/pip install -r requirements.txt in servers/notes"), "{note}");
        let uv = "uv run --no-project --with-requirements requirements.txt python mcp_server.py";
        assert_eq!(taken(rule, &folder, &["uv", "python3"]), uv);
        let venv = folder.executable(".venv/bin/python", "");
        assert_eq!(taken(rule, &venv, &["uv", "python3"]), "./.venv/bin/python mcp_server.py");
    }

    #[test]
    fn a_project_without_scripts_has_a_file_or_a_module() {
        assert_eq!(taken(rule, &project(NONE).file("main.py", ""), &["uv"]), "uv run python main.py");
        let module = project(NONE).file("src/my_tool/__main__.py", "").executable("venv/bin/python", "");
        let found = ask(rule, &module, &[]);
        assert_eq!(found.ways[0].command.join(" "), "./venv/bin/python -m my_tool");
        assert_eq!(found.ways[0].env["PYTHONPATH"], "src");
        assert_eq!(taken(rule, &project(NONE).file("weather.py", MCP), &["uv"]), "uv run python weather.py");
        let two = project(NONE).file("weather.py", MCP).file("clock.py", MCP);
        assert!(passed(rule, &two, &["uv"]).contains("several files speak MCP (clock.py, weather.py)"));
        assert_eq!(taken(rule, &two.file("notes.py", MCP), &["uv"]), "uv run python notes.py");
    }

    #[test]
    fn a_lone_file_gets_the_sdk_that_it_imports() {
        let file = |text: &str| Memory::default().file("weather.py", text);
        assert_eq!(taken(rule, &file(MCP), &["uv"]), "uv run --no-project --with mcp python weather.py");
        let fastmcp = file("import fastmcp\n");
        assert_eq!(taken(rule, &fastmcp, &["uv"]), "uv run --no-project --with fastmcp python weather.py");
        let note = notes(&ask(rule, &fastmcp, &["python3"]));
        assert!(note.contains("python3 itself must have fastmcp; run python3 -m venv .venv"), "{note}");
        let plain = file("import json # jsonrpc\n");
        assert_eq!(taken(rule, &plain, &["uv", "python3"]), "python3 weather.py");
        assert!(ask(rule, &plain, &["python3"]).passed_over.is_empty());
    }

    #[test]
    fn inline_metadata_is_for_uv() {
        let script = Memory::default()
            .file("tool.py", &format!("# /// script\n# dependencies = ['mcp']\n# ///\n{MCP}"));
        assert_eq!(taken(rule, &script, &["uv", "python3"]), "uv run --script tool.py");
        assert!(passed(rule, &script, &["python3"]).contains("PEP 723"));
    }

    #[test]
    fn an_installed_server_needs_no_source() {
        let folder = ["mcp", "python", "pip", "activate"].iter().fold(Memory::default(), |folder, name| {
            folder.executable(&format!(".venv/bin/{name}"), "#!/bin/sh\n")
        });
        let folder = folder.file("requirements.txt", "mcp-server-time\n");
        assert!(ask(rule, &folder, &[]).is_empty());
        let folder = folder.executable(".venv/bin/mcp-server-time", "#!/x/python\n");
        assert_eq!(taken(rule, &folder, &["/x/python"]), "./.venv/bin/mcp-server-time");
        assert_eq!(taken(rule, &folder, &[]), "./.venv/bin/python .venv/bin/mcp-server-time");
    }

    #[test]
    fn broken_toml_is_said() {
        assert!(passed(rule, &project("[project"), &[]).contains("pyproject.toml cannot be read"));
    }

    proptest! {
        #[test]
        fn no_pyproject_panics(name in "[a-z/. :-]{0,20}", junk in "\\PC{0,60}") {
            ask(rule, &project(&junk), &["uv"]);
            let text = format!("[project]\nname = '{name}'\n[project.scripts]\n'{name}' = '{name}'\n");
            ask(rule, &project(&text).executable(".venv/bin/python", ""), &[]);
            ask(rule, &project(&format!("[project]\nname = '{name}'\n")).file("main.py", &junk), &["uv"]);
        }
    }
}
