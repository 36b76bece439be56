//! When: from a change on disk to what a client sees.

use super::*;
use std::time::{Duration, Instant};

/// The promise. Of three tries the best one counts: the machine that runs the tests is busy with them.
const PROMPT: Duration = Duration::from_secs(1);

#[track_caller]
fn promptly(what: &str, mut change: impl FnMut(usize)) {
    let took = (0..3).map(|n| {
        let begin = Instant::now();
        change(n);
        begin.elapsed()
    });
    let took: Vec<Duration> = took.collect();
    println!("{what}: {took:?}");
    assert!(took.iter().min() < Some(&PROMPT), "{what}: {took:?}");
}

#[test]
fn within_a_second() {
    let proxy = dev().fake("a", Fake::stdio()).start();
    pid(&proxy, "a");
    promptly("served", |n| {
        proxy.site.add(&format!("new-{n}"), &Fake::stdio());
        wait_ready(&proxy, &format!("new-{n}"));
    });
    promptly("gone", |n| {
        std::fs::remove_dir_all(proxy.site.folder().join(format!("servers/new-{n}"))).unwrap();
        wait_gone(&proxy, &format!("new-{n}"));
    });
    promptly("restarted", |_| pass_the_time(&proxy, "a"));
}

#[test]
fn a_stubborn_server_is_gone_from_the_proxy_at_once() {
    let stubborn = Fake::stdio().env("FAKE_IGNORE_TERM", "1").toml("stop_timeout_seconds = 3");
    let proxy = dev().fake("a", Fake::stdio()).fake("b", stubborn).start();
    pid(&proxy, "b");
    let begin = Instant::now();
    std::fs::remove_dir_all(proxy.site.folder().join("servers/b")).unwrap();
    wait_gone(&proxy, "b");
    assert!(begin.elapsed() < Duration::from_millis(2500), "{:?}", begin.elapsed());
    assert_eq!(get(&proxy, "b").status, 404);
}
