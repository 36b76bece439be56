//! A virtual environment in the folder. It holds absolute paths: in a folder that was moved its scripts name an
//! interpreter that is gone, and only its Python still works.

use super::super::super::folder::Kind;
use super::super::super::shebang;
use super::{Candidate, Findings, Refusal, Scene, Script, WHAT};

const PLACES: [&str; 2] = [".venv", "venv"];
/// Tools that come with an SDK and are no servers.
const TOOLS: [&str; 3] = ["mcp", "fastmcp", "mcpo"];

/// The environment's Python.
pub(super) fn python(scene: &Scene<'_>) -> Option<String> {
    let mut places = PLACES.iter().map(|venv| format!("{venv}/bin/python"));
    places.find(|file| scene.folder.is_file(file)).map(|file| format!("./{file}"))
}

/// A console script that is installed.
pub(super) fn console_script(scene: &Scene<'_>, script: &Script) -> Findings {
    let mut places = PLACES.iter().map(|venv| format!("{venv}/bin/{}", script.name));
    let module = script.target.split(':').next().unwrap_or_default();
    places
        .find(|file| scene.folder.is_file(file))
        .map(|file| run(scene, WHAT, &file, module))
        .unwrap_or_default()
}

/// A console script by itself; where its interpreter is gone, or hidden behind a shell, by the environment's Python.
fn run(scene: &Scene<'_>, what: &str, file: &str, module: &str) -> Findings {
    let itself = Candidate::new(what, &[&format!("./{file}")]);
    let by_python = || {
        let candidate = Candidate::new(what, &[&python(scene)?, file]);
        Some(with_source(scene, module, candidate))
    };
    let mut found = Findings::default();
    match shebang::interpreter(&scene.folder.start(file)).map(|mut words| words.remove(0)) {
        Some(python) if python.starts_with('/') && !scene.machine.has(&python) => {
            found.ways.extend(by_python());
            found.pass_over(file, moved(scene, file, &python));
        }
        // A path too long for a #! line stands in the shell's part of the script.
        Some(shell) if shell.ends_with("/sh") => {
            found.ways.extend([Some(itself), by_python()].into_iter().flatten())
        }
        _ => found.ways.push(itself),
    }
    found
}

fn moved(scene: &Scene<'_>, file: &str, python: &str) -> Refusal {
    let reason = format!("it names {python}, which does not exist: was the folder moved?");
    let venv = file.split('/').next().unwrap_or_default();
    let what = if scene.folder.is_file("pyproject.toml") { "-e ." } else { "-r requirements.txt" };
    let remedy = format!(
        "run rm -r {venv} && python3 -m venv {venv} && {venv}/bin/pip install {what} in {}",
        scene.shown
    );
    Refusal::new(reason, remedy)
}

/// What a console script would do if it were installed. (`python -m` needs a module that is made for it.)
pub(super) fn entry_point(scene: &Scene<'_>, script: &Script) -> Option<Candidate> {
    let python = python(scene)?;
    let (module, function) = script.target.split_once(':')?;
    let function = function.split('[').next()?.trim();
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    if !is_name(module) || !is_name(function) {
        return None;
    }
    let object = function.split('.').next()?;
    let code = format!("import sys; from {module} import {object}; sys.exit({function}())");
    let candidate = Candidate::new(WHAT, &[&python, "-c", &code]);
    Some(with_source(scene, module, candidate))
}

/// The package of the folder is found there, also where it is not installed, or installed from where the folder was.
pub(super) fn with_source(scene: &Scene<'_>, module: &str, mut candidate: Candidate) -> Candidate {
    let package = module.split('.').next().unwrap_or(module);
    let places =
        [("src", format!("src/{package}")), (".", package.to_string()), (".", format!("{package}.py"))];
    let place = places.iter().find(|(_, path)| !package.is_empty() && scene.folder.look(path).is_some());
    if let Some((place, _)) = place {
        candidate.env.insert("PYTHONPATH".to_string(), place.to_string());
    }
    candidate
}

/// A server that was installed into the environment of a folder without source of its own.
pub(super) fn installed_server(scene: &Scene<'_>) -> Findings {
    let Some(venv) =
        PLACES.iter().find(|venv| scene.folder.look(&format!("{venv}/bin")) == Some(Kind::Folder))
    else {
        return Findings::default();
    };
    let programs = scene.folder.list(&format!("{venv}/bin"));
    let servers: Vec<String> =
        programs.into_iter().map(|(name, _)| name).filter(|name| is_server(name)).collect();
    let named = servers.iter().find(|name| *name == scene.name);
    match (named, servers.as_slice()) {
        (Some(name), _) | (None, [name]) => {
            let file = format!("{venv}/bin/{name}");
            run(scene, &file, &file, "")
        }
        (None, []) => Findings::default(),
        (None, several) => Findings::nothing_but(
            &format!("{venv}/bin"),
            Refusal::new(
                format!("several programs may be the server ({})", several.join(", ")),
                format!(
                    "name one in {}/server.toml, like command = \"./{venv}/bin/{}\"",
                    scene.shown, several[0]
                ),
            ),
        ),
    }
}

fn is_server(name: &str) -> bool {
    name.contains("mcp") && !TOOLS.contains(&name) && !name.ends_with(".py")
}
