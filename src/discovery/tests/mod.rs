//! Discovery on real folders.

mod repositories;

use super::{Discovery, discover};
use crate::config::spec::{ChildSpec, Launch, ServerSpec, Transport};
use crate::config::{Config, Environment, Flags, load};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A project folder: files as (path, content); those that begin with `#!` get the x bit.
fn project(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, content) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let mode = if content.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

fn found(dir: &TempDir) -> Discovery {
    let file = dir.path().join("proxy.toml");
    let flags = Flags { config: file.exists().then_some(file), ..Flags::default() };
    let config = load(&flags, &Environment::new()).unwrap().config;
    discover(&config, dir.path()).unwrap()
}

fn names(found: &Discovery) -> Vec<&str> {
    found.servers.iter().map(|server| server.name.as_str()).collect()
}

fn child<'a>(found: &'a Discovery, name: &str) -> (&'a ServerSpec, &'a ChildSpec) {
    let server = found.servers.iter().find(|server| server.name == name);
    let server = server.unwrap_or_else(|| panic!("no {name} in {found:?}"));
    match &server.launch {
        Launch::Child(child) => (server, child),
        Launch::Remote(_) => panic!("{name} is remote"),
    }
}

/// Reason and remedy of what was left out under `name`.
fn why(found: &Discovery, name: &str) -> String {
    let left = found.left_out.iter().find(|left| left.name == name);
    let left = left.unwrap_or_else(|| panic!("{name} is not left out of {found:?}"));
    format!("{}: {}; {}", left.place, left.reason, left.remedy)
}

const SH: &str = "#!/bin/sh\n";

#[test]
fn a_folder_is_a_server() {
    let dir = project(&[("servers/My Notes/run.sh", SH), ("servers/My Notes/.env", "A=1")]);
    let found = found(&dir);
    let (server, child) = child(&found, "my-notes");
    let folder = dir.path().join("servers/My Notes");
    assert_eq!(server.origin, "servers/My Notes/run.sh");
    assert_eq!(Path::new(&child.first_way().command), folder.join("run.sh"));
    assert_eq!(child.cwd, folder);
    assert_eq!(child.env_file.as_deref(), Some(folder.join(".env").as_path()));
    assert_eq!((child.transport, child.path.as_deref()), (None, None));
    assert!(found.left_out.is_empty() && found.warnings.is_empty());
}

#[test]
fn another_env_file_is_another_server() {
    let env = "servers/a/.env";
    let dir = project(&[("servers/a/run.sh", SH), (env, "A=1")]);
    let first = found(&dir).servers;
    assert_eq!(found(&dir).servers, first);
    std::fs::write(dir.path().join(env), "A=2").unwrap();
    assert_ne!(found(&dir).servers, first);
}

#[test]
fn what_is_no_server_is_skipped_or_said() {
    let dir = project(&[
        ("servers/README.md", "hello"),
        ("servers/data.json", "{\"name\": 1}"),
        ("servers/.hidden/run.sh", SH),
        ("servers/node_modules/run.sh", SH),
        ("servers/install.sh", SH),
        ("servers/docs/page.md", "x"),
    ]);
    fs::create_dir(dir.path().join("servers/sub")).unwrap();
    symlink("nowhere", dir.path().join("servers/gone")).unwrap();
    let found = found(&dir);
    assert!(names(&found).is_empty());
    assert_eq!(found.left_out.len(), 3);
    assert!(why(&found, "docs").contains("not a server"));
    assert!(why(&found, "sub").contains("empty; if it is a git submodule run git submodule update --init"));
    assert!(why(&found, "gone").starts_with("servers/gone: cannot be looked at: "));
}

#[test]
fn linked_folders_are_followed() {
    let dir = project(&[("elsewhere/run.sh", SH)]);
    fs::create_dir(dir.path().join("servers")).unwrap();
    symlink(dir.path().join("elsewhere"), dir.path().join("servers/linked")).unwrap();
    assert_eq!(names(&found(&dir)), ["linked"]);
}

#[test]
fn a_program_needs_no_folder() {
    let dir = project(&[("servers/clock.sh", SH), ("servers/.env", "SECRET=1")]);
    fs::write(dir.path().join("servers/forgotten.py"), "#!/bin/sh\n").unwrap();
    let found = found(&dir);
    let (_, clock) = child(&found, "clock");
    assert_eq!(clock.cwd, dir.path().join("servers"));
    assert_eq!(clock.env_file, None);
    assert_eq!(clock.first_way().retries.concat(), ["stdio", "--stdio", "start-mcp-server"]);
    assert!(why(&found, "forgotten").contains("is not executable; chmod +x"));
}

#[test]
fn who_says_the_arguments_of_a_program_needs_no_guesses() {
    let dir = project(&[("servers/clock.sh", SH), ("proxy.toml", "[server.clock]\nargs = ['http']\n")]);
    let found = found(&dir);
    let (_, clock) = child(&found, "clock");
    assert_eq!((clock.first_way().args.concat(), clock.first_way().retries.len()), ("http".to_string(), 0));
}

#[test]
fn server_toml_wins_over_the_rules() {
    let toml =
        "command = './other.sh'\nargs = ['a']\nenv = { N = 1 }\ntransport = 'http'\ncall_idle_seconds = 7\n";
    let dir =
        project(&[("servers/a/run.sh", SH), ("servers/a/other.sh", SH), ("servers/a/server.toml", toml)]);
    let found = found(&dir);
    let (server, child) = child(&found, "a");
    assert!(child.first_way().command.ends_with("servers/a/other.sh"));
    assert_eq!(
        (child.first_way().args.as_slice(), child.env["N"].as_str()),
        (["a".to_string()].as_slice(), "1")
    );
    assert_eq!(child.transport, Some(Transport::Http));
    assert_eq!(server.options.call_idle, Duration::from_secs(7));
    assert_eq!(server.origin, "servers/a/server.toml");
}

#[test]
fn server_toml_may_leave_the_command_to_the_rules() {
    let dir = project(&[("servers/a/run.sh", SH), ("servers/a/server.toml", "args = ['stdio']\n")]);
    let found = found(&dir);
    let (server, child) = child(&found, "a");
    assert_eq!(server.origin, "servers/a/run.sh");
    assert_eq!(child.first_way().args, ["stdio"]);
}

#[test]
fn proxy_toml_wins_over_server_toml() {
    let proxy = "[server.A]\nargs = ['proxy']\nenv = { X = 'proxy' }\n";
    let own = "command = 'sh'\nargs = ['own']\nenv = { X = 'own', Y = 'own' }\ncwd = 'sub'\n";
    let dir = project(&[("proxy.toml", proxy), ("servers/a/server.toml", own), ("servers/a/sub/x", "")]);
    let found = found(&dir);
    let (_, child) = child(&found, "a");
    assert_eq!(child.first_way().args, ["proxy"]);
    assert_eq!((child.env["X"].as_str(), child.env["Y"].as_str()), ("proxy", "own"));
    assert_eq!(child.cwd, dir.path().join("servers/a/sub"));
}

#[test]
fn proxy_toml_has_servers_of_its_own() {
    let proxy = "[server.far]\nurl = 'http://example.org/mcp'\nheaders = { X-Key = 'k' }\n\
                 [server.near]\ncommand = './tool.sh'\n[server.none]\nport = 5\n[server.bad]\nurl = 'example'\n";
    let dir = project(&[("proxy.toml", proxy), ("tool.sh", SH)]);
    let found = found(&dir);
    assert_eq!(names(&found), ["far", "near"]);
    assert_eq!(child(&found, "near").1.cwd, dir.path());
    assert!(why(&found, "none").contains("neither a command nor a url, and there is no servers/none"));
    assert!(why(&found, "bad").contains("its url is not a URL"));
}

#[test]
fn a_broken_table_loses_its_folder_too() {
    let proxy = "[server.a]\nenabeld = false\n";
    let dir = project(&[("proxy.toml", proxy), ("servers/a/run.sh", SH), ("servers/b/run.sh", SH)]);
    let found = found(&dir);
    assert_eq!(names(&found), ["b"]);
    assert!(why(&found, "a").contains("unknown key `enabeld`; did you mean `enabled`?"));
    assert_eq!(found.left_out.len(), 1);
}

#[test]
fn a_broken_server_toml_names_the_line() {
    let dir = project(&[("servers/a/server.toml", "\ncomand = 'x'\n"), ("servers/a/run.sh", SH)]);
    let said = why(&found(&dir), "a");
    assert!(said.contains("server.toml:2: unknown key `comand`; did you mean `command`?"), "{said}");
    assert!(said.ends_with("correct servers/a/server.toml"), "{said}");
}

#[test]
fn switched_off_is_not_wrong() {
    let json = r#"{"mcpServers": {"c": {"command": "${NO_SUCH}", "disabled": true}}}"#;
    let dir = project(&[
        ("proxy.toml", "[server.a]\nenabled = false\n"),
        ("servers/a/server.toml", "nonsense = 1\n"),
        ("servers/b/server.toml", "enabled = false\n"),
        ("servers/team.json", json),
    ]);
    let found = found(&dir);
    let off: Vec<&str> = found.disabled.iter().map(|off| off.name.as_str()).collect();
    assert_eq!(off, ["a", "b", "c"]);
    assert!(found.servers.is_empty() && found.left_out.is_empty());
}

#[test]
fn entries_of_client_files_are_servers() {
    let json = r#"{"mcpServers": {
        "Local": {"command": "./tool.sh", "args": ["${NO_SUCH:-x}"]},
        "far": {"type": "http", "url": "https://example.org/mcp"},
        "unset": {"command": "sh", "env": {"KEY": "${MCP_TEST_NO_SUCH}"}},
    }}"#;
    let dir = project(&[("servers/team.json", json), ("servers/tool.sh", SH), ("servers/broken.json", "{")]);
    let found = found(&dir);
    assert_eq!(names(&found), ["far", "local", "tool"]);
    let (server, local) = child(&found, "local");
    assert_eq!(server.origin, "servers/team.json");
    assert_eq!(local.first_way().args, ["x"]);
    assert!(why(&found, "unset").contains("env.KEY names the variable MCP_TEST_NO_SUCH, which is not set"));
    assert!(why(&found, "broken.json").starts_with("servers/broken.json: cannot be read: "));
}

#[test]
fn reserved_and_clashing_names_are_left_out() {
    let json = r#"{"mcpServers": {"foo": {"command": "sh"}}}"#;
    let dir = project(&[
        ("servers/Foo/run.sh", SH),
        ("servers/foo/run.sh", SH),
        ("servers/health/run.sh", SH),
        ("servers/a.json", json),
    ]);
    let found = found(&dir);
    assert_eq!(names(&found), ["foo"]);
    assert_eq!(found.left_out.len(), 3);
    assert!(why(&found, "health").contains("/health is a path of the proxy itself"));
    assert!(why(&found, "foo").contains("is already that of servers/Foo; rename one of them"));
}

#[test]
fn a_missing_program_is_said() {
    let dir = project(&[
        ("servers/a/server.toml", "command = 'no-such-program'\n"),
        ("servers/b/server.toml", "command = 'sh -c true'\n"),
        ("servers/c/server.toml", "command = './missing'\n"),
        ("servers/d/server.py", "#!/usr/bin/env no-such-python\n"),
        ("servers/e/server.toml", "command = 'sh'\nurl = 'http://x'\n"),
        ("servers/f/server.toml", "command = 'sh'\ncwd = 'none'\n"),
    ]);
    let found = found(&dir);
    assert!(names(&found).is_empty());
    assert!(
        why(&found, "a").contains("no-such-program is not installed or not on PATH; install it, or remove")
    );
    assert!(why(&found, "b").contains("`command` is the program alone"));
    assert!(why(&found, "c").contains("servers/c/missing does not exist"));
    assert!(why(&found, "d").contains("no-such-python is not installed"));
    assert!(why(&found, "e").contains("both a command and a url"));
    assert!(why(&found, "f").contains("is not a folder"));
}

#[test]
fn without_a_servers_folder_there_is_nothing_to_do() {
    let dir = TempDir::new().unwrap();
    let error = discover(&Config::default(), dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("servers does not exist: create it, or name another with --servers"), "{error}");
}

/// The notes on `name`, a line each.
fn notes(found: &Discovery, name: &str) -> String {
    let about = found.about.get(name).unwrap_or_else(|| panic!("nothing about {name} in {found:?}"));
    let lines =
        about.passed_over.iter().map(|note| format!("{}: {}; {}\n", note.what, note.reason, note.remedy));
    lines.collect()
}

#[test]
fn all_ways_are_kept_with_what_was_passed_over() {
    let entry = r#"{"mcpServers": {"a": {"command": "sh", "args": ["main.sh"], "env": {"KEY": "${KEY}"}}}}"#;
    let dir = project(&[
        ("servers/a/.mcp.json", entry),
        ("servers/a/main.sh", "echo"),
        ("servers/a/Cargo.toml", "[package]\nname = 'a'\n"),
        ("servers/a/src/main.rs", ""),
        ("servers/a/target/release/a", SH),
        ("servers/a/package.json", r#"{"bin": "dist/x.js"}"#),
        ("servers/a/Dockerfile", "ENTRYPOINT [\"a\"]\nCMD [\"serve\"]\n"),
    ]);
    let found = found(&dir);
    let (server, child) = child(&found, "a");
    let origins: Vec<&str> = child.ways.iter().map(|way| way.origin.as_str()).collect();
    assert_eq!(origins, ["servers/a/.mcp.json entry a", "servers/a/target/release/a"]);
    assert_eq!(server.origin, origins[0]);
    assert_eq!(child.ways[1].retries[..2], [["serve"], ["stdio"]]);
    assert!(child.ways[0].retries.is_empty(), "a client file says all arguments");
    assert_eq!(child.required, ["KEY"]);
    assert!(notes(&found, "a").contains("bin dist/x.js is not built; run npm install in servers/a"));
    assert_eq!(found.about["a"].dotenv.as_deref(), Some("servers/a/.env"));
}

#[test]
fn a_link_does_not_fetch_another_server_s_secrets() {
    let workspace = ("servers/many/package.json", r#"{"workspaces": ["packages/*"]}"#);
    let member = (
        "servers/many/packages/one/package.json",
        r#"{"bin": "one.js", "dependencies": {"@modelcontextprotocol/sdk": "1"}}"#,
    );
    let dir = project(&[
        ("servers/bank/.env", "PIN=1234-5678\n"),
        ("servers/bank/run.sh", SH),
        ("servers/thief/run.sh", SH),
        ("servers/said/server.toml", "command = 'sh'\n"),
        workspace,
        member,
        ("servers/many/packages/one/one.js", "require('mcp')"),
        ("servers/own/run.sh", SH),
        ("servers/own/secrets/env", "A=1\n"),
        ("servers/elsewhere/run.sh", SH),
        ("secrets/elsewhere.env", "A=1\n"),
    ]);
    let link = |to: &str, from: &str| symlink(dir.path().join(to), dir.path().join("servers").join(from));
    for thief in ["thief", "said", "many/packages/one"] {
        link("servers/bank/.env", &format!("{thief}/.env")).unwrap();
    }
    link("servers/own/secrets/env", "own/.env").unwrap();
    link("secrets/elsewhere.env", "elsewhere/.env").unwrap();
    link("servers/bank", "alias").unwrap();
    let found = found(&dir);
    assert_eq!(names(&found), ["alias", "bank", "elsewhere", "own"]);
    for thief in ["thief", "said", "many-one"] {
        assert!(why(&found, thief).contains(": its .env is a link to one of bank, "), "{found:?}");
    }
}

#[test]
fn a_start_that_is_said_is_the_only_way_and_may_prepare() {
    let dir = project(&[
        (
            "proxy.toml",
            "[server.far]\ncommand = './npx'\nargs = ['-y', 'x']\n[server.near]\ncommand = 'sh'\n",
        ),
        ("npx", SH),
        ("servers/a/run.sh", SH),
        ("servers/a/server.toml", "args = ['x']\n"),
    ]);
    let found = found(&dir);
    let way = |name| child(&found, name).1.first_way();
    assert!(way("far").prepares && !way("near").prepares);
    assert!(way("far").retries.is_empty() && way("near").retries.is_empty());
    assert!(way("a").retries.is_empty(), "who says arguments needs no guesses");
}

#[test]
fn a_way_whose_program_is_missing_is_passed_over() {
    let entry = |command: &str| {
        format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"{command}\", \"args\": [\"main.sh\"]}}}}}}")
    };
    let dir = project(&[
        ("servers/a/.mcp.json", &entry("no-such-program")),
        ("servers/a/mcp.json", &entry("sh")),
        ("servers/a/main.sh", "echo"),
        ("servers/b/.mcp.json", &entry("no-such-program")),
        ("servers/b/main.sh", "echo"),
    ]);
    let found = found(&dir);
    assert_eq!(child(&found, "a").1.ways.len(), 1);
    assert!(notes(&found, "a").contains(".mcp.json entry a: no-such-program is not installed"));
    assert!(why(&found, "b").contains("no-such-program is not installed"));
}

#[test]
fn members_of_a_workspace_are_servers_with_keys_of_their_own() {
    let member = r#"{"name": "x-mcp", "scripts": {"start": "sh main.sh"}}"#;
    let dir = project(&[
        ("proxy.toml", "[server.work-b]\nenv = { B = 1 }\n"),
        ("servers/work/package.json", r#"{"workspaces": ["packages/*"]}"#),
        ("servers/work/server.toml", "port = 4000\nenv = { ALL = 1 }\n"),
        ("servers/work/.env", "A=1\n"),
        ("servers/work/packages/a/package.json", member),
        ("servers/work/packages/b/package.json", member),
        ("servers/work/packages/b/.env", "B=1\n"),
        ("servers/work/packages/c/package.json", r#"{"name": "c-mcp", "bin": "dist/c.js"}"#),
        ("servers/work/packages/d/package.json", member),
        ("servers/work/packages/d/server.toml", "enabled = false\n"),
    ]);
    let found = found(&dir);
    assert_eq!(names(&found), ["work-a", "work-b"]);
    let (a, b) = (child(&found, "work-a"), child(&found, "work-b"));
    let folder = dir.path().join("servers/work");
    assert_eq!(a.0.origin, "servers/work/packages/a/package.json scripts.start");
    assert_eq!(
        (a.1.cwd.clone(), a.1.env_file.clone()),
        (folder.join("packages/a"), Some(folder.join(".env")))
    );
    assert_eq!(b.1.env_file, Some(folder.join("packages/b/.env")));
    assert_eq!((a.1.port, b.1.env.len(), a.1.env["ALL"].as_str()), (None, 2, "1"));
    let c = why(&found, "work-c");
    assert!(c.contains("bin dist/c.js is not built; run npm install in servers/work/packages/c"), "{c}");
    assert_eq!(found.disabled[0].name, "work-d");
}

#[test]
fn an_empty_submodule_is_named_by_its_repository() {
    let dir = project(&[(".gitmodules", "[submodule \"x\"]\n\tpath = servers/gone\n\turl = https://x\n")]);
    fs::create_dir_all(dir.path().join("servers/gone")).unwrap();
    let said = why(&found(&dir), "gone");
    let remedy = format!("run git submodule update --init servers/gone in {}", dir.path().display());
    assert!(said.ends_with(&remedy), "{said}");
}

#[test]
fn imported_files_are_taken_as_they_are() {
    let vs_code = r#"{
        "inputs": [{"id": "mcp-test-key", "type": "promptString"}],
        "servers": {
            "Local": {"type": "stdio", "command": "sh", "args": ["${workspaceFolder}/tool.sh"], "cwd": "sub"},
            "asks": {"command": "sh", "env": {"KEY": "${input:mcp-test-key}"}}, // interactive
        }
    }"#;
    let gemini = r#"{"name": "g", "mcpServers": {
        "bundled": {"command": "${extensionPath}${/}run.sh", "args": ["$HOME"], "timeout": 30000},
        "local": {"command": "sh"}, "far": {"httpUrl": "http://example.org/mcp"}}}"#;
    let dir = project(&[
        (
            "proxy.toml",
            "[proxy]\nimport = ['work/.vscode/mcp.json', 'ext/gemini-extension.json', 'none.json', 'x.json']\n",
        ),
        ("work/.vscode/mcp.json", vs_code),
        ("work/sub/x", ""),
        ("ext/gemini-extension.json", gemini),
        ("ext/run.sh", SH),
        ("x.json", "{\"a\": 1}"),
        ("servers/a/run.sh", SH),
    ]);
    let found = found(&dir);
    assert_eq!(names(&found), ["a", "bundled", "far", "local"]);
    let (server, local) = child(&found, "local");
    assert_eq!(server.origin, "work/.vscode/mcp.json");
    assert_eq!(local.first_way().args, [dir.path().join("work/tool.sh").to_str().unwrap()]);
    assert_eq!((&local.cwd, local.transport), (&dir.path().join("work/sub"), Some(Transport::Stdio)));
    let (bundled, command) = child(&found, "bundled");
    assert_eq!(Path::new(&command.first_way().command), dir.path().join("ext/run.sh"));
    assert_eq!(command.first_way().args, [std::env::var("HOME").unwrap()]);
    assert_eq!(bundled.options.call_timeout, Duration::from_secs(30));
    assert!(
        why(&found, "asks").contains(
            "env.KEY is the input mcp-test-key, for which the editor asks its user; set MCP_TEST_KEY"
        )
    );
    let clash = why(&found, "local");
    assert!(
        clash.starts_with(
            "ext/gemini-extension.json: the name local is already that of work/.vscode/mcp.json"
        ),
        "{clash}"
    );
    assert!(why(&found, "none.json").contains("cannot be read"));
    assert!(why(&found, "x.json").contains("it names no servers"));
}

#[test]
fn imports_need_no_servers_folder() {
    let dir = project(&[
        ("proxy.toml", "[proxy]\nimport = ['a.json']\n"),
        ("a.json", r#"{"mcpServers": {"a": {"command": "sh"}}}"#),
    ]);
    assert_eq!(names(&found(&dir)), ["a"]);
}

/// Forty folders of all kinds, each with what makes real ones large.
fn forty() -> TempDir {
    let kinds: [&[(&str, &str)]; 8] = [
        &[
            ("package.json", r#"{"bin": "dist/index.js", "dependencies": {"zod": "3"}}"#),
            ("dist/index.js", "mcp"),
        ],
        &[("package.json", r#"{"bin": "dist/index.js"}"#), ("src/index.ts", "")],
        &[
            ("pyproject.toml", "[project]\nname = 'x'\n[project.scripts]\nx = 'x:main'\n"),
            (".venv/bin/x", SH),
            (".venv/bin/python", SH),
        ],
        &[("Cargo.toml", "[package]\nname = 'x'\n"), ("src/main.rs", ""), ("target/release/x", SH)],
        &[("go.mod", "module x/x\n"), ("cmd/x/main.go", "package main\n")],
        &[("run.sh", SH)],
        &[
            ("package.json", r#"{"workspaces": ["packages/*"]}"#),
            ("packages/a/package.json", r#"{"name": "a-mcp", "scripts": {"start": "sh a"}}"#),
        ],
        &[("README.md", "hello"), ("notes/a.md", "")],
    ];
    let mut files: Vec<(String, String)> = Vec::new();
    for n in 0..40 {
        let own = kinds[n % kinds.len()].iter();
        files.extend(own.map(|(path, content)| (format!("servers/s{n}/{path}"), content.to_string())));
        files.extend((0..20).map(|m| (format!("servers/s{n}/node_modules/dep{m}/index.js"), String::new())));
        files.extend((0..20).map(|m| (format!("servers/s{n}/docs/{m}.md"), String::new())));
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    project(&files)
}

#[test]
fn forty_folders_take_no_time() {
    let dir = forty();
    // The fastest of a few: what else the machine does is not ours.
    let fastest = (0..5)
        .map(|_| {
            let start = Instant::now();
            let found = found(&dir);
            assert!(found.servers.len() + found.left_out.len() >= 40);
            start.elapsed()
        })
        .min();
    assert!(fastest < Some(Duration::from_secs(1)), "{fastest:?}");
}

#[test]
fn what_was_put_into_the_words_of_a_client_file_is_not_shown() {
    let entry = r#"{"mcpServers": {"a": {"command": "node", "args": ["${KEY}/x.js"]}}}"#;
    let dir = project(&[("servers/a/.mcp.json", entry), ("servers/a/.env", "KEY=s3cret-of-a-folder\n")]);
    let said = why(&found(&dir), "a");
    assert!(said.contains("***/x.js, which does not exist here"), "{said}");
}
