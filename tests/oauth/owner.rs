//! The owner: the password and the page.

use crate::rig::{PASSWORD, Party, field, passwd, proxy, said, site};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_page_says_who_asks_for_what_and_where_the_answer_goes() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let page = party.ask(&[]);
    let text = page.text();
    for part in [
        "Test &lt;b&gt;&amp;",
        "<strong>notes</strong>",
        "<strong>127.0.0.1:9</strong>",
        "the computer in front of you",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("<script") && !text.contains("src="), "{text}");
    for (name, part) in [
        ("content-security-policy", "default-src 'none'"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("content-security-policy", "form-action 'self' https: http:;"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert!(page.header(name).unwrap_or_default().contains(part), "{name}: {part} in {page:?}");
    }
}

#[test]
fn who_denies_needs_no_password() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let answer = party.answer(&party.form(), "deny", "");
    assert_eq!(said(&answer, "error").as_deref(), Some("access_denied"));
    assert_eq!((said(&answer, "state").as_deref(), said(&answer, "code")), (Some("s&t"), None));
}

#[test]
fn a_wrong_password_asks_again_and_many_lock_out() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let wrong = party.answer(&party.form(), "allow", "wrong horse battery");
    assert_eq!((wrong.status, wrong.header("location")), (403, None));
    assert!(wrong.text().contains("role=\"alert\""), "{}", wrong.text());
    let form = field(&wrong.text());
    let last = (0..20).map(|_| party.answer(&form, "allow", "")).find(|answer| answer.status != 403).unwrap();
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(party.answer(&form, "allow", PASSWORD).status, 429, "the right one does not help now");
    let line = proxy.wait_log(|line| line.contains("which has to wait now"));
    assert!(line.contains("a wrong password from 127.0.0.1") && !line.contains("horse"), "{line}");
}

#[test]
fn without_a_password_the_owner_is_told_how_to_set_one() {
    let proxy = site().start();
    let party = Party::new(&proxy, "notes");
    let page = party.ask(&[]);
    assert_eq!(page.status, 503);
    assert!(page.text().contains("mcp-proxy passwd") && !page.text().contains("<form"), "{}", page.text());
    assert!(passwd(&proxy.site, "another long password\n").status.success());
    assert!(said(&party.answer(&party.form(), "allow", "another long password"), "code").is_some());
    assert!(passwd(&proxy.site, "a third long password\n").status.success());
    assert_eq!(party.answer(&party.form(), "allow", "another long password").status, 403);
}

#[test]
fn passwd_reads_one_line_and_keeps_a_hash() {
    let site = site();
    for (typed, problem) in
        [("", "no password was given"), ("\n", "no password was given"), ("short\n", "at least 12")]
    {
        let ended = passwd(&site, typed);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(1) && said.contains(problem), "{typed:?}: {said}");
    }
    let file = site.state_dir().join("password");
    assert!(!file.exists());
    assert!(passwd(&site, "correct horse battery\r\nmore\n").status.success());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("$scrypt$ln=14,r=8,p=5$") && !text.contains("horse"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let proxy = site.start();
    let party = Party::new(&proxy, "notes");
    assert_eq!(party.answer(&party.form(), "allow", PASSWORD).status, 503);
    proxy.wait_log(|line| line.contains("can be read or written by others"));
}
