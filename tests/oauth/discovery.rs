//! What clients find out before they ask.

use crate::harness::{Fake, Response, Site, request};
use crate::rig::{proxy, register, site};
use serde_json::json;

fn get(url: &str) -> Response {
    request("GET", url, &[], b"")
}

#[test]
fn a_server_says_who_issues_its_tokens() {
    let proxy = proxy();
    let issuer = proxy.url("").trim_end_matches('/').to_string();
    for (path, resource) in [
        (".well-known/oauth-protected-resource", issuer.clone()),
        (".well-known/oauth-protected-resource/notes", proxy.url("notes")),
        (".well-known/oauth-protected-resource/notes/mcp", proxy.url("notes/mcp")),
        ("notes/.well-known/oauth-protected-resource", proxy.url("notes")),
    ] {
        let answer = get(&proxy.url(path));
        assert_eq!(answer.status, 200, "{path}");
        let metadata = answer.json();
        assert_eq!(metadata["resource"], resource, "{path}");
        assert_eq!(metadata["authorization_servers"], json!([issuer]));
        assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    }
    for path in ["notes/mcp/.well-known/openid-configuration", ".well-known/oauth-authorization-server/notes"]
    {
        assert_eq!(get(&proxy.url(path)).status, 404, "{path}");
    }
}

#[test]
fn the_issuer_says_where_and_how() {
    let proxy = proxy();
    let metadata = get(&proxy.url(".well-known/oauth-authorization-server")).json();
    assert_eq!(metadata, get(&proxy.url(".well-known/openid-configuration")).json());
    assert_eq!(metadata["issuer"], proxy.url("").trim_end_matches('/'));
    assert_eq!(metadata["token_endpoint"], proxy.url("token"));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert!(metadata["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&json!("none")));
}

#[test]
fn a_page_of_an_allowed_origin_may_read_it() {
    let proxy = proxy();
    let url = proxy.url(".well-known/oauth-authorization-server");
    let answer = request("GET", &url, &[("Origin", "http://localhost:6274")], b"");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:6274"));
    assert_eq!(request("GET", &url, &[("Origin", "https://evil.example")], b"").status, 403);
}

#[test]
fn a_prefix_is_part_of_the_issuer() {
    let site = Site::new().fake("notes", Fake::stdio());
    let config = "[proxy]\npublic_url = \"https://Home.example/mcp/\"\n[auth]\nmode = \"oauth\"\n";
    let proxy = site.config(config).start();
    let metadata = get(&proxy.url(".well-known/oauth-authorization-server/mcp")).json();
    assert_eq!(metadata["issuer"], "https://home.example/mcp");
    assert_eq!(metadata["authorization_endpoint"], "https://home.example/mcp/authorize");
    let resource = get(&proxy.url(".well-known/oauth-protected-resource/mcp/notes")).json();
    assert_eq!(resource["resource"], "https://home.example/mcp/notes");
}

#[test]
fn where_it_is_off_there_is_none() {
    let proxy = Site::new().fake("notes", Fake::stdio()).start();
    for path in [".well-known/oauth-authorization-server", "authorize", "token", "register"] {
        let answer = get(&proxy.url(path));
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")), "{path}");
    }
}

#[test]
fn a_public_url_that_shows_tokens_to_the_network_is_refused() {
    let site = site().env("MCP_PROXY_PUBLIC_URL", "http://home.example");
    let ended = site.run(&["--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("https") && said.contains("public_url"), "{said}");
}

#[test]
fn a_client_registers_with_or_without_a_secret() {
    let proxy = proxy();
    let with = |method: &str| {
        register(
            &proxy,
            &json!({"redirect_uris": ["https://claude.ai/api/mcp/auth_callback"], "client_name": "Claude", "token_endpoint_auth_method": method}),
        )
    };
    let public = with("none");
    assert_eq!(public.status, 201);
    assert!(public.json()["client_secret"].is_null());
    let secret = with("client_secret_post").json();
    assert_eq!(secret["client_secret_expires_at"], 0);
    assert!(secret["client_secret"].as_str().unwrap().len() > 40);
}
