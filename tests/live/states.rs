//! A change meets servers in every state.

use super::*;

#[test]
fn who_sleeps_is_not_woken() {
    let sleeper = || Fake::stdio().toml("start = \"on-demand\"");
    let alone = Fake::stdio().toml("instances = \"per-session\"");
    let proxy = dev().fake("a", sleeper()).fake("p", alone).fake("b", Fake::stdio()).start();
    for name in ["a", "p"] {
        proxy.wait_server(name, |entry| entry["reason"] == "asleep");
        touch(&proxy.site, name);
    }
    pass_the_time(&proxy, "b");
    for name in ["a", "p"] {
        let entry = proxy.find(name).unwrap();
        assert_eq!((&entry["reason"], &entry["children"]), (&json!("asleep"), &json!([])), "{entry}");
    }
    assert_eq!(count(&proxy, "a: started") + count(&proxy, "p: started"), 0);
    // Awake, it is as any other.
    let client = proxy.client("a");
    let before = client.text("pid", json!({}));
    touch(&proxy.site, "a");
    proxy.wait_restart("a", before.parse().unwrap());
    assert_ne!(client.text("pid", json!({})), before);
}

#[test]
fn a_child_of_one_session_is_replaced_at_its_next_call() {
    let proxy = dev().fake("p", Fake::stdio().toml("instances = \"per-session\"")).start();
    let (one, two) = (proxy.client("p"), proxy.client("p"));
    let before = [&one, &two].map(|client| client.text("pid", json!({})));
    assert_ne!(before[0], before[1]);
    touch(&proxy.site, "p");
    proxy.wait_server("p", |entry| entry["children"] == json!([]));
    let after = [&one, &two].map(|client| client.text("pid", json!({})));
    assert!(after.iter().all(|pid| !before.contains(pid)), "{before:?} {after:?}");
}

#[test]
fn one_on_the_brake_is_tried_again_at_once() {
    let script = "#!/bin/sh\nexit 3\n";
    let site = dev().config("[restart]\nbrake_exits = 2\nbrake_seconds = 3600\nbackoff_ms = 10\n");
    site.write("servers/a/run.sh", script);
    site.write("servers/a/server.toml", "command = \"sh\"\nargs = [\"run.sh\"]\n");
    let proxy = site.start();
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    proxy.site.write("servers/a/run.sh", &format!("exec {}\n", example("fake_stdio").display()));
    proxy.wait_ready("a");
    assert_eq!(proxy.client("a").text("echo", json!({"text": "mended"})), "mended");
}

#[test]
fn one_that_hangs_at_its_start_is_started_anew() {
    let site = dev();
    site.write("servers/a/run.sh", "read -r hello; read -r more\n");
    site.write("servers/a/server.toml", "command = \"sh\"\nargs = [\"run.sh\"]\ntransport = \"stdio\"\n");
    let proxy = site.start();
    proxy.wait_server("a", |entry| entry["state"] == "starting");
    proxy.site.write("servers/a/run.sh", &format!("exec {}\n", example("fake_stdio").display()));
    proxy.wait_ready("a");
}

#[test]
fn one_that_was_stopped_by_command_stays_down() {
    let proxy = dev().fake("a", Fake::stdio()).fake("b", Fake::stdio()).start();
    proxy.wait_child("a");
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    proxy.wait_server("a", |entry| entry["state"] == "stopped");
    touch(&proxy.site, "a");
    pass_the_time(&proxy, "b");
    let entry = proxy.find("a").unwrap();
    assert_eq!((&entry["state"], &entry["reason"]), (&json!("stopped"), &json!("requested")), "{entry}");
    assert_eq!(count(&proxy, "a: started"), 1);
}

#[test]
fn an_http_server_is_restarted_too() {
    let proxy = dev().fake("h", Fake::http()).fake("b", Fake::stdio()).start();
    let (h, b) = (proxy.wait_child("h"), proxy.wait_child("b"));
    touch(&proxy.site, "h");
    proxy.wait_restart("h", h);
    assert_eq!(proxy.client("h").text("echo", json!({"text": "again"})), "again");
    assert_eq!(proxy.wait_child("b"), b);
}

#[test]
fn a_known_server_that_sleeps_is_started_when_its_program_changes() {
    let mut proxy = dev().fake("a", Fake::stdio()).start();
    proxy.wait_child("a");
    let answers = proxy.site.state_dir().join("answers/a.json");
    eventually(DEADLINE, || answers.exists());
    proxy.kill();
    proxy.start_again();
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    touch(&proxy.site, "a");
    proxy.wait_child("a");
}
