//! `package.json`: `bin`, else `scripts.start`.

use super::rules::{Candidate, Refusal, Scene, Verdict};
use super::shebang;
use serde_json::Value;

/// The rule.
pub(super) fn rule(scene: &Scene<'_>) -> Verdict {
    let package: Value = match scene.folder.read("package.json").map(|text| parse(&text?)) {
        None => return Verdict::NotMine,
        Some(Ok(package)) => package,
        Some(Err(fault)) => {
            let remedy = format!("repair {}/package.json", scene.shown);
            return Verdict::PassedOver(Refusal::new(
                format!("package.json cannot be read: {fault}"),
                remedy,
            ));
        }
    };
    let bin = bin(&package, scene.name);
    if let Bin::File(file) = &bin
        && scene.folder.is_file(file)
    {
        return Verdict::Taken(run(scene, file));
    }
    match (start(scene, &package), bin) {
        (Verdict::NotMine, Bin::File(file)) => Verdict::PassedOver(not_built(scene, &package, "bin", &file)),
        (Verdict::NotMine, Bin::Unclear(names)) => Verdict::PassedOver(unclear(scene, &names)),
        (verdict, _) => verdict,
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What `bin` says.
enum Bin {
    Absent,
    File(String),
    Unclear(Vec<String>),
}

fn bin(package: &Value, folder: &str) -> Bin {
    match &package["bin"] {
        Value::String(file) => Bin::File(plain_path(file)),
        Value::Object(entries) => {
            let entries: Vec<(&str, &str)> =
                entries.iter().filter_map(|(name, file)| Some((name.as_str(), file.as_str()?))).collect();
            choose(&entries, package["name"].as_str().unwrap_or_default(), folder)
        }
        _ => Bin::Absent,
    }
}

fn choose(entries: &[(&str, &str)], package: &str, folder: &str) -> Bin {
    let package = package.rsplit('/').next().unwrap_or(package);
    let named = |name: &str| name == package || name == folder;
    let chosen = match entries {
        [] => return Bin::Absent,
        [only] => Some(only),
        several => several
            .iter()
            .find(|entry| named(entry.0))
            .or_else(|| several.iter().find(|entry| looks_right(entry.0))),
    };
    match chosen {
        Some((_, file)) => Bin::File(plain_path(file)),
        None => Bin::Unclear(entries.iter().map(|(name, _)| name.to_string()).collect()),
    }
}

/// Beside the server, packages ship helpers: an HTTP twin, an installer, a login.
fn looks_right(name: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    has(&["mcp", "server", "stdio"]) && !has(&["http", "sse", "setup", "install", "remove", "cli"])
}

fn plain_path(file: &str) -> String {
    file.trim_start_matches("./").to_string()
}

fn run(scene: &Scene<'_>, file: &str) -> Candidate {
    let start = scene.folder.start(file);
    let here = format!("./{file}");
    let interpreter = shebang::interpreter(&start).unwrap_or_else(|| vec!["node".to_string()]);
    let mut command: Vec<&str> = interpreter.iter().map(String::as_str).chain([file]).collect();
    if shebang::is_binary(&start) {
        command = vec![&here];
    }
    Candidate::new("package.json bin", &command)
}

fn start(scene: &Scene<'_>, package: &Value) -> Verdict {
    let Some(script) =
        package["scripts"]["start"].as_str().map(str::trim).filter(|script| !script.is_empty())
    else {
        return Verdict::NotMine;
    };
    if is_plain(script)
        && let Err(refusal) = check_words(scene, package, script)
    {
        return Verdict::PassedOver(refusal);
    }
    // Not `npm start`: that costs two processes, 60 MB and a banner on stdout. `"$@"` takes the server's own args.
    let exec = if is_plain(script) { "exec " } else { "" };
    let line = format!("PATH=\"$PWD/node_modules/.bin:$PATH\"; export PATH; {exec}{script} \"$@\"");
    Verdict::Taken(Candidate::new("package.json scripts.start", &["sh", "-c", &line, "sh"]))
}

/// One program with its arguments, nothing for which a shell is needed.
fn is_plain(script: &str) -> bool {
    let first = script.split_whitespace().next().unwrap_or_default();
    !first.contains('=')
        && !script.contains(['&', '|', ';', '<', '>', '(', ')', '$', '`', '"', '\'', '\\', '*', '\n'])
}

fn check_words(scene: &Scene<'_>, package: &Value, script: &str) -> Result<(), Refusal> {
    let mut words = script.split_whitespace();
    let program = words.next().unwrap_or_default();
    let local = format!("node_modules/.bin/{program}");
    if program == "node" {
        let is_script = |word: &&str| [".js", ".mjs", ".cjs"].iter().any(|end| word.ends_with(end));
        match words.find(is_script).map(plain_path).filter(|file| !scene.folder.is_file(file)) {
            Some(file) => return Err(not_built(scene, package, "scripts.start", &file)),
            None if scene.machine.has("node") => return Ok(()),
            None => return Err(Refusal::not_installed("node")),
        }
    }
    if scene.folder.is_file(&local) || scene.folder.is_file(program) || scene.machine.has(program) {
        return Ok(());
    }
    let reason = format!("scripts.start runs {program}, which is not in node_modules/.bin and not on PATH");
    Err(Refusal::new(reason, format!("{} install in {}", manager(scene), scene.shown)))
}

fn not_built(scene: &Scene<'_>, package: &Value, key: &str, file: &str) -> Refusal {
    let manager = manager(scene);
    let build = if package["scripts"]["build"].is_string() {
        format!(" && {manager} run build")
    } else {
        String::new()
    };
    let reason = format!("not built: {key} of package.json names {file}, which does not exist");
    Refusal::new(reason, format!("{manager} install{build} in {}", scene.shown))
}

fn unclear(scene: &Scene<'_>, names: &[String]) -> Refusal {
    let reason =
        format!("package.json has several bin entries ({}), none clearly the server", names.join(", "));
    Refusal::new(
        reason,
        format!("name one in {}/server.toml, like command = \"node\" with args", scene.shown),
    )
}

/// The package manager whose lock file is there.
fn manager(scene: &Scene<'_>) -> &'static str {
    let locks =
        [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    locks.iter().find(|(lock, _)| scene.folder.is_file(lock)).map_or("npm", |(_, manager)| manager)
}

#[cfg(test)]
mod tests {
    use super::super::folder::memory::Memory;
    use super::super::rules::Verdict;
    use super::super::rules::tests::{ask, passed, taken};
    use super::rule;
    use proptest::prelude::*;

    fn package(text: &str) -> Memory {
        Memory::default().file("package.json", text)
    }

    #[test]
    fn a_folder_without_package_json_or_launch_is_not_ours() {
        assert_eq!(ask(rule, &Memory::default(), &["node"]), Verdict::NotMine);
        assert_eq!(
            ask(rule, &package(r#"{"name": "x", "scripts": {"test": "jest"}}"#), &[]),
            Verdict::NotMine
        );
    }

    #[test]
    fn bin_is_run_by_node_or_its_own_interpreter() {
        let text = r#"{"bin": "./dist/index.js"}"#;
        let with = |content| package(text).file("dist/index.js", content);
        assert_eq!(taken(rule, &with("import x"), &["node"]), "node dist/index.js");
        assert_eq!(taken(rule, &with("#!/usr/bin/env node\n"), &["node"]), "node dist/index.js");
        assert_eq!(taken(rule, &with("#!/usr/bin/env bun\n"), &["bun"]), "bun dist/index.js");
        assert_eq!(taken(rule, &with("\x7fELF"), &[]), "./dist/index.js");
    }

    #[test]
    fn of_several_bins_the_server_is_chosen() {
        let folder = |text| package(text).file("a.js", "").file("b.js", "");
        let named = r#"{"name": "@x/tool", "bin": {"tool": "b.js", "mcp": "a.js"}}"#;
        assert_eq!(taken(rule, &folder(named), &[]), "node b.js");
        let like_folder = r#"{"bin": {"a": "a.js", "notes": "b.js"}}"#;
        assert_eq!(taken(rule, &folder(like_folder), &[]), "node b.js");
        let twins = r#"{"bin": {"x-mcp-http": "a.js", "x-mcp": "b.js"}}"#;
        assert_eq!(taken(rule, &folder(twins), &[]), "node b.js");
        let unclear = r#"{"bin": {"one": "a.js", "two": "b.js"}}"#;
        assert!(passed(rule, &folder(unclear), &[]).contains("(one, two)"));
    }

    #[test]
    fn not_built_is_said_with_the_remedy() {
        let text = r#"{"bin": "dist/index.js", "scripts": {"build": "tsc"}}"#;
        let said = passed(rule, &package(text), &["node"]);
        assert!(said.contains("names dist/index.js, which does not exist"), "{said}");
        assert!(said.ends_with("npm install && npm run build in servers/notes"), "{said}");
        let said = passed(rule, &package(text).file("pnpm-lock.yaml", ""), &["node"]);
        assert!(said.ends_with("pnpm install && pnpm run build in servers/notes"), "{said}");
    }

    #[test]
    fn scripts_start_runs_without_npm() {
        let folder =
            package(r#"{"scripts": {"start": "tsx src/main.ts"}}"#).file("node_modules/.bin/tsx", "");
        let line = taken(rule, &folder, &["node"]);
        assert!(line.starts_with(
            "sh -c PATH=\"$PWD/node_modules/.bin:$PATH\"; export PATH; exec tsx src/main.ts \"$@\""
        ));
    }

    #[test]
    fn a_start_script_for_the_shell_is_left_to_the_shell() {
        for script in ["A=1 node x.js", "npm run build && node x.js"] {
            let folder = package(&serde_json::json!({"scripts": {"start": script}}).to_string());
            let line = taken(rule, &folder, &["npm", "node"]);
            assert!(line.contains(&format!("export PATH; {script} \"$@\"")), "{line}");
        }
    }

    #[test]
    fn a_start_script_that_cannot_run_is_said() {
        let tsx = package(r#"{"scripts": {"start": "tsx src/main.ts"}}"#);
        assert!(passed(rule, &tsx, &["node"]).ends_with("npm install in servers/notes"));
        let built = package(r#"{"scripts": {"start": "node dist/x.js", "build": "tsc"}}"#);
        assert!(passed(rule, &built, &["node"]).contains("scripts.start of package.json names dist/x.js"));
        let node = package(r#"{"scripts": {"start": "node x.js"}}"#).file("x.js", "");
        assert!(passed(rule, &node, &[]).starts_with("node is not installed"));
    }

    #[test]
    fn broken_json_is_said() {
        assert!(passed(rule, &package("{"), &[]).contains("line 1"));
    }

    proptest! {
        #[test]
        fn no_package_json_panics(bin in "\\PC{0,20}", start in "\\PC{0,30}", junk in "\\PC{0,60}") {
            ask(rule, &package(&junk), &["node"]);
            let text = serde_json::json!({"bin": {bin.as_str(): bin}, "scripts": {"start": start}}).to_string();
            ask(rule, &package(&text), &["node"]);
        }
    }
}
