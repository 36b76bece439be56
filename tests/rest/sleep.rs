//! Servers that sleep: what was told before is known, a call wakes.

use crate::*;

fn starts(proxy: &Proxy) -> u64 {
    std::fs::metadata(proxy.site.folder().join("starts")).map_or(0, |file| file.len())
}

#[test]
fn a_list_wakes_nobody_who_has_told_it_before_and_a_call_does() {
    let site = Site::new();
    let counter = site.folder().join("starts").display().to_string();
    let sleeper = |fake: Fake| fake.toml("start = \"on-demand\"\nidle_stop_seconds = 1");
    let site = site
        .fake("a", sleeper(Fake::stdio().env("FAKE_COUNTER_FILE", &counter)))
        .fake("b", sleeper(Fake::http()));
    let proxy = site.start();
    for name in ["a", "b"] {
        proxy.wait_server(name, |entry| entry["reason"] == "asleep");
    }
    // Nobody knows yet what they have.
    let unknown = get(&proxy, "api/openapi.json").json();
    for name in ["a", "b"] {
        assert!(unknown["x-unavailable"][name].as_str().unwrap().contains("sleeps"), "{unknown}");
    }
    assert_eq!(starts(&proxy), 0);
    assert_eq!(post(&proxy, "api/a/tools/echo", r#"{"text":"up"}"#).json()["content"][0]["text"], "up");
    assert_eq!(starts(&proxy), 1);
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    let document = get(&proxy, "api/openapi.json").json();
    assert!(document["paths"]["/api/a/tools/echo"].is_object(), "{document}");
    assert!(names(&get(&proxy, "api/a/tools").json()["tools"]).contains(&"echo".to_string()));
    assert_eq!(starts(&proxy), 1);
    assert_eq!(post(&proxy, "api/a/tools/pid", "{}").status, 200);
    assert_eq!(starts(&proxy), 2);
    assert_eq!(post(&proxy, "api/b/tools/pid", "{}").status, 200);
}

/// Nobody is woken for what they may not call.
#[test]
fn a_hidden_tool_wakes_nobody() {
    let fake = Fake::stdio().toml("start = \"on-demand\"").toml("tools = { deny = ['echo'] }");
    let proxy = Site::new().fake("a", fake).start();
    proxy.wait_server("a", |entry| entry["reason"] == "asleep");
    assert_eq!(post(&proxy, "api/a/tools/echo", "{}").status, 404);
    assert_eq!(proxy.server("a")["reason"], "asleep");
}
