//! Folders as people have them, and files of other clients: what `check` says of them, and that they are served.

use super::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

/// A site with one folder of each of several kinds; the ones that can run are the fake server.
fn realistic() -> Site {
    let site = Site::new();
    let fake = example("fake_stdio").display().to_string();
    site.write("servers/rust/Cargo.toml", "[package]\nname = \"notes-mcp\"\n");
    site.write("servers/rust/src/main.rs", "fn main() {}\n");
    site.write("servers/rust/Dockerfile", "FROM x\nENTRYPOINT [\"notes-mcp\"]\nCMD [\"serve\"]\n");
    site.write("servers/rust/target/release/.keep", "");
    symlink(&fake, site.folder().join("servers/rust/target/release/notes-mcp")).unwrap();
    let entries = json!({"mcpServers": {
        "other": {"command": "./run.sh", "args": ["other"]},
        "editor": {"command": "./run.sh", "env": {"FAKE_NAME": "editor", "EDITOR_KEY": "${EDITOR_KEY}"}},
        "sample": {"command": "node", "args": ["/path/to/x.js"]},
    }});
    site.write("servers/editor/.mcp.json", &format!("// as the editor wrote it\n{entries}"));
    let script = site.write("servers/editor/run.sh", &format!("#!/bin/sh\nexec {fake} \"$@\"\n"));
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    site.write("servers/unbuilt/package.json", r#"{"bin": "dist/index.js", "scripts": {"build": "tsc"}}"#);
    let helper = site.write("servers/unbuilt/release.sh", "#!/bin/sh\n");
    fs::set_permissions(helper, fs::Permissions::from_mode(0o755)).unwrap();
    let member = |name: &str| json!({"name": name, "scripts": {"start": fake}}).to_string();
    site.write("servers/work/package.json", r#"{"workspaces": ["packages/*"]}"#);
    site.write("servers/work/packages/a/package.json", &member("a-mcp"));
    site.write("servers/work/packages/b/package.json", &member("b-mcp"));
    site.write(
        "servers/rust/server.json",
        r#"{"packages": [{"environmentVariables": [{"name": "NOTES_KEY", "isRequired": true, "isSecret": true}]}]}"#,
    );
    fs::create_dir_all(site.folder().join("servers/submodule")).unwrap();
    site.write(".gitmodules", "[submodule \"s\"]\n\tpath = servers/submodule\n");
    site.write("servers/docs/README.md", "hello");
    site
}

fn check(site: &Site, args: &[&str]) -> (Option<i32>, String) {
    let output = site.run(&[&["check"], args].concat());
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn check_explains_every_folder() {
    let site = realistic();
    let (code, text) = check(&site, &[]);
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        "rust (stdio or http)\n  start     ",
        "target/release/notes-mcp\n  in        ",
        "  then with serve | stdio | --stdio | start-mcp-server, if it ends without having spoken MCP\n",
        "  problem   NOTES_KEY is required and nothing sets it; put NOTES_KEY=… into ",
        "/servers/editor/.mcp.json entry editor\n",
        "  passed    .mcp.json entry sample: it holds the placeholder /path/to/x.js; ",
        "  passed    .mcp.json entry other: the file has several entries",
        "  variables FAKE_NAME (the way it is started)\n",
        "  problem   EDITOR_KEY is required and nothing sets it; ",
        "  reason    bin dist/index.js is not built\n  remedy    run npm install && npm run build in ",
        "work-a (stdio or http)\n",
        "work-b (stdio or http)\n",
        "  remedy    run git submodule update --init servers/submodule in ",
        "docs (left out)\n",
        "servers: 4, left out: 3, switched off: 0\n",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(!text.contains("release.sh"), "{text}");
}

#[test]
fn check_says_the_same_as_json() {
    let site = realistic();
    site.write("servers/rust/.env", "NOTES_KEY=s3cret\n");
    let (_, text) = check(&site, &["--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let of = |list: &str, name: &str| {
        let mut entries = report[list].as_array().unwrap().iter();
        entries.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {text}")).clone()
    };
    let rust = of("servers", "rust");
    assert_eq!(rust["ways"][0]["retries"][0], json!(["serve"]));
    assert_eq!(
        (&rust["ways"][0]["command"], &rust["ways"][0]["prepares"]),
        (&rust["command"], &json!(false))
    );
    assert_eq!((&rust["required"], &rust["problems"]), (&json!(["NOTES_KEY"]), &json!([])));
    assert_eq!(rust["variables"]["NOTES_KEY"], ".env");
    assert_eq!(of("servers", "editor")["passed_over"].as_array().unwrap().len(), 2);
    assert_eq!(of("left_out", "unbuilt")["reason"], "bin dist/index.js is not built");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn check_takes_less_than_a_second_for_forty_folders() {
    let site = realistic();
    for n in 0..40 {
        for (path, text) in
            [("package.json", r#"{"bin": "dist/index.js"}"#), ("dist/index.js", ""), (".env", "A=1\n")]
        {
            site.write(&format!("servers/s{n}/{path}"), text);
        }
    }
    let took = |_| {
        let start = Instant::now();
        check(&site, &[]);
        start.elapsed()
    };
    // The fastest of a few: what else the machine does is not ours.
    let fastest = (0..5).map(took).min();
    assert!(fastest < Some(Duration::from_secs(1)), "{fastest:?}");
}

#[test]
fn what_the_rules_find_is_served() {
    let proxy = realistic().start();
    for name in ["rust", "editor", "work-a", "work-b"] {
        assert_eq!(proxy.client(name).text("echo", json!({"text": name})), name);
    }
    let unbuilt = left_out(&proxy, "unbuilt");
    assert!(
        unbuilt["remedy"].as_str().unwrap().starts_with("run npm install && npm run build in "),
        "{unbuilt}"
    );
}

#[test]
fn imported_servers_are_served_and_reloaded() {
    let fake = example("fake_stdio").display().to_string();
    let site = Site::new().fake("own", Fake::stdio()).env("API_KEY", "k");
    let desktop =
        json!({"mcpServers": {"Desk Top": {"command": fake}, "own": {"command": fake}}}).to_string();
    let desktop = site.write("elsewhere/claude_desktop_config.json", &desktop);
    let asked =
        |id: &str| json!({"type": "stdio", "command": fake, "env": {"KEY": format!("${{input:{id}}}")}});
    let code = json!({
        "inputs": [{"id": "api-key", "type": "promptString", "password": true}, {"id": "never-set", "type": "promptString"}],
        "servers": {"code": asked("api-key"), "asks": asked("never-set")},
    });
    let code = site.write("work/.vscode/mcp.json", &format!("{code} // VS Code\n"));
    let import = |site: Site, file: &std::path::Path| site.arg("--import").arg(file.to_str().unwrap());
    let proxy = import(import(site, &desktop), &code).start();
    for name in ["desk-top", "code", "own"] {
        assert_eq!(proxy.client(name).text("echo", json!({"text": name})), name);
    }
    let asks = left_out(&proxy, "asks");
    assert_eq!(asks["reason"], "env.KEY is the input never-set, for which the editor asks its user");
    let clash = left_out(&proxy, "own");
    assert!(clash["reason"].as_str().unwrap().contains("the name own is already that of "), "{clash}");

    fs::write(&desktop, json!({"mcpServers": {"later": {"command": fake}}}).to_string()).unwrap();
    assert!(proxy.site.run(&["reload"]).status.success());
    assert_eq!(proxy.client("later").text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(get(&proxy, "desk-top").status, 404);
}
