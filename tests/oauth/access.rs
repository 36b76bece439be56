//! The whole way, and what the token at its end opens.

use crate::harness::{Client, request};
use crate::rig::{CALLBACK, PASSWORD, Party, pair, proxy, said, status};
use serde_json::json;

#[test]
fn a_client_gets_access_to_the_server_it_asked_for_and_no_other() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let answer = party.answer(&party.form(), "allow", PASSWORD);
    assert_eq!(answer.status, 303);
    assert_eq!(said(&answer, "state").as_deref(), Some("s&t"));
    assert_eq!(said(&answer, "iss"), Some(proxy.url("").trim_end_matches('/').to_string()));
    let tokens = party.redeem(&said(&answer, "code").unwrap(), &[]);
    let said = tokens.json();
    assert_eq!(
        (&said["token_type"], &said["expires_in"], &said["scope"]),
        (&json!("Bearer"), &json!(3600), &json!("mcp"))
    );
    assert_eq!(tokens.header("cache-control"), Some("no-store"));
    let (access, _) = pair(&tokens);
    let options = Client::options(&party.resource).header("Authorization", &format!("Bearer {access}"));
    assert_eq!(options.connect().text("echo", json!({"text": "hi"})), "hi");
    assert_eq!(status(&proxy, "notes/mcp", &access), 200);
    assert_eq!(status(&proxy, "mail", &access), 401);
    // The same tools by plain HTTP.
    let plain = |name: &str| {
        let fields = [("Authorization", format!("Bearer {access}"))];
        request("GET", &proxy.url(&format!("api/{name}/tools")), &[(fields[0].0, &fields[0].1)], b"").status
    };
    assert_eq!((plain("notes"), plain("mail")), (200, 401));
    assert_eq!(status(&proxy, "notes", &format!("{access}x")), 401);
}

#[test]
fn without_a_resource_it_is_all_servers() {
    let proxy = proxy();
    let party = Party::new(&proxy, "");
    let page = party.ask(&[("resource", "")]);
    assert!(page.text().contains("all servers"), "{}", page.text());
    let code = said(&party.answer(&crate::rig::field(&page.text()), "allow", PASSWORD), "code").unwrap();
    let (access, _) = pair(&party.redeem(&code, &[("resource", "")]));
    assert_eq!((status(&proxy, "notes", &access), status(&proxy, "mail", &access)), (200, 200));
}

#[test]
fn a_request_without_a_token_is_told_where_to_get_one() {
    let proxy = proxy();
    for (method, path) in
        [("POST", "notes"), ("GET", "notes/mcp"), ("DELETE", "notes/"), ("GET", "notes/sse")]
    {
        let answer = request(method, &proxy.url(path), &[], b"");
        assert_eq!(answer.status, 401, "{method} {path}");
        let expected = format!(
            "Bearer resource_metadata=\"{}\", scope=\"mcp\"",
            proxy.url(&format!(".well-known/oauth-protected-resource/{path}"))
        );
        assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
    }
    let answer = request("GET", &proxy.url("notes"), &[("Authorization", "Bearer mcpo_x")], b"");
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\", "));
}

#[test]
fn everything_outlives_a_restart() {
    let mut proxy = proxy();
    let (id, form, code, (access, refresh)) = {
        let party = Party::new(&proxy, "notes");
        (party.id.clone(), party.form(), party.code(), party.tokens())
    };
    let resource = proxy.url("notes");
    proxy.kill();
    proxy.start_again();
    let party = Party { proxy: &proxy, id, resource };
    assert_eq!(status(&proxy, "notes", &access), 200);
    let (later, _) = pair(&party.redeem(&code, &[]));
    assert_eq!(status(&proxy, "notes", &later), 200);
    assert!(said(&party.answer(&form, "allow", PASSWORD), "code").is_some());
    let (newer, _) = pair(&party.refresh(&refresh));
    assert_eq!(status(&proxy, "notes", &newer), 200);
}

#[test]
fn a_loopback_client_may_come_from_any_port() {
    let proxy = proxy();
    let party = Party::new(&proxy, "notes");
    let moved = CALLBACK.replace(":9/", ":40000/");
    assert_eq!(party.ask(&[("redirect_uri", &moved)]).status, 200);
}
