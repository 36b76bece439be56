//! What is left when something has ended: nothing.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod containers;
mod events;
mod figures;
mod runaways;
mod starts;

use figures::Figures;
use harness::*;
use serde_json::json;

/// A `server.toml` that runs this shell script, in which `$FAKE` is the fake server.
fn script(site: &Site, name: &str, text: &str, toml: &str) {
    let fake = example("fake_stdio");
    site.program(&format!("servers/{name}/run.sh"), &format!("#!/bin/sh\nFAKE={}\n{text}\n", fake.display()));
    site.write(
        &format!("servers/{name}/server.toml"),
        &format!("command = \"./run.sh\"\ntransport = \"stdio\"\n{toml}"),
    );
}

/// Processes of the test with this in their command line.
fn count(proxy: &Proxy, what: &str) -> usize {
    proxy.descendants().iter().filter(|(_, line)| line.contains(what)).count()
}
