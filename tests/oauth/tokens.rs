//! Codes, refresh tokens and grants over time.

use crate::rig::{Party, assert_fault, pair, post_form, proxy, status};
use std::fs;

#[test]
fn a_code_that_comes_twice_ends_the_access_it_gave() {
    let mut proxy = proxy();
    let (id, code) = {
        let party = Party::new(&proxy, "notes");
        (party.id.clone(), party.code())
    };
    let resource = proxy.url("notes");
    let (access, refresh) =
        pair(&Party { proxy: &proxy, id: id.clone(), resource: resource.clone() }.redeem(&code, &[]));
    proxy.kill();
    proxy.start_again();
    let party = Party { proxy: &proxy, id, resource };
    assert_eq!(status(&proxy, "notes", &access), 200);
    assert_fault(&party.redeem(&code, &[]), 400, "invalid_grant");
    assert_eq!(status(&proxy, "notes", &access), 401);
    assert_fault(&party.refresh(&refresh), 400, "invalid_grant");
    assert_fault(&party.redeem(&code, &[]), 400, "invalid_grant");
    proxy.wait_log(|line| line.contains("came twice"));
}

#[test]
fn refresh_tokens_turn_and_an_old_one_ends_the_access() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let (_, first) = party.tokens();
    let (_, second) = pair(&party.refresh(&first));
    assert_ne!(first, second);
    let (_, again) = pair(&party.refresh(&first));
    assert_eq!(second, again, "two that refresh at once get the same");
    let (access, third) = pair(&party.refresh(&second));
    assert_eq!(status(&proxy, "notes", &access), 200);
    assert_fault(&party.refresh(&first), 400, "invalid_grant");
    assert_eq!(status(&proxy, "notes", &access), 401);
    assert_fault(&party.refresh(&third), 400, "invalid_grant");
    proxy.wait_log(|line| line.contains("an old refresh token of"));
}

#[test]
fn a_refresh_token_is_its_clients_alone() {
    let proxy = proxy();
    let (party, mut other) = (Party::new(&proxy, "notes"), Party::new(&proxy, "notes"));
    let (_, refresh) = party.tokens();
    other.id = crate::rig::register(&proxy, &serde_json::json!({"redirect_uris": ["http://localhost/"]}))
        .json()["client_id"]
        .as_str()
        .unwrap()
        .to_string();
    assert_fault(&other.refresh(&refresh), 400, "invalid_grant");
    assert_eq!(party.refresh(&refresh).status, 200);
}

#[test]
fn a_client_gives_its_access_back() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let (access, refresh) = party.tokens();
    let revoke =
        |token: &str| post_form(&proxy.url("token/revoke"), &[("token", token), ("client_id", &party.id)]);
    assert_eq!(revoke("nothing").status, 200);
    assert_eq!(status(&proxy, "notes", &access), 200);
    assert_eq!(revoke(&refresh).status, 200);
    assert_eq!(status(&proxy, "notes", &access), 401);
    assert_fault(&party.refresh(&refresh), 400, "invalid_grant");
}

#[test]
fn what_is_taken_from_the_file_is_gone_at_once() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let (access, refresh) = party.tokens();
    let file = proxy.site.state_dir().join("oauth-grants.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&access) && !text.contains(&refresh), "no token stands in {text}");
    fs::remove_file(&file).unwrap();
    assert_eq!(status(&proxy, "notes", &access), 401);
    assert_fault(&party.refresh(&refresh), 400, "invalid_grant");
}

#[test]
fn the_owner_sees_and_ends_what_was_allowed() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let (access, _) = party.tokens();
    let run = |args: &[&str]| {
        let ended = proxy.site.run(args);
        (ended.status.success(), String::from_utf8(ended.stdout).unwrap())
    };
    let (_, list) = run(&["token", "list"]);
    let line = list.lines().find(|line| line.contains("by OAuth")).unwrap_or_else(|| panic!("{list}"));
    assert!(line.contains("Test <b>& (127.0.0.1:9), by OAuth, for notes"), "{line}");
    let (_, json) = run(&["token", "list", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["oauth"][0]["at"], &json["oauth"][0]["servers"][0]),
        (&"127.0.0.1:9".into(), &"notes".into())
    );
    assert!(run(&["token", "revoke", line.split(' ').next().unwrap()]).0);
    assert_eq!(status(&proxy, "notes", &access), 401);
    assert!(!run(&["token", "list"]).1.contains("by OAuth"));
}
