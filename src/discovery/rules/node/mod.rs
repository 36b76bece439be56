//! Node: `package.json`, or a file that speaks MCP.

mod bin;
mod dependency;
mod files;
mod start;

use super::super::shebang;
use super::{Candidate, Findings, Refusal, Scene};
use serde_json::Value;

/// The rule: `bin` and `scripts.start`; without either the library's `main`, the one dependency that is a server, or a
/// file that is named like one.
pub(super) fn rule(scene: &Scene<'_>) -> Findings {
    let read = scene.folder.read("package.json").map(|text| text.and_then(|text| parse(&text)));
    let package = match read {
        None => return files::that_speak_mcp(scene),
        Some(Ok(package)) => package,
        Some(Err(fault)) => {
            return Findings::nothing_but("package.json", Refusal::unreadable(scene, "package.json", &fault));
        }
    };
    let mut found = bin::find(scene, &package);
    found.add(start::find(scene, &package, &found));
    for look in [files::main, dependency::find, files::usual] {
        if found.is_empty() {
            found.add(look(scene, &package));
        }
    }
    found
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Whether a package is written with a library for MCP: the official one, of which the second version is several.
pub(super) fn uses_sdk(package: &Value) -> bool {
    let dependencies = package["dependencies"].as_object().into_iter().flatten();
    dependencies
        .map(|(name, _)| name)
        .any(|name| name.starts_with("@modelcontextprotocol/") || name == "fastmcp")
}

fn plain_path(file: &str) -> String {
    file.trim_start_matches("./").to_string()
}

/// A file with what runs it: itself, its interpreter, node; for TypeScript what is installed for it.
fn run(scene: &Scene<'_>, declared_by: &str, file: &str) -> Result<Candidate, Refusal> {
    let start = scene.folder.start(file);
    if shebang::is_binary(&start) {
        return Ok(Candidate::new(declared_by, &[&format!("./{file}")]));
    }
    let words = match shebang::interpreter(&start) {
        Some(words) if words[0] != "node" => {
            vec![installed(scene, &words[0]).unwrap_or_else(|| words[0].clone())]
                .into_iter()
                .chain(words.into_iter().skip(1))
                .collect()
        }
        words => vec![interpreter(scene, file, words)?],
    };
    let words: Vec<&str> = words.iter().map(String::as_str).chain([file]).collect();
    Ok(Candidate::new(declared_by, &words))
}

fn interpreter(scene: &Scene<'_>, file: &str, said: Option<Vec<String>>) -> Result<String, Refusal> {
    if !file.ends_with(".ts") {
        return Ok(said.map_or_else(|| "node".to_string(), |mut words| words.remove(0)));
    }
    let runner = ["tsx", "bun"].iter().find_map(|program| installed(scene, program));
    runner.ok_or_else(|| {
        Refusal::new(
            format!("{file} is TypeScript, and neither tsx nor bun is installed"),
            format!("run npm install tsx in {}", scene.shown),
        )
    })
}

/// A program of `node_modules/.bin` or `PATH`.
fn installed(scene: &Scene<'_>, program: &str) -> Option<String> {
    let local = format!("node_modules/.bin/{program}");
    if !program.contains('/') && scene.folder.is_file(&local) {
        return Some(format!("./{local}"));
    }
    scene.machine.has(program).then(|| program.to_string())
}

fn not_built(scene: &Scene<'_>, package: &Value, key: &str, file: &str) -> Refusal {
    let manager = manager(scene);
    let build = match package["scripts"]["build"].is_string() {
        true => format!(" && {manager} run build"),
        false => String::new(),
    };
    Refusal::new(
        format!("{key} {file} is not built"),
        format!("run {manager} install{build} in {}", scene.shown),
    )
}

/// The package manager whose lock file is there, or in the workspace.
fn manager(scene: &Scene<'_>) -> &'static str {
    let locks =
        [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    let has = |lock: &str| scene.folder.is_file(lock) || scene.above.is_some_and(|above| above.is_file(lock));
    locks.iter().find(|(lock, _)| has(lock)).map_or("npm", |(_, manager)| manager)
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, notes, passed, taken, ways};
    use super::rule;
    use proptest::prelude::*;

    fn package(text: &str) -> Memory {
        Memory::default().file("package.json", text)
    }

    #[test]
    fn a_folder_without_anything_to_start_is_not_ours() {
        assert!(ask(rule, &Memory::default(), &["node"]).is_empty());
        assert!(ask(rule, &package(r#"{"name": "x", "scripts": {"test": "jest"}}"#), &[]).is_empty());
        assert!(ask(rule, &Memory::default().file("index.js", "console.log(1)"), &[]).is_empty());
    }

    #[test]
    fn bin_is_run_by_node_or_its_own_interpreter() {
        let text = r#"{"bin": "./dist/index.js"}"#;
        let with = |content| package(text).file("dist/index.js", content);
        assert_eq!(taken(rule, &with("import x"), &["node"]), "node dist/index.js");
        assert_eq!(taken(rule, &with("#!/usr/bin/env node\n"), &["node"]), "node dist/index.js");
        assert_eq!(taken(rule, &with("#!/usr/bin/env bun\n"), &["bun"]), "bun dist/index.js");
        let tsx = with("#!/usr/bin/env tsx\n").file("node_modules/.bin/tsx", "");
        assert_eq!(taken(rule, &tsx, &[]), "./node_modules/.bin/tsx dist/index.js");
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
        let helper = package(text).file("index.js", "").file("server.js", "mcp");
        let said = passed(rule, &helper, &["node"]);
        assert_eq!(
            said,
            "package.json bin: bin dist/index.js is not built; run npm install && npm run build in servers/notes"
        );
        let said = passed(rule, &package(text).file("pnpm-lock.yaml", ""), &["node"]);
        assert!(said.ends_with("run pnpm install && pnpm run build in servers/notes"), "{said}");
    }

    #[test]
    fn a_start_script_is_the_second_way_unless_it_is_the_same() {
        let with = |start: &str| {
            let text = serde_json::json!({"bin": "dist/index.js", "scripts": {"start": start}}).to_string();
            ways(rule, &package(&text).file("dist/index.js", "").file("dist/http.js", ""), &["node", "npm"])
        };
        assert_eq!(with("node dist/index.js"), ["node dist/index.js"]);
        assert_eq!(with("npm run dev"), ["node dist/index.js"]);
        assert_eq!(with("pnpm --filter a start"), ["node dist/index.js"]);
        assert!(with("node dist/http.js")[1].ends_with("exec node dist/http.js \"$@\" sh"));
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
        assert!(passed(rule, &tsx, &["node"]).ends_with("run npm install in servers/notes"));
        let built = package(r#"{"scripts": {"start": "node dist/x.js", "build": "tsc"}}"#);
        assert!(passed(rule, &built, &["node"]).contains("scripts.start dist/x.js is not built"));
        let quoted = package(r#"{"scripts": {"start": "node dist/x.js --loggers 'a, b'"}}"#);
        assert!(passed(rule, &quoted, &["node"]).contains("scripts.start dist/x.js is not built"));
        let node = package(r#"{"scripts": {"start": "node x.js"}}"#).file("x.js", "");
        assert!(passed(rule, &node, &[]).contains("node is not installed"));
    }

    #[test]
    fn main_is_a_server_unless_it_is_a_library() {
        let main = |text| ways(rule, &package(text).file("lib/a.js", ""), &["node"]);
        assert_eq!(main(r#"{"main": "./lib/a.js"}"#), ["node lib/a.js"]);
        assert!(main(r#"{"main": "lib/a.js", "types": "lib/a.d.ts"}"#).is_empty());
        assert!(main(r#"{"main": "lib/gone.js"}"#).is_empty());
    }

    #[test]
    fn an_installed_package_is_the_server() {
        let folder = |deps: &str| package(&format!("{{\"dependencies\": {deps}}}"));
        let one = r#"{"bin": {"mcp-server-memory": "dist/index.js"}, "dependencies": {"@modelcontextprotocol/sdk": "1"}}"#;
        let with = |folder: Memory| {
            let at = "node_modules/@modelcontextprotocol/server-memory";
            folder.file(&format!("{at}/package.json"), one).file(&format!("{at}/dist/index.js"), "")
        };
        let deps = r#"{"@modelcontextprotocol/server-memory": "*", "zod": "3"}"#;
        let memory = with(folder(deps)).file("node_modules/zod/package.json", r#"{"bin": "z.js"}"#);
        assert_eq!(
            taken(rule, &memory, &[]),
            "node node_modules/@modelcontextprotocol/server-memory/dist/index.js"
        );
        assert!(passed(rule, &folder(deps), &[]).ends_with("run npm install in servers/notes"));
        let of_sdk_2 = r#"{"bin": "a.js", "dependencies": {"@modelcontextprotocol/server": "2"}}"#;
        let app = folder(r#"{"app": "1"}"#).file("node_modules/app/package.json", of_sdk_2);
        assert_eq!(taken(rule, &app.file("node_modules/app/a.js", ""), &[]), "node node_modules/app/a.js");
        let two = with(folder(r#"{"@modelcontextprotocol/server-memory": "*", "b-mcp": "1"}"#))
            .file("node_modules/b-mcp/package.json", r#"{"bin": "b.js"}"#)
            .file("node_modules/b-mcp/b.js", "");
        assert!(passed(rule, &two, &[]).contains("several dependencies are servers"));
    }

    #[test]
    fn the_usual_files_come_last() {
        let usual = |file: &str, programs| ways(rule, &package("{}").file(file, ""), programs);
        assert_eq!(usual("build/index.js", &["node"]), ["node build/index.js"]);
        assert_eq!(usual("src/index.ts", &["bun"]), ["bun src/index.ts"]);
        assert!(
            notes(&ask(rule, &package("{}").file("src/index.ts", ""), &[])).contains("neither tsx nor bun")
        );
        let lone =
            Memory::default().file("server.mjs", "import { McpServer } from '@modelcontextprotocol/sdk'");
        assert_eq!(ways(rule, &lone, &["node"]), ["node server.mjs"]);
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
            let text = serde_json::json!({"main": bin, "dependencies": {start.as_str(): 1, bin.as_str(): start}});
            ask(rule, &package(&text.to_string()), &["node"]);
        }
    }
}
