//! `scripts.start`: its text, run through the shell. Not `npm start`: that costs two processes, 60 MB and a banner on
//! stdout.

use super::{Candidate, Findings, Refusal, Scene, installed, manager, not_built, plain_path};
use serde_json::Value;

const WHAT: &str = "package.json scripts.start";
/// Words of a script that is for developers: it watches, rebuilds, and listens where it likes.
const FOR_DEVELOPERS: [&str; 6] = ["dev", "watch", "--watch", "nodemon", "vite", "next"];

/// Words of a script that leaves it to the members of a workspace.
const FOR_MEMBERS: [&str; 7] = ["--filter", "-F", "--workspace", "-w", "turbo", "lerna", "nx"];

/// What it says, unless that is what `bin` has said.
pub(super) fn find(scene: &Scene<'_>, package: &Value, bin: &Findings) -> Findings {
    let script = package["scripts"]["start"].as_str().map(str::trim).filter(|script| !script.is_empty());
    let Some(script) = script else {
        return Findings::default();
    };
    let words: Vec<String> = script.split_whitespace().map(plain_path).collect();
    let same = bin.ways.iter().any(|way| way.command == words);
    let has_one_of = |those: &[&str]| words.iter().any(|word| those.contains(&word.as_str()));
    let for_developers = has_one_of(&FOR_DEVELOPERS) && !bin.ways.is_empty();
    if same || for_developers || has_one_of(&FOR_MEMBERS) {
        return Findings::default();
    }
    if is_plain(script)
        && let Err(refusal) = check_words(scene, package, script)
    {
        return Findings::nothing_but(WHAT, refusal);
    }
    Findings::way(through_shell(script))
}

/// `"$@"` takes the server's own arguments.
fn through_shell(script: &str) -> Candidate {
    let exec = if is_plain(script) { "exec " } else { "" };
    let line = format!("PATH=\"$PWD/node_modules/.bin:$PATH\"; export PATH; {exec}{script} \"$@\"");
    Candidate::new(WHAT, &["sh", "-c", &line, "sh"])
}

/// One program with its arguments, nothing for which a shell is needed.
fn is_plain(script: &str) -> bool {
    let first = script.split_whitespace().next().unwrap_or_default();
    !first.contains(['=', '"', '\'']) && !script.contains(['&', '|', ';', '<', '>', '(', ')', '$', '`', '\n'])
}

fn check_words(scene: &Scene<'_>, package: &Value, script: &str) -> Result<(), Refusal> {
    let mut words = script.split_whitespace();
    let program = words.next().unwrap_or_default();
    if program == "node" {
        let is_script = |word: &&str| [".js", ".mjs", ".cjs"].iter().any(|end| word.ends_with(end));
        match words.find(is_script).map(plain_path).filter(|file| !scene.folder.is_file(file)) {
            Some(file) => return Err(not_built(scene, package, "scripts.start", &file)),
            None if scene.machine.has("node") => return Ok(()),
            None => return Err(Refusal::not_installed("node")),
        }
    }
    if installed(scene, program).is_some() || scene.folder.is_file(&plain_path(program)) {
        return Ok(());
    }
    let reason = format!("it runs {program}, which is not in node_modules/.bin and not on PATH");
    Err(Refusal::new(reason, format!("run {} install in {}", manager(scene), scene.shown)))
}
