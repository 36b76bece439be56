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
    assert!(why(&found, "forgotten").contains("is not executable; chmod +x"));
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

#[test]
fn forty_folders_take_no_time() {
    let files: Vec<(String, &str)> = (0..40).map(|n| (format!("servers/s{n}/run.sh"), SH)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    let dir = project(&files);
    let start = Instant::now();
    assert_eq!(found(&dir).servers.len(), 40);
    assert!(start.elapsed() < Duration::from_secs(1));
}
