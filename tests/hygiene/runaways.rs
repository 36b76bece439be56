//! Processes that do all they can to be forgotten: a session of their own, an empty environment, no parent left.

use super::*;

/// Starts one that sleeps for so long, and then the fake. Nothing but where it works tells whose it is.
fn with_runaway(seconds: u32) -> String {
    format!(
        "(setsid env -i PATH=\"$PATH\" sh -c 'sleep {seconds} & sleep {seconds} &' </dev/null >/dev/null 2>&1 &)\nexec $FAKE"
    )
}

/// Two servers with two runaways each.
fn two() -> Proxy {
    let site = Site::new();
    script(&site, "a", &with_runaway(6001), "");
    script(&site, "b", &with_runaway(6002), "");
    let proxy = site.start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    eventually(DEADLINE, || ["sleep 6001", "sleep 6002"].iter().all(|line| count(&proxy, line) == 2));
    eventually(DEADLINE, || count(&proxy, "sh -c sleep") == 0);
    proxy
}

#[test]
fn a_runaway_ends_with_its_server_and_no_other() {
    let proxy = two();
    assert!(proxy.client("a").try_call("crash", json!({})).is_err());
    // Those of its next child are there again, and only those.
    proxy.wait_server("a", |entry| entry["restarts"] == 1 && entry["state"] == "ready");
    eventually(DEADLINE, || count(&proxy, "sleep 6001") == 2);
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    eventually(DEADLINE, || count(&proxy, "sleep 6001") == 0);
    assert_eq!(count(&proxy, "sleep 6002"), 2, "another server's");
    assert_eq!(proxy.client("b").text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn a_runaway_ends_with_the_proxy() {
    let mut proxy = two();
    proxy.kill();
    eventually(DEADLINE, || proxy.descendants().is_empty());
}

#[test]
fn a_runaway_ends_when_the_proxy_is_stopped() {
    let mut proxy = two();
    assert_eq!(proxy.stop().code(), Some(0));
    eventually(DEADLINE, || proxy.descendants().is_empty());
}

/// What starts others as it is killed is looked for again.
#[test]
fn a_runaway_that_breeds_ends_too() {
    let site = Site::new();
    let breed = "(setsid env -i PATH=\"$PATH\" sh -c 'while :; do sleep 0.01 & sleep 6003 & sleep 0.05; done' </dev/null >/dev/null 2>&1 &)\nexec $FAKE";
    script(&site, "a", breed, "");
    let proxy = site.start();
    proxy.wait_ready("a");
    eventually(DEADLINE, || count(&proxy, "sleep 6003") > 3);
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    eventually(DEADLINE, || count(&proxy, "sleep") == 0);
}
