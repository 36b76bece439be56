//! What was found out is kept for the next run.

use super::*;

/// What the state folder holds of it, which is written once the server is ready.
fn kept(proxy: &Proxy) -> Value {
    let file = proxy.site.state_dir().join("learnt.json");
    serde_json::from_slice(&wait_for(DEADLINE, || std::fs::read(&file).ok())).unwrap()
}

#[test]
fn the_path_and_the_transport() {
    let mut proxy = folder(Site::new(), "a", &fake("FAKE_TRANSPORT=sse", "fake_http")).start();
    proxy.wait_ready("a");
    let known = kept(&proxy);
    let server = known.as_object().unwrap().values().next().unwrap();
    assert_eq!((&server["transport"], &server["path"]), (&json!("http"), &json!("/sse")), "{known}");
    proxy.stop();
    proxy.start_again();
    assert_eq!(proxy.server("a")["kind"], "http", "it is known before it runs");
    proxy.wait_ready("a");
    echoes(&proxy, "a");
}

#[test]
fn the_arguments_that_helped() {
    let script = format!(
        "[ \"$1\" = stdio ] || {{ echo 'Usage: run COMMAND' >&2; exit 2; }}; {}",
        fake("", "fake_stdio")
    );
    let mut proxy = folder(Site::new(), "a", &script).start();
    proxy.wait_ready("a");
    assert_eq!(starts(&proxy, "a"), 2, "once as it is, once with an argument");
    proxy.stop();
    proxy.start_again();
    proxy.wait_ready("a");
    assert_eq!(starts(&proxy, "a"), 1);
}

#[test]
fn what_does_not_help_any_more_is_found_out_anew() {
    let script = |word: &str| {
        format!(
            "[ \"$1\" = '{word}' ] || {{ echo 'Usage: run COMMAND' >&2; exit 2; }}; {}",
            fake("", "fake_stdio")
        )
    };
    let mut proxy = folder(Site::new(), "a", &script("stdio")).start();
    proxy.wait_ready("a");
    proxy.stop();
    proxy.site.program("servers/a/run.sh", &format!("#!/bin/sh\n{}\n", script("--stdio")));
    proxy.start_again();
    proxy.wait_ready("a");
    echoes(&proxy, "a");
}

#[test]
fn a_server_of_one_era_is_asked_for_the_other_once() {
    let mut proxy = folder(Site::new(), "a", &fake("FAKE_ERAS=legacy", "fake_stdio")).start();
    proxy.wait_ready("a");
    let modern = |proxy: &Proxy| Modern::new(&proxy.url("a")).text("echo", json!({"text": "hi"}));
    assert_eq!(modern(&proxy), "hi");
    proxy.wait_log(|line| line.contains("a: does not speak the modern era"));
    proxy.stop();
    proxy.start_again();
    assert_eq!(modern(&proxy), "hi");
    assert_eq!(starts(&proxy, "a"), 1);
    assert!(!proxy.log().iter().any(|line| line.contains("does not speak the modern era")));
}
