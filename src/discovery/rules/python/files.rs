//! A Python file or module that is the server, and what runs it.

use super::super::super::folder::Kind;
use super::environment::{python, with_source};
use super::project::Project;
use super::{Candidate, Findings, Refusal, Scene, uv_run};

/// Names of servers, the likeliest first.
const NAMES: [&str; 5] = ["main.py", "server.py", "mcp_server.py", "app.py", "run.py"];
/// Beginnings of names that are no servers.
const HELPERS: [&str; 6] = ["test", "setup", "conftest", "client", "install", "auth"];
/// More files than a small project has in its root.
const MOST_FILES: usize = 40;
const INLINE: &[u8] = b"# /// script";

/// What is run.
enum Program {
    File(String),
    Module(String),
}

/// The file that is the server, with what runs it.
pub(super) fn find(scene: &Scene<'_>, project: Option<&Project>) -> Findings {
    let declared = project.is_some() || scene.folder.is_file("requirements.txt");
    match choose(scene, project, declared) {
        Ok(Some(program)) => launch(scene, project, &program),
        Ok(None) => Findings::default(),
        Err(refusal) => Findings::nothing_but("Python files", refusal),
    }
}

/// One of the usual names that speaks MCP, else the only other file that does, else the package's own main; in a
/// Python project also one of the usual names that does not say what it speaks.
fn choose(scene: &Scene<'_>, project: Option<&Project>, declared: bool) -> Result<Option<Program>, Refusal> {
    let named: Vec<&str> = NAMES.into_iter().filter(|name| scene.folder.is_file(name)).collect();
    if let Some(name) = named.iter().find(|name| scene.folder.speaks_mcp(name)) {
        return Ok(Some(Program::File(name.to_string())));
    }
    if let Some(name) = only(scene, &others(scene))? {
        return Ok(Some(Program::File(name)));
    }
    let module = module(scene, project).map(Program::Module);
    Ok(module.or_else(|| named.first().filter(|_| declared).map(|name| Program::File(name.to_string()))))
}

fn others(scene: &Scene<'_>) -> Vec<String> {
    let files = scene.folder.list("").into_iter();
    let python = files.filter(|(name, kind)| *kind != Kind::Folder && name.ends_with(".py"));
    let names =
        python.map(|(name, _)| name).filter(|name| !HELPERS.iter().any(|word| name.starts_with(word)));
    names.take(MOST_FILES).filter(|name| scene.folder.speaks_mcp(name)).collect()
}

fn only(scene: &Scene<'_>, files: &[String]) -> Result<Option<String>, Refusal> {
    let named = files.iter().find(|file| file.trim_end_matches(".py").replace('_', "-") == scene.name);
    match (named, files) {
        (Some(file), _) | (None, [file]) => Ok(Some(file.clone())),
        (None, []) => Ok(None),
        (None, several) => Err(Refusal::new(
            format!("several files speak MCP ({})", several.join(", ")),
            format!("give each a folder, or name one in {}/server.toml", scene.shown),
        )),
    }
}

/// The package with a `__main__.py`: the project's own, else the only one.
fn module(scene: &Scene<'_>, project: Option<&Project>) -> Option<String> {
    let own = project.map(|project| project.name.replace('-', "_"));
    let has_main = |sub: &str, name: &str| scene.folder.is_file(&format!("{sub}{name}/__main__.py"));
    if let Some(own) = own.filter(|own| has_main("", own) || has_main("src/", own)) {
        return Some(own);
    }
    let found = ["", "src"].iter().flat_map(|sub| {
        let prefix = if sub.is_empty() { String::new() } else { format!("{sub}/") };
        let folders = scene
            .folder
            .list(sub)
            .into_iter()
            .filter(|(name, kind)| *kind == Kind::Folder && is_package(name));
        folders.map(|(name, _)| name).filter(move |name| has_main(&prefix, name)).collect::<Vec<_>>()
    });
    let mut found: Vec<String> = found.collect();
    (found.len() == 1).then(|| found.remove(0))
}

/// Not `node_modules`, `.venv` or a folder of tests.
fn is_package(name: &str) -> bool {
    let plain = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    plain && !["node_modules", "venv", "tests", "test"].contains(&name)
}

fn launch(scene: &Scene<'_>, project: Option<&Project>, program: &Program) -> Findings {
    let (what, words) = match program {
        Program::File(file) => (file.clone(), vec![file.as_str()]),
        Program::Module(module) => (format!("{module}/__main__.py"), vec!["-m", module.as_str()]),
    };
    if let Program::File(file) = program
        && has_inline_metadata(scene, file)
    {
        return inline(scene, file);
    }
    let way = |runner: &[&str]| {
        let candidate = Candidate::new(&what, &[runner, &words].concat());
        match program {
            Program::Module(module) => Findings::way(with_source(scene, module, candidate)),
            Program::File(_) => Findings::way(candidate),
        }
    };
    let needs = Needs::of(scene, program);
    match python(scene) {
        Some(python) => way(&[&python]),
        None if scene.machine.has("uv") && project.is_some() => way(&[uv_run(scene), &["python"]].concat()),
        None => without_environment(scene, &what, way, &needs),
    }
}

/// What a program needs that no project declares.
enum Needs {
    Nothing,
    /// `requirements.txt`
    Requirements,
    /// The SDK that its file imports.
    Sdk(&'static str),
}

impl Needs {
    fn of(scene: &Scene<'_>, program: &Program) -> Needs {
        if scene.folder.is_file("requirements.txt") {
            return Needs::Requirements;
        }
        let Program::File(file) = program else {
            return Needs::Nothing;
        };
        let start = scene.folder.start(file);
        let imports = |sdk: &str| {
            start.split(|byte| *byte == b'\n').any(|line| {
                let rest = line.strip_prefix(b"from ").or_else(|| line.strip_prefix(b"import "));
                let rest = rest.and_then(|rest| rest.strip_prefix(sdk.as_bytes()));
                rest.is_some_and(|rest| {
                    rest.first().is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_')
                })
            })
        };
        ["mcp", "fastmcp"].into_iter().find(|sdk| imports(sdk)).map_or(Needs::Nothing, Needs::Sdk)
    }

    /// The words by which pip installs it.
    fn for_pip(&self) -> Option<&'static str> {
        match self {
            Needs::Nothing => None,
            Needs::Requirements => Some("-r requirements.txt"),
            Needs::Sdk(name) => Some(name),
        }
    }
}

/// uv fetches what is needed; the system's Python must have it.
fn without_environment(
    scene: &Scene<'_>,
    what: &str,
    way: impl Fn(&[&str]) -> Findings,
    needs: &Needs,
) -> Findings {
    let fetched = match needs {
        Needs::Nothing => None,
        Needs::Requirements => Some(["--with-requirements", "requirements.txt"]),
        Needs::Sdk(name) => Some(["--with", name]),
    };
    if let Some(fetched) = fetched.filter(|_| scene.machine.has("uv")) {
        return way(&[&["uv", "run", "--no-project"][..], &fetched, &["python"]].concat());
    }
    let Some(python) = ["python3", "python"].into_iter().find(|program| scene.machine.has(program)) else {
        return Findings::nothing_but(what, Refusal::not_installed("python3"));
    };
    let mut found = way(&[python]);
    if let Some(needed) = needs.for_pip() {
        let reason = format!(
            "there is no .venv, and so {python} itself must have {}",
            needed.trim_start_matches("-r ")
        );
        let remedy =
            format!("run python3 -m venv .venv && .venv/bin/pip install {needed} in {}", scene.shown);
        found.pass_over(what, Refusal::new(reason, remedy));
    }
    found
}

fn has_inline_metadata(scene: &Scene<'_>, file: &str) -> bool {
    scene.folder.start(file).split(|byte| *byte == b'\n').any(|line| line.trim_ascii_end() == INLINE)
}

fn inline(scene: &Scene<'_>, file: &str) -> Findings {
    if scene.machine.has("uv") {
        return Findings::way(Candidate::new(file, &["uv", "run", "--script", file]));
    }
    let reason =
        format!("{file} names what it needs in itself (PEP 723), and uv, which reads that, is not on PATH");
    Findings::nothing_but(file, Refusal::new(reason, "install uv"))
}
