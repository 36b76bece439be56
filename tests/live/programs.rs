//! What changes in a server's own folder.

use super::*;
use std::fs;

#[test]
fn a_changed_file_restarts_its_server_only_and_sessions_go_on() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let (client, session) = (proxy.client("a"), proxy.client("a").session().to_string());
    let (a, b) = (pid(&proxy, "a"), pid(&proxy, "b"));
    assert_eq!(client.text("pid", json!({})), a.to_string());
    proxy.site.write("servers/a/src/tools/main.js", "1");
    let next = wait_restart(&proxy, "a", a);
    assert_eq!(client.text("pid", json!({})), next.to_string(), "the same session, another child");
    assert!(!session.is_empty());
    proxy.wait_log(|line| line.contains("servers/a/src") && line.contains("changed: restarting a"));
    // A folder that is new is watched as well.
    proxy.site.write("servers/a/src/tools/main.js", "2 and more");
    let last = wait_restart(&proxy, "a", next);
    assert_eq!(client.text("pid", json!({})), last.to_string());
    assert_eq!(pid(&proxy, "b"), b);
}

#[test]
fn all_changes_of_a_moment_are_one() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    pid(&proxy, "a");
    for n in 0..50 {
        proxy.site.write(&format!("servers/a/src/{n}.js"), "x");
        proxy.site.write(&format!("servers/a/lib/{n}/x.js"), "x");
    }
    wait_server(&proxy, "a", |entry| entry["restarts"].as_u64() > Some(0) && entry["state"] == "ready");
    pass_the_time(&proxy, "b");
    // A busy machine may take two for one.
    let restarts = find(&proxy, "a").unwrap()["restarts"].as_u64().unwrap();
    assert!((1..=2).contains(&restarts), "{restarts}");
}

#[test]
fn its_configuration_is_read_again() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let (a, b) = (pid(&proxy, "a"), pid(&proxy, "b"));
    proxy.site.write("servers/a/.env", "COLOUR=blue\n");
    let a = wait_restart(&proxy, "a", a);
    assert_eq!(proxy.client("a").text("env", json!({"name": "COLOUR"})), "blue");
    proxy.site.add("a", &Fake::stdio().env("FAKE_NAME", "other"));
    wait_restart(&proxy, "a", a);
    assert_eq!(proxy.client("a").server["serverInfo"]["name"], "other");
    assert_eq!(pid(&proxy, "b"), b);
}

#[test]
fn what_is_not_part_of_the_program_restarts_nothing() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    for path in [
        "node_modules/x/index.js",
        ".venv/bin/python",
        "target/debug/x.d",
        ".git/index",
        "logs/today.txt",
        "server.log",
        "notes.db",
        "notes.sqlite-wal",
        "__pycache__/x.pyc",
        ".main.js.swp",
        "main.js~",
        "4913",
        "#main.js#",
        "data/x.json",
    ] {
        proxy.site.write(&format!("servers/a/{path}"), "x");
    }
    // What says the same in other words is no change either.
    let toml = fs::read_to_string(proxy.site.folder().join("servers/a/server.toml")).unwrap();
    proxy.site.write("servers/a/server.toml", &format!("# a comment\n{toml}"));
    pass_the_time(&proxy, "b");
    assert_eq!(pid(&proxy, "a"), a);
}

#[test]
fn a_server_may_name_what_it_writes_itself() {
    let quiet = Fake::stdio().toml("watch_ignore = [\"state/\", \"*.json\"]");
    let proxy = dev().fake("a", quiet).fake("b", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    proxy.site.write("servers/a/state/now.txt", "x");
    proxy.site.write("servers/a/memory.json", "{}");
    pass_the_time(&proxy, "b");
    assert_eq!(pid(&proxy, "a"), a);
    // It holds from the moment on at which it is said.
    let b = pid(&proxy, "b");
    proxy.site.add("b", &Fake::stdio().toml("watch_ignore = [\"*.json\"]"));
    let b = wait_restart(&proxy, "b", b);
    proxy.site.write("servers/b/memory.json", "{}");
    pass_the_time(&proxy, "a");
    assert_eq!(pid(&proxy, "b"), b);
}

#[test]
fn the_program_counts_where_nothing_else_does() {
    let command = example("fake_stdio");
    let site = dev();
    let program = |words: &str| format!("#!/bin/sh\n# {words}\nexec {}\n", command.display());
    let path = site.write("servers/a/target/release/a", &program("first"));
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    site.write("servers/a/server.toml", "command = \"./target/release/a\"\n");
    let proxy = site.start();
    let a = pid(&proxy, "a");
    proxy.site.write("servers/a/target/release/a", &program("built again"));
    wait_restart(&proxy, "a", a);
}

#[test]
fn a_broken_server_toml_keeps_the_server_and_the_next_good_one_counts() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    proxy.site.write("servers/a/server.toml", "command = \n");
    proxy.wait_log(|line| line.contains("a: goes on as it was"));
    touch(&proxy.site, "a");
    pass_the_time(&proxy, "b");
    assert_eq!(pid(&proxy, "a"), a);
    proxy.site.add("a", &Fake::stdio().env("FAKE_NAME", "mended"));
    wait_restart(&proxy, "a", a);
    assert_eq!(proxy.client("a").server["serverInfo"]["name"], "mended");
}

#[test]
fn a_change_beside_a_broken_proxy_toml_is_served_when_that_is_mended() {
    let proxy = dev().config("").fake("a", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    proxy.site.write("proxy.toml", "[proxy\n");
    proxy.wait_log(|line| line.contains("nothing was changed"));
    touch(&proxy.site, "a");
    eventually(DEADLINE, || count(&proxy, "nothing was changed") > 1);
    assert_eq!(pid(&proxy, "a"), a);
    proxy.site.write("proxy.toml", "");
    wait_restart(&proxy, "a", a);
}
