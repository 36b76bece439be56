//! One client, one owner and one browser, step by step.

use crate::harness::{Fake, Proxy, Response, Site, request};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Output, Stdio};

pub const PASSWORD: &str = "correct horse battery";
pub const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// RFC 7636, Appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub fn site() -> Site {
    let site = Site::new().config("[auth]\nmode = \"oauth\"\n");
    site.fake("notes", Fake::stdio()).fake("mail", Fake::stdio())
}

pub fn passwd(site: &Site, typed: &str) -> Output {
    let mut command = site.command();
    command.arg("passwd").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Two servers, and an owner with a password.
pub fn proxy() -> Proxy {
    let site = site();
    let done = passwd(&site, &format!("{PASSWORD}\n"));
    assert!(done.status.success(), "{done:?}");
    site.start()
}

pub fn post_form(url: &str, form: &[(&str, &str)]) -> Response {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request("POST", url, &[("Content-Type", "application/x-www-form-urlencoded")], body.as_bytes())
}

pub fn register(proxy: &Proxy, metadata: &Value) -> Response {
    let headers = [("Content-Type", "application/json")];
    request("POST", &proxy.url("register"), &headers, metadata.to_string().as_bytes())
}

/// The client's own side.
pub struct Party<'p> {
    pub proxy: &'p Proxy,
    pub id: String,
    pub resource: String,
}

impl<'p> Party<'p> {
    /// A registered client that wants this server.
    #[track_caller]
    pub fn new(proxy: &'p Proxy, server: &str) -> Party<'p> {
        let metadata = json!({"redirect_uris": [CALLBACK], "client_name": "Test <b>&", "token_endpoint_auth_method": "none"});
        let answer = register(proxy, &metadata);
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.json()["client_id"].as_str().unwrap().to_string();
        Party { proxy, id, resource: proxy.url(server) }
    }

    /// What it asks for; these stand instead of or beside the usual parameters.
    pub fn query(&self, change: &[(&str, &str)]) -> String {
        let usual = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "s&t"),
            ("scope", "mcp"),
            ("resource", &self.resource),
        ];
        let kept = usual.into_iter().filter(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
        let all = kept.chain(change.iter().copied());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
    }

    pub fn ask(&self, change: &[(&str, &str)]) -> Response {
        request("GET", &self.proxy.url(&format!("authorize?{}", self.query(change))), &[], b"")
    }

    /// What the form holds.
    #[track_caller]
    pub fn form(&self) -> String {
        let page = self.ask(&[]);
        assert_eq!(page.status, 200, "{page:?}");
        field(&page.text())
    }

    pub fn answer(&self, form: &str, answer: &str, password: &str) -> Response {
        let form = [("request", form), ("username", "owner"), ("password", password), ("answer", answer)];
        post_form(&self.proxy.url("authorize"), &form)
    }

    /// The code, when the owner has agreed.
    #[track_caller]
    pub fn code(&self) -> String {
        let answer = self.answer(&self.form(), "allow", PASSWORD);
        said(&answer, "code").unwrap_or_else(|| panic!("{answer:?}"))
    }

    pub fn redeem(&self, code: &str, change: &[(&str, &str)]) -> Response {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("resource", &self.resource),
        ];
        let kept = usual.into_iter().filter(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
        post_form(&self.proxy.url("token"), &kept.chain(change.iter().copied()).collect::<Vec<_>>())
    }

    pub fn refresh(&self, token: &str) -> Response {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &self.id)];
        post_form(&self.proxy.url("token"), &form)
    }

    /// Access and refresh token.
    #[track_caller]
    pub fn tokens(&self) -> (String, String) {
        pair(&self.redeem(&self.code(), &[]))
    }
}

#[track_caller]
pub fn pair(answer: &Response) -> (String, String) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens = answer.json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_string();
    (text("access_token"), text("refresh_token"))
}

/// The hidden field of a page.
#[track_caller]
pub fn field(page: &str) -> String {
    let rest = page.split("name=\"request\" value=\"").nth(1).unwrap_or_else(|| panic!("no form in {page}"));
    rest.split('"').next().unwrap().to_string()
}

/// What a redirect says to the client.
pub fn said(answer: &Response, name: &str) -> Option<String> {
    let query = answer.header("location")?.strip_prefix(CALLBACK)?.strip_prefix('?')?.to_string();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The status of a first request with this token.
pub fn status(proxy: &Proxy, server: &str, token: &str) -> u16 {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
    ];
    request("POST", &proxy.url(server), &headers, body.to_string().as_bytes()).status
}

#[track_caller]
pub fn assert_fault(answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
