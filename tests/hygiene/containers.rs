//! Servers that are containers. The engine is a script: what it starts belongs to nobody, carries no mark of ours, and
//! ends only when the engine is asked by its id.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;

/// `docker run` as its command behaves: waits for the container, and is not the container.
const ENGINE: &str = r#"#!/bin/sh
D="$(dirname "$0")/../engine"
mkdir -p "$D"
echo "$@" >> "$D/asked"
case $1 in
run)
    [ "$2" = --cidfile ] || exit 125
    [ -e "$3" ] && exit 125
    id=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    setsid env -i prlimit --rttime=5000000 sh -c "echo \$\$ > $D/$id; exec sleep 6007" </dev/null >/dev/null 2>&1 &
    while [ ! -s "$D/$id" ]; do sleep 0.01; done
    printf %s "$id" > "$3"
    FAKE
    kill -9 $(cat "$D/$id"); rm "$D/$id" ;;
rm) [ "$2" = --force ] && kill -9 $(cat "$D/$3") && rm "$D/$3" ;;
esac
"#;

fn contained() -> Proxy {
    let site = Site::new();
    let engine = ENGINE.replace("FAKE", &example("fake_stdio").display().to_string());
    site.program("bin/docker", &engine);
    let path = format!("{}:{}", site.folder().join("bin").display(), std::env::var("PATH").unwrap());
    let site = site.env("PATH", path);
    site.write(
        "servers/a/server.toml",
        "command = \"docker\"\nargs = [\"run\", \"-i\", \"--rm\", \"mcp/time\"]\ntransport = \"stdio\"\n",
    );
    let proxy = site.start();
    proxy.wait_ready("a");
    eventually(DEADLINE, || containers(&proxy) == 1);
    proxy
}

fn containers(proxy: &Proxy) -> usize {
    count(proxy, "sleep 6007")
}

/// Files of ours about containers.
fn notes(proxy: &Proxy) -> Vec<String> {
    let mut all = figures::files(proxy);
    all.retain(|file| file.ends_with(".cid") || file.ends_with(".json") && file.contains("containers"));
    all
}

fn asked(proxy: &Proxy) -> String {
    std::fs::read_to_string(proxy.site.folder().join("engine/asked")).unwrap()
}

#[track_caller]
fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_container_whose_command_was_killed_is_ended() {
    let proxy = contained();
    let before = proxy.wait_child("a");
    kill(before);
    proxy.wait_restart("a", before);
    eventually(DEADLINE, || containers(&proxy) == 1 && notes(&proxy).len() == 2);
    assert_eq!(asked(&proxy).matches("rm --force ").count(), 1, "{}", asked(&proxy));
    proxy.wait_log(|line| line.contains("had outlived its command and was ended"));
}

#[test]
fn a_container_that_ended_by_itself_is_left_alone() {
    let mut proxy = contained();
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    eventually(DEADLINE, || containers(&proxy) == 0 && notes(&proxy).is_empty());
    assert_eq!(proxy.stop().code(), Some(0));
    assert!(!asked(&proxy).contains("rm --force"), "{}", asked(&proxy));
    let folder = proxy.site.state_dir().join("containers");
    eventually(DEADLINE, || std::fs::read_dir(&folder).unwrap().count() == 0);
}

#[test]
fn a_container_ends_with_a_killed_proxy() {
    let mut proxy = contained();
    proxy.kill();
    eventually(DEADLINE, || proxy.descendants().is_empty() && notes(&proxy).is_empty());
}

#[test]
fn what_even_the_guard_has_left_the_next_proxy_ends() {
    let mut proxy = contained();
    let guard = proxy.descendants().into_iter().find(|(_, line)| line.contains("__guard")).unwrap();
    kill(guard.0);
    proxy.kill();
    eventually(DEADLINE, || count(&proxy, "fake_stdio") == 0);
    assert_eq!(containers(&proxy), 1, "nobody was there to end it");
    let left: PathBuf = notes(&proxy)[0].clone().into();
    proxy.start_again();
    proxy.wait_ready("a");
    eventually(DEADLINE, || containers(&proxy) == 1 && !left.exists());
    assert_eq!(asked(&proxy).matches("rm --force ").count(), 1, "{}", asked(&proxy));
}
