//! `mcp-proxy add`.

use super::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn file(site: &Site, path: &str) -> String {
    fs::read_to_string(site.folder().join("servers").join(path)).unwrap()
}

/// Programs that are not there, so that `add` finds them on PATH.
fn site_with(programs: &[&str]) -> Site {
    let site = Site::new();
    programs.iter().for_each(|name| drop(site.program(&format!("bin/{name}"), "#!/bin/sh\n")));
    let path = format!("{}:{}", site.folder().join("bin").display(), std::env::var("PATH").unwrap());
    site.env("PATH", path)
}

#[test]
fn a_command_becomes_a_server_that_is_served() {
    let proxy = Site::new().start();
    let fake = example("fake_stdio").display().to_string();
    let site = &proxy.site;
    let out = succeeds(site, &["add", "notes", "-e", "FAKE_NAME=it's \"mine\"", "--", &fake]);
    for part in [
        "servers/notes/server.toml, ",
        "notes (stdio or http)\n  start     ",
        "variables FAKE_NAME (.env)",
        "Serve it: mcp-proxy reload",
        "claude mcp add --transport http notes http://127.0.0.1:3000/notes\n",
    ] {
        assert!(out.contains(part), "no {part:?} in {out}");
    }
    assert_eq!(file(site, "notes/server.toml"), format!("command = {fake:?}\n"));
    let mode = |path| fs::metadata(site.folder().join("servers").join(path)).unwrap().permissions().mode();
    assert_eq!((mode("notes/.env") & 0o777, mode("notes/server.toml") & 0o600), (0o600, 0o600));
    succeeds(site, &["reload"]);
    assert_eq!(proxy.client("notes").server["serverInfo"]["name"], "it's \"mine\"");
}

#[test]
fn packages_are_started_by_their_runners() {
    let site = site_with(&["npx", "uvx"]);
    succeeds(
        &site,
        &["add", "npm:@modelcontextprotocol/server-filesystem@2025.1.1", "--", "/data", "--flag"],
    );
    assert_eq!(
        file(&site, "filesystem/server.toml"),
        "command = \"npx\"\nargs = [\"-y\", \"@modelcontextprotocol/server-filesystem@2025.1.1\", \"/data\", \"--flag\"]\n"
    );
    let body = json(&site, 0, &["add", "pypi:mcp-server-time", "--name", "clock", "--env", "TZ", "--json"]);
    assert_eq!(file(&site, "clock/server.toml"), "command = \"uvx\"\nargs = [\"mcp-server-time\"]\n");
    assert_eq!(file(&site, "clock/.env"), "# to be filled in\nTZ=\n");
    assert_eq!((&body["name"], &body["fill_in"]), (&json!("clock"), &json!(["TZ"])));
    assert_eq!(body["url"], "http://127.0.0.1:3000/clock");
    assert_eq!(body["server"]["command"], json!(["uvx", "mcp-server-time"]));
    assert_eq!(body["left_out"], Value::Null);
    let body = json(&site, 0, &["add", "https://mcp.example.com/mcp", "--json"]);
    assert_eq!(file(&site, "example/server.toml"), "url = \"https://mcp.example.com/mcp\"\n");
    assert_eq!(body["server"]["kind"], "remote");
    assert_eq!(run(&site, &["check"]).0, 0);
}

#[test]
fn a_file_of_this_folder_is_found_where_it_is() {
    let site = Site::new();
    site.program("work/start.sh", "#!/bin/sh\n");
    let mut command = site.command();
    command.current_dir(site.folder().join("work")).args(["add", "notes", "--", "sh", "start.sh", "a \"b\\"]);
    assert!(command.output().unwrap().status.success());
    let text = file(&site, "notes/server.toml");
    let here = site.folder().join("work").canonicalize().unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["args"], vec!["start.sh", "a \"b\\"].into());
    assert_eq!(table["cwd"].as_str().map(std::path::PathBuf::from), Some(here), "{text}");
}

#[test]
fn nothing_is_overwritten_and_no_name_taken_twice() {
    let site = Site::new().config("[server.here]\ncommand = \"sh\"\n");
    site.write("servers/notes/server.toml", "command = \"sh\"\n");
    site.write("servers/My Notes/server.toml", "command = \"sh\"\n");
    for name in ["notes", "my-notes", "here"] {
        let (code, _, error) = run(&site, &["add", name, "--", "cat"]);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains(&format!("there is a server {name} already (")), "{error}");
    }
    assert_eq!(file(&site, "notes/server.toml"), "command = \"sh\"\n");
    assert_eq!(fs::read_dir(site.folder().join("servers")).unwrap().count(), 2, "nothing is left");
}

#[test]
fn what_cannot_be_a_server_is_refused_before_anything_is_written() {
    let site = Site::new();
    for (args, reason) in [
        (&["add", "My Notes", "--", "sh"][..], "it would be called my-notes"),
        (&["add", "health", "--", "sh"], "/health is a path of the proxy itself"),
        (&["add", ".notes", "--", "sh"], "is not looked at"),
        (&["add", "../x", "--", "sh"], "cannot be a server's name"),
        (&["add", "notes"], "what is notes to run?"),
        (&["add", "npm:../x"], "is no name of a package"),
        (&["add", "notes", "-e", "A-B=1", "--", "sh"], "--env A-B"),
        (&["add", "http://127.0.0.1:1/mcp"], "--name NAME"),
        (&["add", "a", "--name", "b", "--", "sh"], "say one of them"),
    ] {
        let (code, out, error) = run(&site, args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {error}");
        assert!(error.contains(reason), "{args:?}: {error}");
    }
    assert_eq!(fs::read_dir(site.folder().join("servers")).unwrap().count(), 0);
}

#[test]
fn a_program_that_is_not_there_is_said_and_fails() {
    let site = Site::new();
    let (code, out, _) = run(&site, &["add", "notes", "--", "no-such-program"]);
    assert_eq!(code, 1);
    assert!(out.contains("notes (left out)") && out.contains("no-such-program is not installed"), "{out}");
    assert_eq!(file(&site, "notes/server.toml"), "command = \"no-such-program\"\n");
}

#[test]
fn the_first_server_makes_the_folder() {
    let site = Site::new();
    fs::remove_dir(site.folder().join("servers")).unwrap();
    succeeds(&site, &["add", "first", "--", "sh"]);
    assert_eq!(file(&site, "first/server.toml"), "command = \"sh\"\n");
}
