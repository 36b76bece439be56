//! Clients. A registered one (RFC 7591) is kept nowhere: its id says itself what it registered, signed, so there may be
//! any number of them, and they outlive a restart. Pure.

use super::fault::Fault;
use super::redirects::{self, Redirects};
use crate::ledger::Signer;
use crate::protocol::base64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Addresses that one client may register.
const MOST_REDIRECTS: usize = 10;
/// All of them together: they go into its id, and that into the query of a URL.
const MOST_REDIRECT_BYTES: usize = 2048;
/// So much of a client's name is shown and kept.
const MOST_NAME_CHARS: usize = 60;
const ID: &str = "client";
const SECRET: &str = "client secret";

/// How a client proves at `/token` who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// It has no secret; PKCE protects it.
    None,
    /// In the form.
    ClientSecretPost,
    /// In `Authorization: Basic`.
    ClientSecretBasic,
}

/// What a client has said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// What it calls itself. Anybody can claim any name.
    pub name: String,
    /// Where codes may be sent.
    pub redirects: Vec<String>,
    /// How it proves who it is.
    pub method: Method,
    /// When, in seconds since 1970.
    pub issued: u64,
}

impl Client {
    /// Reads a registration.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata`.
    pub fn read(metadata: &Value, allowed: &Redirects, now: u64) -> Result<Client, Fault> {
        let redirects = redirects(metadata)?;
        if let Some(strange) = redirects.iter().find(|uri| !allowed.admits(uri)) {
            let text = format!(
                "{strange} is not allowed here; if it is yours, add it to allowed_redirects of [auth]"
            );
            return Err(Fault::new("invalid_redirect_uri", text));
        }
        if !names(metadata, "grant_types", "authorization_code") || !names(metadata, "response_types", "code")
        {
            return Err(wrong("only the grant type authorization_code and the response type code are there"));
        }
        let method = match metadata.get("token_endpoint_auth_method") {
            None | Some(Value::Null) => Method::None,
            Some(method) => Method::deserialize(method).map_err(|_| {
                wrong("token_endpoint_auth_method is none, client_secret_post or client_secret_basic")
            })?,
        };
        Ok(Client { name: name(metadata), redirects, method, issued: now })
    }

    /// Its id: what it registered, signed.
    pub fn id(&self, signer: &Signer) -> String {
        signer.seal(ID, &serde_json::to_vec(self).unwrap_or_default())
    }

    /// The client of an id that was issued here.
    pub fn of_id(id: &str, signer: &Signer) -> Option<Client> {
        serde_json::from_slice(&signer.open(ID, id)?).ok()
    }

    /// The answer to its registration.
    pub fn answer(&self, signer: &Signer) -> Value {
        let id = self.id(signer);
        let mut answer = json!({
            "client_id": id,
            "client_id_issued_at": self.issued,
            "client_name": self.name,
            "redirect_uris": self.redirects,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": self.method,
            "scope": super::SCOPE,
        });
        if self.method != Method::None {
            answer["client_secret"] = base64::encode_url(&signer.mac(SECRET, id.as_bytes())).into();
            answer["client_secret_expires_at"] = 0.into();
        }
        answer
    }

    /// Whether a code may be sent there: registered, and still allowed.
    pub fn may_use(&self, redirect: &str, allowed: &Redirects) -> bool {
        self.redirects.iter().any(|registered| redirects::is_same(registered, redirect))
            && allowed.admits(redirect)
    }

    /// Whether it has proved who it is.
    pub fn is_proved(&self, id: &str, secret: Option<&str>, signer: &Signer) -> bool {
        let is_right = |secret| {
            base64::decode_url(secret).is_some_and(|secret| signer.is_mac(SECRET, id.as_bytes(), &secret))
        };
        self.method == Method::None || secret.is_some_and(is_right)
    }
}

/// What is kept of a client's id in codes and grants.
pub fn digest(id: &str) -> String {
    base64::encode_url(&Sha256::digest(id))
}

/// The redirect addresses of a client's metadata.
pub(super) fn redirects(metadata: &Value) -> Result<Vec<String>, Fault> {
    let all = Vec::<String>::deserialize(&metadata["redirect_uris"]).unwrap_or_default();
    let bytes: usize = all.iter().map(String::len).sum();
    match !all.is_empty() && all.len() <= MOST_REDIRECTS && bytes <= MOST_REDIRECT_BYTES {
        true => Ok(all),
        false => Err(Fault::new(
            "invalid_redirect_uri",
            format!(
                "redirect_uris has to be a list of 1 to {MOST_REDIRECTS} addresses, {MOST_REDIRECT_BYTES} bytes together"
            ),
        )),
    }
}

/// The name of a client's metadata, cut, and without what would disturb the text around it.
pub(super) fn name(metadata: &Value) -> String {
    let name = metadata["client_name"].as_str().unwrap_or_default();
    let disturbs = |letter: &char| letter.is_control() || ('\u{200b}'..='\u{206f}').contains(letter);
    let name: String = name.trim().chars().filter(|letter| !disturbs(letter)).take(MOST_NAME_CHARS).collect();
    if name.is_empty() { "a client without a name".to_string() } else { name }
}

/// Whether a list, if it is given, has this word.
fn names(metadata: &Value, list: &str, word: &str) -> bool {
    let list = &metadata[list];
    list.is_null() || list.as_array().is_some_and(|list| list.iter().any(|it| it == word))
}

fn wrong(text: &str) -> Fault {
    Fault::new("invalid_client_metadata", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";

    fn read(metadata: &Value) -> Result<Client, Fault> {
        Client::read(metadata, &Redirects::new(&[]), 7)
    }

    fn client(method: &str) -> Client {
        read(&json!({"redirect_uris": [CALLBACK], "client_name": "Claude", "token_endpoint_auth_method": method}))
            .unwrap()
    }

    #[test]
    fn an_id_says_who_it_is() {
        let (signer, client) = (Signer::for_tests(), client("none"));
        let id = client.id(&signer);
        assert_eq!(Client::of_id(&id, &signer), Some(client.clone()));
        assert!(
            client.may_use(CALLBACK, &Redirects::new(&[]))
                && !client.may_use("http://127.0.0.1/", &Redirects::new(&[]))
        );
        assert!(client.is_proved(&id, None, &signer) && client.answer(&signer)["client_secret"].is_null());
    }

    #[test]
    fn a_secret_is_for_one_id() {
        let signer = Signer::for_tests();
        let (one, other) = (client("client_secret_post"), client("client_secret_basic"));
        let answer = one.answer(&signer);
        let secret = answer["client_secret"].as_str();
        assert!(one.is_proved(&one.id(&signer), secret, &signer));
        assert!(!other.is_proved(&other.id(&signer), secret, &signer));
        assert!(!one.is_proved(&one.id(&signer), None, &signer));
        assert!(!one.is_proved(&one.id(&signer), Some("AAAA"), &signer));
    }

    #[test]
    fn a_registration_that_cannot_be_used_says_why() {
        let many: Vec<String> = (0..11).map(|port| format!("http://127.0.0.1:{port}/")).collect();
        let long: Vec<String> =
            (0..5).map(|port| format!("http://127.0.0.1:{port}/{}", "x".repeat(500))).collect();
        for (metadata, code) in [
            (json!({}), "invalid_redirect_uri"),
            (json!([]), "invalid_redirect_uri"),
            (json!({"redirect_uris": "x"}), "invalid_redirect_uri"),
            (json!({"redirect_uris": []}), "invalid_redirect_uri"),
            (json!({"redirect_uris": many}), "invalid_redirect_uri"),
            (json!({"redirect_uris": long}), "invalid_redirect_uri"),
            (json!({"redirect_uris": [CALLBACK, "https://evil.example/"]}), "invalid_redirect_uri"),
            (json!({"redirect_uris": [CALLBACK], "grant_types": ["implicit"]}), "invalid_client_metadata"),
            (json!({"redirect_uris": [CALLBACK], "response_types": ["token"]}), "invalid_client_metadata"),
            (
                json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt"}),
                "invalid_client_metadata",
            ),
        ] {
            assert_eq!(read(&metadata).unwrap_err().code, code, "{metadata}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        let named =
            |name: &str| read(&json!({"redirect_uris": [CALLBACK], "client_name": name})).unwrap().name;
        assert_eq!(named(&"x".repeat(500)).len(), MOST_NAME_CHARS);
        assert_eq!(named("a\u{202e}b\r\nc"), "abc");
        assert_eq!(named(" \u{200b}"), "a client without a name");
    }

    proptest! {
        #[test]
        fn whatever_comes_as_an_id_is_judged(id in "\\PC*") {
            prop_assert_eq!(Client::of_id(&id, &Signer::for_tests()), None);
        }

        #[test]
        fn a_changed_id_is_nobodys(at: prop::sample::Index) {
            let signer = Signer::for_tests();
            let id = client("none").id(&signer);
            let at = at.index(id.len());
            let other = if &id[at..=at] == "A" { "B" } else { "A" };
            prop_assert_eq!(Client::of_id(&[&id[..at], other, &id[at + 1..]].concat(), &signer), None);
        }
    }
}
