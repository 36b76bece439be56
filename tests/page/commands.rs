//! The buttons.

use crate::harness::{DEADLINE, Fake, Proxy, Site, eventually};
use crate::rig::{Browser, PASSWORD, PERSON, owner, passwd};

fn proxy() -> Proxy {
    let site = Site::new().fake("notes", Fake::stdio());
    passwd(&site, PASSWORD);
    let proxy = site.start();
    proxy.wait_ready("notes");
    proxy
}

#[test]
fn the_owner_stops_and_starts_with_and_without_scripts() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let word = browser.word();
    let stopped = browser.post("api/servers/notes/stop", &[("word", &word)]);
    assert_eq!((stopped.status, stopped.header("location")), (303, Some("/")), "a form leads back");
    eventually(DEADLINE, || proxy.server("notes")["state"] == "stopped");
    let script = [("Accept", "application/json"), ("Origin", &browser.origin)];
    let started = browser.post_as("api/servers/notes/start", &[("word", &word)], &script);
    assert_eq!((started.status, started.json()["ok"].as_bool()), (202, Some(true)));
    eventually(DEADLINE, || proxy.server("notes")["state"] == "ready");
    let unknown = browser.post_as("api/servers/none/start", &[("word", &word)], &script);
    assert_eq!(unknown.status, 404);
}

#[test]
fn nothing_but_the_page_presses_a_button() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let (word, other) = (browser.word(), owner(&proxy).word());
    let own = ("Origin", browser.origin.as_str());
    for (form, headers, why) in [
        (vec![("word", word.as_str())], vec![PERSON], "no Origin"),
        (
            vec![("word", &word)],
            vec![PERSON, ("Origin", "http://localhost:8080")],
            "an allowed, but another Origin",
        ),
        (vec![("word", &word)], vec![PERSON, ("Origin", "https://evil.example")], "a foreign Origin"),
        (vec![("word", &word)], vec![PERSON, ("Origin", "null")], "a sandboxed page"),
        (vec![("word", &word)], vec![PERSON, own, ("Origin", "http://localhost:8080")], "two"),
        (vec![], vec![PERSON, own], "no word"),
        (vec![("word", "x")], vec![PERSON, own], "a wrong word"),
        (vec![("word", &other)], vec![PERSON, own], "the word of another visit"),
        (vec![("word", &word), ("word", &word)], vec![PERSON, own], "the word twice"),
    ] {
        let answer = browser.post_as("api/servers/notes/stop", &form, &headers);
        assert_eq!(answer.status, 403, "{why}: {answer:?}");
    }
    assert_eq!(proxy.server("notes")["state"], "ready");
    assert_eq!(browser.post("api/servers/notes/restart", &[("word", &word)]).status, 303);
}

#[test]
fn who_has_not_signed_in_has_no_buttons_and_is_asked() {
    let proxy = proxy();
    let browser = Browser::new(&proxy);
    assert_eq!(browser.get("").status, 200, "on this machine everybody may look");
    let answer = browser.post("api/servers/notes/stop", &[]);
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("action=\"/login\""), "{}", answer.text());
    assert_eq!(proxy.server("notes")["state"], "ready");
    let mut forged = Browser::new(&proxy);
    forged.cookie = format!("mcp-proxy-visit-{}=AAAA", proxy.address().port());
    assert_eq!(forged.post("api/servers/notes/stop", &[("word", "x")]).status, 401);
}

/// A form of the page has a word and no more.
#[test]
fn a_form_is_small() {
    let proxy = proxy();
    let browser = owner(&proxy);
    let (word, much) = (browser.word(), "x".repeat(9000));
    assert_eq!(browser.post("login", &[("password", &much)]).status, 413);
    assert_eq!(browser.post("api/servers/notes/stop", &[("word", &word), ("more", &much)]).status, 403);
    assert_eq!(proxy.server("notes")["state"], "ready");
}

#[test]
fn a_reload_is_for_the_command_alone() {
    let proxy = proxy();
    let browser = owner(&proxy);
    assert_eq!(browser.post("api/reload", &[("word", &browser.word())]).status, 401);
}
