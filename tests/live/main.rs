//! The live folder: what `--dev` takes up by itself, and what `reload` and SIGHUP take up without it.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod bounds;
mod folders;
mod programs;
mod promptness;
mod states;
mod without_dev;

use harness::*;
use serde_json::{Value, json};

fn dev() -> Site {
    Site::new().arg("--dev")
}

#[track_caller]
fn get(proxy: &Proxy, path: &str) -> Response {
    request("GET", &proxy.url(path), &[], b"")
}

/// An entry of `/servers`, if it is there.
fn find(proxy: &Proxy, name: &str) -> Option<Value> {
    let all = get(proxy, "servers").json();
    all["servers"].as_array().expect("a list").iter().find(|entry| entry["name"] == name).cloned()
}

/// Waits until an entry of `/servers` is as it should be.
#[track_caller]
fn wait_server(proxy: &Proxy, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
    wait_for(DEADLINE, || find(proxy, name).filter(&matches))
}

#[track_caller]
fn wait_ready(proxy: &Proxy, name: &str) -> Value {
    wait_server(proxy, name, |entry| entry["state"] == "ready")
}

#[track_caller]
fn wait_gone(proxy: &Proxy, name: &str) {
    eventually(DEADLINE, || find(proxy, name).is_none());
}

/// The process of a server's child.
fn pid_now(proxy: &Proxy, name: &str) -> Option<i64> {
    find(proxy, name).filter(|entry| entry["state"] == "ready")?["children"][0]["pid"].as_i64()
}

/// Waits until it has one.
#[track_caller]
fn pid(proxy: &Proxy, name: &str) -> i64 {
    wait_for(DEADLINE, || pid_now(proxy, name))
}

/// Waits until another process than this one serves.
#[track_caller]
fn wait_restart(proxy: &Proxy, name: &str, before: i64) -> i64 {
    wait_for(DEADLINE, || pid_now(proxy, name).filter(|pid| *pid != before))
}

/// Changes a file of the server `name` and waits until that has been taken up. All changes before this are too then:
/// they are taken up in order.
#[track_caller]
fn pass_the_time(proxy: &Proxy, name: &str) {
    let before = pid(proxy, name);
    touch(&proxy.site, name);
    wait_restart(proxy, name, before);
}

/// Makes a file of the server's program another.
fn touch(site: &Site, name: &str) {
    let path = site.folder().join(format!("servers/{name}/main.js"));
    let before = std::fs::read_to_string(path).unwrap_or_default();
    site.write(&format!("servers/{name}/main.js"), &(before + "// changed\n"));
}

/// How often something stands in the log.
fn count(proxy: &Proxy, words: &str) -> usize {
    proxy.log().iter().filter(|line| line.contains(words)).count()
}
