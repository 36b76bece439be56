//! What the page shows.

use crate::harness::{DEADLINE, Fake, Site, eventually, request};
use crate::rig::{Browser, PERSON, owner, passwd};

#[test]
fn a_browser_sees_the_page_and_a_program_the_table() {
    let proxy = Site::new().fake("notes", Fake::stdio()).fake("web", Fake::http()).start();
    ["notes", "web"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    let browser = Browser::new(&proxy);
    let page = browser.get("");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), Some("Accept"));
    let text = page.text();
    for part in [
        "All 2 servers are well.",
        "<th scope=\"col\" role=\"columnheader\">p99</th>",
        "data-label=\"State\"><span>ready</span>",
        &format!("claude mcp add --transport http notes {}", proxy.url("notes")),
        ".cursor/mcp.json",
        ".vscode/mcp.json",
        "claude_desktop_config.json",
        "~/.gemini/settings.json",
        "href=\"/notes/logs\"",
        "href=\"/login\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("<button formaction"), "only the owner has buttons");
    for accept in [&[][..], &[("Accept", "*/*")], &[("Accept", "text/plain")]] {
        let table = request("GET", &proxy.url(""), accept, b"");
        assert_eq!(table.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(table.text().contains("NAME"), "{table:?}");
    }
    let mut head = crate::harness::Connection::open(&proxy.url(""));
    head.send("HEAD", &proxy.url(""), &[PERSON], b"");
    let head = head.head();
    assert_eq!(head.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn the_page_may_do_no_more_than_it_has_to() {
    let proxy = Site::new().fake("notes", Fake::stdio()).start();
    let page = Browser::new(&proxy).get("");
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none';",
        "style-src 'sha256-",
        "script-src 'sha256-",
        "connect-src 'self';",
        "form-action 'self';",
        "frame-ancestors 'none';",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let text = page.text();
    assert!(!text.contains("src=") && !text.contains("style=\"") && !text.contains("onclick"), "{text}");
    assert_eq!(text.matches("<script").count(), 1);
}

#[test]
fn what_is_wrong_comes_first_and_hostile_words_stay_words() {
    let site = Site::new().fake("well", Fake::stdio());
    site.program(
        "servers/bad/server.sh",
        "#!/bin/sh\necho '<script>alert(1)</script> {{main}} no key' >&2\nexit 3\n",
    );
    site.write("servers/broken/server.toml", "command = \"<img src=x>\"\nnonsense = 1\n");
    let proxy = site.start();
    proxy.wait_ready("well");
    let browser = Browser::new(&proxy);
    eventually(DEADLINE, || {
        browser.get("").text().contains("&lt;script&gt;alert(1)&lt;/script&gt; {{main}} no key")
    });
    let text = browser.get("").text();
    assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
    let attention = text.find("Needs attention").expect("a section");
    assert!(attention < text.find("<table").unwrap());
    for part in ["<strong>bad</strong>", "exit status 3", "<strong>broken</strong>", "is left out"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn an_empty_folder_says_how_to_add_the_first_server() {
    let proxy = Site::new().start();
    let text = Browser::new(&proxy).get("").text();
    assert!(text.contains("Add your first server") && text.contains("mcp-proxy check"), "{text}");
    assert!(!text.contains("<table"), "{text}");
}

#[test]
fn what_changes_is_asked_for_alone() {
    let site = Site::new().fake("notes", Fake::stdio());
    passwd(&site, crate::rig::PASSWORD);
    let proxy = site.start();
    proxy.wait_ready("notes");
    let browser = owner(&proxy);
    let (whole, live) = (browser.get(""), browser.get("?live"));
    assert!(live.text().contains("id=\"server-notes\"") && live.text().contains("<main id=\"main\">"));
    assert!(!live.text().contains("<style>") && !live.text().contains("claude mcp add"), "{}", live.text());
    assert!(live.body.len() * 4 < whole.body.len(), "{} of {}", live.body.len(), whole.body.len());
}

#[test]
fn behind_a_prefix_every_address_has_it() {
    let site = Site::new().fake("notes", Fake::stdio());
    let site = site.config("[proxy]\npublic_url = \"https://home.example/mcp\"\n[auth]\nmode = \"none\"\ni_know_everyone_can_call_my_tools = true\n");
    passwd(&site, crate::rig::PASSWORD);
    let proxy = site.start();
    proxy.wait_ready("notes");
    let host = ("Host", "home.example");
    for path in ["mcp", "mcp/"] {
        let text = request("GET", &proxy.url(path), &[PERSON, host], b"").text();
        for part in [
            "data-base=\"/mcp\"",
            "href=\"/mcp/login\"",
            "href=\"/mcp/notes/logs\"",
            "claude mcp add --transport http notes https://home.example/mcp/notes",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let mut browser = Browser::new(&proxy);
    browser.origin = "https://home.example".to_string();
    let answer = browser.post_as(
        "mcp/login",
        &[("password", crate::rig::PASSWORD)],
        &[host, ("Origin", &browser.origin)],
    );
    assert_eq!((answer.status, answer.header("location")), (303, Some("/mcp/")), "{answer:?}");
    let cookie = crate::rig::cookie(&answer);
    assert!(cookie.starts_with("__Secure-mcp-proxy-visit=") && cookie.contains("Path=/mcp;"), "{cookie}");
    let here = Browser::new(&proxy).get("").text();
    assert!(here.contains("data-base=\"\"") && here.contains("href=\"/login\""), "on the machine itself");
}
