//! What is asked wrongly, or by the wrong one.

use crate::harness::{Response, request};
use crate::rig::{
    CALLBACK, PASSWORD, Party, VERIFIER, assert_fault, post_form, proxy, register, said, status,
};
use serde_json::json;

#[track_caller]
fn assert_stays(answer: &Response) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{answer:?}");
    assert!(answer.text().contains("<h1>No access</h1>"), "{}", answer.text());
}

#[test]
fn who_is_not_known_is_led_nowhere() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let mut forged = party.id.clone();
    forged.replace_range(10..11, if &forged[10..11] == "A" { "B" } else { "A" });
    for change in [
        [("client_id", "")],
        [("client_id", "mcp")],
        [("client_id", forged.as_str())],
        [("redirect_uri", "https://evil.example/callback")],
        [("redirect_uri", "https://claude.ai/api/mcp/auth_callback")],
        [("redirect_uri", "http://127.0.0.1:9/callback/../x")],
        [("redirect_uri", "http://127.0.0.1:9@evil.example/callback")],
        [("redirect_uri", "//evil.example")],
    ] {
        assert_stays(&party.ask(&change));
    }
    assert_stays(&request("GET", &proxy.url(&format!("authorize?{}&state=2", party.query(&[]))), &[], b""));
    let strange = json!({"redirect_uris": ["https://evil.example/"]});
    assert_fault(&register(&proxy, &strange), 400, "invalid_redirect_uri");
    assert_fault(&register(&proxy, &json!("x")), 400, "invalid_redirect_uri");
}

#[test]
fn who_is_known_is_told_what_is_wrong() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let any = proxy.url("*");
    for (change, error) in [
        (("resource", any.as_str()), "invalid_target"),
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("resource", "https://evil.example/notes"), "invalid_target"),
    ] {
        let answer = party.ask(&[change]);
        assert_eq!(answer.status, 303, "{answer:?}");
        assert_eq!(said(&answer, "error").as_deref(), Some(error));
        assert_eq!(said(&answer, "state").as_deref(), Some("s&t"));
        assert!(said(&answer, "iss").is_some());
    }
}

#[test]
fn a_code_is_for_who_asked_alone() {
    let proxy = proxy();
    let (party, other) = (Party::new(&proxy, "notes"), Party::new(&proxy, "mail"));
    let code = party.code();
    let longer = format!("{VERIFIER}x");
    for change in [
        [("code_verifier", "")],
        [("code_verifier", longer.as_str())],
        [("redirect_uri", "http://127.0.0.1:10/callback")],
        [("code", "x")],
    ] {
        assert_fault(
            &party.redeem(&code, &change),
            400,
            if change[0] == ("code", "") { "invalid_request" } else { "invalid_grant" },
        );
    }
    let metadata = json!({"redirect_uris": [CALLBACK], "client_name": "Another"});
    let stranger = register(&proxy, &metadata).json()["client_id"].as_str().unwrap().to_string();
    assert_fault(&party.redeem(&code, &[("client_id", &stranger)]), 400, "invalid_grant");
    assert_fault(&party.redeem(&code, &[("resource", &other.resource)]), 400, "invalid_target");
    assert_fault(&party.redeem(&code, &[("grant_type", "password")]), 400, "unsupported_grant_type");
    assert_fault(&party.redeem(&code, &[("client_id", "nobody")]), 401, "invalid_client");
    assert_eq!(party.redeem(&code, &[]).status, 200, "the code itself is still good");
}

#[test]
fn a_secret_that_was_given_is_asked_for() {
    let proxy = proxy();
    let metadata = json!({"redirect_uris": [CALLBACK], "client_name": "Gemini", "token_endpoint_auth_method": "client_secret_post"});
    let client = register(&proxy, &metadata).json();
    let [id, secret] = ["client_id", "client_secret"].map(|name| client[name].as_str().unwrap().to_string());
    let party = Party { proxy: &proxy, id, resource: proxy.url("notes") };
    let code = party.code();
    assert_fault(&party.redeem(&code, &[]), 401, "invalid_client");
    assert_fault(&party.redeem(&code, &[("client_secret", "wrong")]), 401, "invalid_client");
    assert_eq!(party.redeem(&code, &[("client_secret", &secret)]).status, 200);
}

#[test]
fn a_form_is_good_once_and_cannot_be_made() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let form = party.form();
    let first = said(&party.answer(&form, "allow", PASSWORD), "code").unwrap();
    assert_eq!(party.redeem(&first, &[]).status, 200);
    assert_stays(&party.answer(&form, "allow", PASSWORD));
    let mut forged = party.form();
    forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
    assert_stays(&party.answer(&forged, "allow", PASSWORD));
    assert_stays(&party.answer("", "allow", PASSWORD));
    assert_stays(&party.answer(&first, "allow", PASSWORD));
}

#[test]
fn another_page_cannot_send_the_form() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let body = format!("request={}&answer=allow&password={PASSWORD}", party.form());
    for origin in ["https://evil.example", "null"] {
        let answer = request("POST", &proxy.url("authorize"), &[("Origin", origin)], body.as_bytes());
        assert_eq!(answer.status, 403, "{origin}");
    }
}

#[test]
fn what_is_posted_is_posted_and_short() {
    let proxy = proxy();
    for path in ["token", "register", "token/revoke"] {
        let answer = request("GET", &proxy.url(path), &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, OPTIONS")), "{path}");
    }
    assert_eq!(request("DELETE", &proxy.url("authorize"), &[], b"").status, 405);
    let long = "x".repeat(64 * 1024 + 1);
    assert_eq!(request("POST", &proxy.url("token"), &[], long.as_bytes()).status, 413);
    assert_fault(&post_form(&proxy.url("token"), &[]), 401, "invalid_client");
}

#[test]
fn what_is_no_access_token_opens_nothing() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let (access, refresh) = party.tokens();
    let as_access = refresh.replace("mcpr_", "mcpo_");
    for token in ["", "mcpo_", &party.id, &refresh, &as_access, &access[..access.len() - 1]] {
        assert_eq!(status(&proxy, "notes", token), 401, "{token}");
    }
}
