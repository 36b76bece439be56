//! `figures` of `/servers`.

use crate::harness::{DEADLINE, Fake, Site, eventually};
use serde_json::json;

#[test]
fn a_server_has_figures() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let before = proxy.wait_ready("a")["figures"].clone();
    assert_eq!((&before["calls"], &before["p50_ms"]), (&json!(0), &json!(null)), "{before}");
    let client = proxy.client("a");
    for _ in 0..3 {
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    }
    client.call("fail", json!({"text": "no"}));
    let figures = &proxy.server("a")["figures"];
    assert_eq!([&figures["calls"], &figures["errors"], &figures["sessions"]], [4, 1, 1], "{figures}");
    assert_eq!(figures["in_flight"], 0);
    let (p50, p99) = (figures["p50_ms"].as_f64().unwrap(), figures["p99_ms"].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99, "{figures}");
    assert!(figures["uptime_seconds"].as_f64().unwrap() > 0.0, "{figures}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_processes_of_a_server_are_measured() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    let figure = |name: &str| proxy.server("a")["figures"][name].as_f64();
    eventually(DEADLINE, || figure("processes") == Some(1.0));
    assert!(figure("memory_bytes").unwrap() > 100_000.0);
    eventually(DEADLINE, || figure("cpu_percent").is_some());
    // One that it starts, and one that leaves its group and its parent.
    let client = proxy.client("a");
    client.text("fork", json!({}));
    client.text("fork_setsid", json!({}));
    eventually(DEADLINE, || figure("processes") == Some(3.0));
}

#[test]
fn figures_outlive_the_child_and_a_change_of_the_folder() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let before = proxy.wait_child("a");
    client.text("echo", json!({"text": "hi"}));
    client.try_call("crash", json!({})).unwrap_err();
    proxy.wait_restart("a", before);
    assert_eq!(proxy.server("a")["figures"]["calls"], 2);
    proxy.site.add("a", &Fake::stdio().env("X", "1"));
    assert!(proxy.site.run(&["reload"]).status.success());
    client.text("echo", json!({"text": "hi"}));
    let figures = proxy.wait_ready("a")["figures"].clone();
    assert_eq!([&figures["calls"], &figures["errors"]], [3, 1], "{figures}");
}

#[test]
fn the_figures_of_a_server_that_is_gone_are_gone() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.client("a").text("echo", json!({"text": "hi"}));
    std::fs::remove_dir_all(proxy.site.folder().join("servers/a")).unwrap();
    assert!(proxy.site.run(&["reload"]).status.success());
    proxy.wait_gone("a");
    proxy.site.add("a", &Fake::stdio());
    assert!(proxy.site.run(&["reload"]).status.success());
    assert_eq!(proxy.wait_server("a", |_| true)["figures"]["calls"], 0);
}

#[test]
fn a_call_under_way_is_in_flight() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    let _stream = client.stream(&client.call_message("hang", json!({})));
    eventually(DEADLINE, || proxy.server("a")["figures"]["in_flight"] == 1);
}
