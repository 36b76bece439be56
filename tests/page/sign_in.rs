//! Who is let in, how, and for how long.

use crate::harness::{Fake, Proxy, Site, request};
use crate::rig::{Browser, PASSWORD, PERSON, cookie, encoded, owner, passwd};

/// Tokens are asked for, and there is a password.
fn closed() -> (Proxy, String) {
    let site = Site::new().fake("notes", Fake::stdio()).fake("mail", Fake::stdio());
    let token = site.token(&["--name", "phone"]);
    passwd(&site, PASSWORD);
    let proxy = site.start();
    ["notes", "mail"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    (proxy, token)
}

#[test]
fn a_stranger_is_asked_and_learns_nothing() {
    let (proxy, _) = closed();
    let page = Browser::new(&proxy).get("");
    assert_eq!((page.status, page.header("www-authenticate")), (401, Some("Bearer")));
    let text = page.text();
    assert!(text.contains("action=\"/login\"") && text.contains("type=\"password\""), "{text}");
    assert!(!text.contains("notes") && !text.contains("mail") && !text.contains("<script"), "{text}");
    assert_eq!(request("GET", &proxy.url(""), &[], b"").header("content-type"), Some("application/json"));
}

#[test]
fn the_password_lets_in_by_a_cookie_of_its_own() {
    let (proxy, _) = closed();
    let browser = Browser::new(&proxy);
    let answer = browser.post("login", &[("password", PASSWORD)]);
    let cookie = cookie(&answer);
    let port = proxy.address().port();
    assert!(cookie.starts_with(&format!("mcp-proxy-visit-{port}=")), "{cookie}");
    for part in ["; Path=/;", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP: {cookie}");
    let text = owner(&proxy).get("").text();
    assert!(
        text.contains("All 2 servers are well.")
            && text.contains("formaction=\"/api/servers/notes/restart\"")
    );
    assert!(text.contains("Authorization: Bearer TOKEN"), "clients need one here: {text}");
}

#[test]
fn who_guesses_waits_here_and_at_the_consent_page_alike() {
    let (proxy, token) = closed();
    let browser = Browser::new(&proxy);
    let wrong = browser.post("login", &[("password", "wrong horse")]);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None));
    assert!(wrong.text().contains("role=\"alert\""), "{}", wrong.text());
    let last = (0..20).map(|_| browser.post("login", &[])).find(|answer| answer.status != 403).unwrap();
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(
        browser.post("login", &[("password", PASSWORD)]).status,
        429,
        "the right one does not help now"
    );
    assert_eq!(browser.post("login", &[("password", &token)]).status, 303, "a token is not guessed");
}

#[test]
fn a_token_may_look_and_not_command() {
    let (proxy, token) = closed();
    let guest = Browser::new(&proxy).sign_in(&[("password", &token)]);
    let text = guest.get("").text();
    assert!(text.contains("All 2 servers are well.") && !text.contains("formaction"), "{text}");
    assert_eq!(guest.get("servers").status, 200);
    assert_eq!(guest.post("api/servers/notes/stop", &[("word", &guest.word())]).status, 403);
    assert!(proxy.site.run(&["token", "revoke", "phone"]).status.success());
    crate::harness::eventually(crate::harness::DEADLINE, || guest.get("").status == 401);
}

#[test]
fn a_token_for_some_servers_is_not_for_a_page_of_all() {
    let (proxy, _) = closed();
    let token = proxy.site.token(&["--servers", "notes"]);
    let answer = Browser::new(&proxy).post("login", &[("password", &token)]);
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert!(answer.text().contains("for some servers only"), "{}", answer.text());
}

/// Runs `mcp-proxy login` and returns the code of the link.
fn code(proxy: &Proxy) -> String {
    let listen = proxy.address().to_string();
    let made = proxy.site.run(&["login", "--listen", &listen]);
    assert!(made.status.success(), "{made:?}");
    let url = String::from_utf8(made.stdout).unwrap();
    let code = url.trim_end().strip_prefix(&proxy.url("login?code=")).unwrap_or_else(|| panic!("{url}"));
    code.to_string()
}

#[test]
fn a_link_lets_in_once_and_only_who_presses() {
    let proxy = Site::new().fake("notes", Fake::stdio()).start();
    proxy.wait_ready("notes");
    let code = code(&proxy);
    let browser = Browser::new(&proxy);
    for _ in 0..3 {
        let page = browser.get(&format!("login?code={code}"));
        assert_eq!((page.status, page.header("set-cookie")), (200, None), "looking does not use it up");
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        assert!(page.text().contains(&format!("name=\"code\" value=\"{code}\"")), "{}", page.text());
    }
    let browser = browser.sign_in(&[("code", &code)]);
    assert!(browser.get("").text().contains("formaction=\"/api/servers/notes/stop\""));
    let again = Browser::new(&proxy).post("login", &[("code", &code)]);
    assert_eq!((again.status, again.header("set-cookie")), (403, None));
    assert!(again.text().contains("used already"), "{}", again.text());
}

#[test]
fn links_are_made_by_who_runs_the_proxy() {
    let (proxy, token) = closed();
    let bearer = format!("Bearer {token}");
    assert_eq!(request("POST", &proxy.url("api/login"), &[], b"").status, 401);
    assert_eq!(request("POST", &proxy.url("api/login"), &[("Authorization", &bearer)], b"").status, 403);
    let browser = owner(&proxy);
    assert_eq!(browser.post("api/login", &[("word", &browser.word())]).status, 401, "nor by a visit");
}

#[test]
fn a_visit_ends_by_sign_out_and_with_the_password() {
    let (mut proxy, _) = closed();
    let (left, stays) = {
        let (left, stays) = (owner(&proxy), owner(&proxy));
        assert_eq!(left.post("logout", &[]).status, 403, "the word is missing");
        let out = left.post("logout", &[("word", &left.word())]);
        assert_eq!(out.status, 303);
        assert!(cookie(&out).contains("Max-Age=0"), "{out:?}");
        assert_eq!(left.get("").status, 401, "also for who has kept the cookie");
        assert_eq!(stays.get("").status, 200);
        (left.cookie, stays.cookie)
    };
    assert_ne!(left, stays);
    proxy.kill();
    proxy.start_again();
    let mut browser = Browser::new(&proxy);
    browser.cookie = stays;
    assert_eq!(browser.get("").status, 200, "a restart ends no visit");
    passwd(&proxy.site, "another long password");
    assert_eq!(browser.get("").status, 401);
}

#[test]
fn no_other_page_can_sign_somebody_in() {
    let (proxy, _) = closed();
    let browser = Browser::new(&proxy);
    let form = [("password", PASSWORD)];
    for headers in [&[PERSON][..], &[PERSON, ("Origin", "http://localhost:8080")]] {
        let answer = browser.post_as("login", &form, headers);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{answer:?}");
    }
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let foreign = request(
        "POST",
        &proxy.url("login"),
        &[kind, ("Origin", "https://evil.example")],
        encoded(&form).as_bytes(),
    );
    assert_eq!(foreign.status, 403);
}

#[test]
fn without_a_password_the_page_says_how_to_get_in() {
    let site = Site::new().fake("notes", Fake::stdio());
    site.token(&[]);
    let proxy = site.start();
    let browser = Browser::new(&proxy);
    assert!(browser.get("login").text().contains("mcp-proxy passwd"));
    let answer = browser.post("login", &[("password", "anything at all")]);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("There is no password yet"), "{}", answer.text());
}
