//! `/metrics` stays small, whole and quick.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_busy_proxy_can_be_scraped() {
    let proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    let (is_over, made) = (AtomicBool::new(false), 200);
    thread::scope(|scope| {
        let callers: Vec<_> = ["a", "a", "b"]
            .iter()
            .map(|name| {
                let client = proxy.client(name);
                scope.spawn(move || {
                    (0..made).for_each(|_| drop(client.text("echo", json!({"text": "hi"}))));
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            let mut before = scrape(&proxy);
            while !is_over.load(Ordering::Relaxed) {
                let now = scrape(&proxy);
                for (sample, value) in before.0.iter().filter(|(sample, _)| sample.contains("_total")) {
                    assert!(now.0.get(sample).is_some_and(|now| now >= value), "{sample}: {value}");
                }
                before = now;
            }
        });
        let called: Vec<_> = callers.into_iter().map(|caller| caller.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        called.into_iter().for_each(|outcome| outcome.unwrap());
    });
    wait(&proxy, "requests_total{server=\"a\",method=\"tools/call\",outcome=\"ok\"}", 400.0);
    wait(&proxy, "requests_total{server=\"b\",method=\"tools/call\",outcome=\"ok\"}", 200.0);
}

#[test]
fn nothing_that_a_client_sends_makes_the_page_grow() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let client = proxy.client("a");
    client.request("x/y", json!({})).unwrap_err();
    client.try_call("nothing", json!({})).unwrap_err();
    let before = scrape(&proxy).0.len();
    for number in 0..50 {
        client.request(&format!("x/{number}\"\n"), json!({})).unwrap_err();
        client.try_call(&format!("nothing{number}"), json!({})).unwrap_err();
        request("GET", &proxy.url(&format!("no-{number}/such")), &[], b"");
    }
    let page = text(&proxy);
    // The 404s are of a class that was there already.
    assert_eq!(parse(&page).0.len(), before, "{page}");
}

#[test]
fn a_hostile_name_is_a_plain_label() {
    let site = Site::new();
    site.write("servers/a\"} 1\nx{b=\"\\/server.toml", &std::fs::read_to_string(fake(&site)).unwrap());
    let proxy = site.start();
    let page = scrape(&proxy);
    let names: Vec<&String> = page.0.keys().filter(|name| name.starts_with("mcp_proxy_server_up")).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

/// Where the settings of a fake were written.
fn fake(site: &Site) -> std::path::PathBuf {
    site.add("plain", &Fake::stdio());
    site.folder().join("servers/plain/server.toml")
}

#[test]
fn ninety_nine_servers_are_no_burden() {
    let sleepy = || Fake::stdio().toml("start = \"on-demand\"");
    let site = (0..99).fold(Site::new(), |site, number| site.fake(&format!("s{number}"), sleepy()));
    let proxy = site.start();
    wait(&proxy, "servers", 99.0);
    proxy.client("s0").text("echo", json!({"text": "hi"}));
    let begun = Instant::now();
    let page = text(&proxy);
    let took = begun.elapsed();
    println!("{} bytes, {} lines, {took:?}", page.len(), page.lines().count());
    assert!(page.len() < 512 * 1024, "{} bytes", page.len());
    assert!(took < Duration::from_secs(10), "{took:?}"); // Prometheus gives up after ten
}
