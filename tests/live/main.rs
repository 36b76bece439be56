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
use serde_json::json;

fn dev() -> Site {
    Site::new().arg("--dev")
}

#[track_caller]
fn get(proxy: &Proxy, path: &str) -> Response {
    request("GET", &proxy.url(path), &[], b"")
}

/// Changes a file of the server `name` and waits until that has been taken up. All changes before this are too then:
/// they are taken up in order.
#[track_caller]
fn pass_the_time(proxy: &Proxy, name: &str) {
    let before = proxy.wait_child(name);
    touch(&proxy.site, name);
    proxy.wait_restart(name, before);
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
