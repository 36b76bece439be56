//! What comes and goes in the servers folder.

use super::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn a_new_folder_is_served_and_a_removed_one_gone() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = proxy.wait_child("a");
    proxy.site.add("b", &Fake::stdio());
    assert_eq!(
        {
            proxy.wait_ready("b");
            proxy.client("b").text("echo", json!({"text": "new"}))
        },
        "new"
    );
    proxy.wait_log(|line| line.contains("changed: serving b"));
    fs::remove_dir_all(proxy.site.folder().join("servers/b")).unwrap();
    proxy.wait_gone("b");
    proxy.wait_log(|line| line.contains("changed: no more serving b"));
    assert_eq!(proxy.wait_child("a"), a);
}

#[test]
fn a_folder_may_be_moved_in_out_and_to_another_name() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let path = |name: &str| proxy.site.folder().join(name);
    let a = proxy.wait_child("a");
    proxy.site.write("aside/server.toml", &format!("command = {:?}\n", example("fake_stdio")));
    fs::rename(path("aside"), path("servers/b")).unwrap();
    proxy.wait_ready("b");
    fs::rename(path("servers/b"), path("servers/c")).unwrap();
    proxy.wait_ready("c");
    proxy.wait_gone("b");
    // What was moved is still watched, under its new name.
    pass_the_time(&proxy, "c");
    fs::rename(path("servers/c"), path("aside")).unwrap();
    proxy.wait_gone("c");
    assert_eq!(proxy.wait_child("a"), a);
}

#[test]
fn programs_and_lists_come_and_go_too() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = proxy.wait_child("a");
    let command = example("fake_stdio");
    let script = proxy.site.write("servers/tool.sh", &format!("#!/bin/sh\nexec {}\n", command.display()));
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let tool = proxy.wait_child("tool");
    let entries = json!({"mcpServers": {"one": {"command": command}, "two": {"command": command}}});
    let list = proxy.site.write("servers/team.json", &entries.to_string());
    ["one", "two"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    fs::remove_file(list).unwrap();
    ["one", "two"].iter().for_each(|name| proxy.wait_gone(name));
    proxy.site.write("servers/tool.sh", &format!("#!/bin/sh\n# other\nexec {}\n", command.display()));
    proxy.wait_restart("tool", tool);
    fs::remove_file(script).unwrap();
    proxy.wait_gone("tool");
    assert_eq!(proxy.wait_child("a"), a);
}

#[test]
fn a_linked_folder_is_followed() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = proxy.wait_child("a");
    proxy.site.write("checkout/server.toml", &format!("command = {:?}\n", example("fake_stdio")));
    proxy.site.write("checkout/src/main.js", "1");
    for name in ["b", "twin"] {
        symlink(proxy.site.folder().join("checkout"), proxy.site.folder().join("servers").join(name))
            .unwrap();
    }
    let (b, twin) = (proxy.wait_child("b"), proxy.wait_child("twin"));
    proxy.site.write("checkout/src/main.js", "other");
    proxy.wait_restart("b", b);
    proxy.wait_restart("twin", twin);
    fs::remove_file(proxy.site.folder().join("servers/b")).unwrap();
    proxy.wait_gone("b");
    // The one that is left is watched as before.
    let twin = proxy.wait_child("twin");
    proxy.site.write("checkout/src/main.js", "other still");
    proxy.wait_restart("twin", twin);
    assert_eq!(proxy.wait_child("a"), a);
}

#[test]
fn the_servers_folder_may_come_later_and_be_replaced() {
    let site = dev();
    let path = |site: &Site, name: &str| site.folder().join(name);
    fs::remove_dir(path(&site, "servers")).unwrap();
    let proxy = site.start();
    proxy.wait_log(|line| line.contains("servers does not exist"));
    assert_eq!(get(&proxy, "health").status, 200);
    proxy.site.add("a", &Fake::stdio());
    let a = proxy.wait_child("a");
    for name in ["a", "b"] {
        proxy
            .site
            .write(&format!("other/{name}/server.toml"), &format!("command = {:?}\n", example("fake_stdio")));
    }
    fs::rename(path(&proxy.site, "servers"), path(&proxy.site, "old")).unwrap();
    fs::rename(path(&proxy.site, "other"), path(&proxy.site, "servers")).unwrap();
    proxy.wait_ready("b");
    assert_ne!(proxy.wait_child("a"), a);
    pass_the_time(&proxy, "b");
}

#[test]
fn while_the_servers_folder_is_away_all_goes_on() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = proxy.wait_child("a");
    let (here, away) = (proxy.site.folder().join("servers"), proxy.site.folder().join("away"));
    fs::rename(&here, &away).unwrap();
    proxy.wait_log(|line| line.contains("nothing was changed"));
    assert_eq!(proxy.wait_child("a"), a);
    fs::rename(&away, &here).unwrap();
    pass_the_time(&proxy, "a");
}

#[test]
fn proxy_toml_is_taken_up_when_it_changes_and_when_it_appears() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    let b = proxy.wait_child("b");
    proxy.site.write("proxy.toml", "[server.a]\nenabled = false\n");
    proxy.wait_gone("a");
    proxy.site.write("proxy.toml", "[server.a]\nargs = []\n");
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    assert_eq!(proxy.wait_child("b"), b);
}

#[test]
fn a_folder_that_cannot_be_served_yet_is_once_it_can() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = proxy.wait_child("a");
    proxy.site.write("servers/b/package.json", r#"{"name": "b", "version": "1.0.0"}"#);
    proxy.wait_log(|line| line.contains("servers/b is left out"));
    touch(&proxy.site, "a");
    proxy.wait_restart("a", a);
    proxy.site.add("b", &Fake::stdio());
    proxy.wait_ready("b");
    assert_eq!(count(&proxy, "servers/b is left out"), 1, "what is known to be wrong is not said again");
}
