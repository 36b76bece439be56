//! Many watchers at once.

use super::*;
use std::time::{Duration, SystemTime};

const MANY: usize = 200;
/// Memory that so many may take, in KiB. They take 12 MB in a debug build and 9 in a release one; the allocator
/// has its say, too.
const MOST_KIB: u64 = 24 * 1024;

/// What it has taken, in KiB: the pages of its program come and go.
fn taken(proxy: &Proxy) -> u64 {
    proxy.memory("RssAnon")
}

fn open_files(proxy: &Proxy) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", proxy.pid())).unwrap().count()
}

/// Everybody is told of each change, also beside those who do not read, and it costs little.
#[test]
fn two_hundred_watchers_cost_a_few_megabytes() {
    let site = (0..5).fold(restarting(), |site, number| site.fake(&format!("s{number}"), Fake::stdio()));
    let proxy = site.start();
    (0..5).for_each(|number| drop(proxy.wait_ready(&format!("s{number}"))));
    let (before, files) = (taken(&proxy), open_files(&proxy));
    let _deaf: Vec<Watch> = (0..10).map(|_| watch(&proxy)).collect();
    let mut watchers: Vec<Watch> = (0..MANY).map(|_| watch(&proxy)).collect();
    watchers.iter_mut().for_each(|watch| assert_eq!(watch.next()["type"], "snapshot"));
    let mut late = Vec::new();
    for round in 1..=5 {
        processes::kill(proxy.child("s0"));
        for watch in &mut watchers {
            let entry =
                watch.wait_server("s0", |entry| entry["state"] == "ready" && entry["restarts"] == round);
            let since = humantime::parse_rfc3339(entry["since"].as_str().unwrap()).unwrap();
            late.push(SystemTime::now().duration_since(since).unwrap_or_default().as_millis());
        }
    }
    late.sort_unstable();
    let cost = taken(&proxy).saturating_sub(before);
    let of_hundred = |part: usize| late[(late.len() - 1) * part / 100];
    eprintln!(
        "{MANY} watchers: {cost} KiB; told {} ms (median), {} ms (99 of 100) after a change",
        of_hundred(50),
        of_hundred(99)
    );
    assert!(cost <= MOST_KIB, "{cost} KiB");
    // A socket each, and one bell for all; those of the child that ended last are closed a moment after it.
    eventually(Duration::from_secs(10), || open_files(&proxy) - files <= MANY + 10 + 4);
}
