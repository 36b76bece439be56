//! What is half done, what never ends, what is too much.

use super::*;
use std::fs::File;
use std::io::Write;
use std::process::Command;

/// Time that passes by something being done.
#[track_caller]
fn let_pass(proxy: &Proxy, name: &str, ms: u64) {
    proxy.client(name).text("sleep", json!({"ms": ms}));
}

#[test]
fn a_file_that_is_still_being_written_is_not_taken() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    std::fs::create_dir(proxy.site.folder().join("servers/b")).unwrap();
    let mut file = File::create(proxy.site.folder().join("servers/b/server.toml")).unwrap();
    file.write_all(b"command").unwrap();
    let_pass(&proxy, "a", 100);
    file.write_all(b" = \"").unwrap();
    let_pass(&proxy, "a", 1500);
    assert_eq!(count(&proxy, "servers/b"), 0, "long after the last change");
    file.write_all(example("fake_stdio").as_os_str().as_encoded_bytes()).unwrap();
    file.write_all(b"\"\n").unwrap();
    drop(file);
    wait_ready(&proxy, "b");
    assert_eq!(pid(&proxy, "a"), a);
}

#[test]
fn a_file_that_is_never_closed_is_not_waited_for_for_ever() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    let a = pid(&proxy, "a");
    let mut file = File::create(proxy.site.folder().join("servers/a/main.js")).unwrap();
    file.write_all(b"// no end").unwrap();
    wait_restart(&proxy, "a", a);
    drop(file);
}

#[test]
fn a_large_folder_that_is_copied_in_ends_in_its_last_state() {
    let site = dev().fake("a", Fake::stdio());
    for n in 0..40 {
        for m in 0..20 {
            site.write(&format!("big/src/{n}/{m}.js"), "x");
        }
    }
    let toml = format!("command = {:?}\nenv = {{ FAKE_NAME = \"first\" }}\n", example("fake_stdio"));
    site.write("big/server.toml", &toml);
    let proxy = site.start();
    let a = pid(&proxy, "a");
    let folder = proxy.site.folder();
    assert!(
        Command::new("cp").args(["-r", "big", "servers/big"]).current_dir(folder).status().unwrap().success()
    );
    let first = pid(&proxy, "big");
    // Written bit by bit, with pauses in which nothing is wrong yet.
    let steps = r#"rm -rf servers/big; mkdir servers/big
        for n in 0 1 2 3 4 5 6 7; do cp -r big/src/$n servers/big/; sleep 0.1; done
        sed 's/first/last/' big/server.toml > servers/big/server.toml"#;
    assert!(Command::new("sh").args(["-c", steps]).current_dir(folder).status().unwrap().success());
    wait_restart(&proxy, "big", first);
    eventually(DEADLINE, || proxy.client("big").server["serverInfo"]["name"] == "last");
    // The folders that have come are all watched.
    let big = pid(&proxy, "big");
    proxy.site.write("servers/big/7/3.js", "other");
    wait_restart(&proxy, "big", big);
    assert_eq!(pid(&proxy, "a"), a);
}

#[test]
fn a_server_that_writes_into_its_own_folder_is_slowed_down() {
    let site = dev();
    let counter = site.folder().join("servers/a/starts.txt");
    site.add("a", &Fake::stdio().env("FAKE_COUNTER_FILE", counter.to_str().unwrap()));
    let proxy = site.fake("b", Fake::stdio()).start();
    let line = proxy.wait_log(|line| line.contains("watch_ignore"));
    assert!(line.contains("servers/a/starts.txt"), "{line}");
    // From now on its restarts wait, first half a second and then twice as long each time; nobody else does.
    let restarts = || find(&proxy, "a").unwrap()["restarts"].as_u64().unwrap();
    let before = restarts();
    let_pass(&proxy, "b", 3000);
    assert!(restarts() <= before + 3, "{before} {}", restarts());
    let (a, b) = (pid(&proxy, "a"), pid(&proxy, "b"));
    touch(&proxy.site, "b");
    wait_restart(&proxy, "b", b);
    // What its author changes is taken up at once.
    proxy.site.write("servers/a/main.js", "x");
    wait_restart(&proxy, "a", a);
    assert_eq!(count(&proxy, "writes-itself") + count(&proxy, "watch_ignore"), 1, "said once");
}

#[test]
fn the_number_of_watched_folders_is_bounded() {
    let site = dev().config("[limits]\nmax_watched_folders = 6\n");
    let site = site.fake("a", Fake::stdio()).fake("b", Fake::stdio());
    for n in 0..5 {
        site.write(&format!("servers/a/deep/{n}/x.js"), "x");
    }
    let proxy = site.start();
    let line = proxy.wait_log(|line| line.contains("is not watched"));
    assert!(line.contains("max_watched_folders is 6"), "{line}");
    // The outer folders are.
    ["a", "b"].iter().for_each(|name| pass_the_time(&proxy, name));
}
