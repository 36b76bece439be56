//! What a client asks the owner for. It is checked once, at `/authorize`; signed, it then travels in the form and, when
//! the owner has agreed, as the code. Pure.

use super::client::{self, Client};
use super::fault::Fault;
use super::parameters::{Parameters, with_query};
use super::pkce;
use super::redirects::Redirects;
use super::resource::Resource;
use crate::ledger::Signer;
use serde::{Deserialize, Serialize};

/// How long the owner may look at the form.
pub const FORM_SECONDS: u64 = 600;
/// How long a code is good (OAuth 2.1, 4.1.2 wants ten minutes at most).
pub const CODE_SECONDS: u64 = 60;
/// A longer `state` is refused: it travels in headers.
const MOST_STATE_BYTES: usize = 4096;
const FORM: &str = "form";
const CODE: &str = "code";

/// A request for access that can be granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The client, by the digest of its id.
    pub client: String,
    /// What it calls itself.
    pub name: String,
    /// Where the answer goes.
    pub redirect: String,
    /// The challenge of PKCE.
    pub challenge: String,
    /// What for.
    pub resource: Resource,
    /// Goes back to the client as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The id of the grant that it will become, 32 hexadecimal digits: there is one for each form, so a form and its
    /// code can be used once.
    pub grant: String,
    /// Until when it is good, in seconds since 1970.
    expires: u64,
}

/// Why a request is not granted.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be trusted to lead back to a client: told the person.
    Here(String),
    /// Told the client, at this address.
    There(String),
}

impl Asked {
    /// Checks a request of this client (OAuth 2.1, 4.1.1).
    ///
    /// # Errors
    /// Unless the client and where it wants its answer are known, the person is told; else the client.
    pub fn read(
        given: &Parameters,
        client: &Client,
        redirects: &Redirects,
        base: &str,
        now: u64,
    ) -> Result<Asked, Refused> {
        let redirect = match (given.get("redirect_uri"), &client.redirects[..]) {
            (Some(redirect), _) => redirect,
            (None, [only]) => only,
            (None, _) => return Err(Refused::Here("The client did not say where its answer goes.".into())),
        };
        if !client.may_use(redirect, redirects) {
            let text = "The answer would go to an address that this client has not registered, or that is not allowed here.";
            return Err(Refused::Here(text.into()));
        }
        let state = given.get("state");
        let checked = checked(given, base);
        let (challenge, resource) = checked.map_err(|fault| {
            Refused::There(leading(
                redirect,
                &[("error", fault.code), ("error_description", &fault.description)],
                state,
                base,
            ))
        })?;
        Ok(Asked {
            client: client::digest(given.get("client_id").unwrap_or_default()),
            name: client.name.clone(),
            redirect: redirect.to_string(),
            challenge,
            resource,
            state: state.map(String::from),
            grant: format!("{:032x}", rand::random::<u128>()),
            expires: now + FORM_SECONDS,
        })
    }

    /// What stands in the form, so that it comes back as it was checked.
    pub fn form(&self, signer: &Signer) -> String {
        seal(FORM, self, signer)
    }

    /// What a form says, if it is one of ours and not too old.
    pub fn of_form(form: &str, signer: &Signer, now: u64) -> Option<Asked> {
        open(FORM, form, signer, now)
    }

    /// What a code says, if it is one of ours and not too old.
    pub fn of_code(code: &str, signer: &Signer, now: u64) -> Option<Asked> {
        open(CODE, code, signer, now)
    }

    /// Where the browser goes when the owner has agreed, with the code.
    pub fn allowed(&self, base: &str, signer: &Signer, now: u64) -> String {
        let code = Asked { state: None, expires: now + CODE_SECONDS, ..self.clone() };
        leading(&self.redirect, &[("code", &seal(CODE, &code, signer))], self.state.as_deref(), base)
    }

    /// Where the browser goes when the owner has not.
    pub fn denied(&self, base: &str) -> String {
        let said = [("error", "access_denied"), ("error_description", "the owner did not agree")];
        leading(&self.redirect, &said, self.state.as_deref(), base)
    }
}

/// Challenge and resource, if everything is as it has to be.
fn checked(given: &Parameters, base: &str) -> Result<(String, Resource), Fault> {
    if given.get("state").is_some_and(|state| state.len() > MOST_STATE_BYTES) {
        return Err(Fault::request(format!("state has more than {MOST_STATE_BYTES} bytes")));
    }
    if given.get("response_type") != Some("code") {
        return Err(Fault::new("unsupported_response_type", "response_type has to be code"));
    }
    let challenge = given.get("code_challenge").filter(|challenge| pkce::is_challenge(challenge));
    match (challenge, given.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) => Ok((challenge.to_string(), resource(given, base)?)),
        _ => Err(Fault::request("a code_challenge with the code_challenge_method S256 is needed (PKCE)")),
    }
}

/// Clients of 2025-03-26 name none; theirs are all servers, as the owner is told.
pub(super) fn resource(given: &Parameters, base: &str) -> Result<Resource, Fault> {
    let named = given.get("resource").map(|url| Resource::read(url, base).ok_or_else(|| Fault::target(base)));
    named.unwrap_or(Ok(Resource::All))
}

/// The way back to the client, with `iss`, so that it knows whose answer it is (RFC 9207).
fn leading(redirect: &str, said: &[(&str, &str)], state: Option<&str>, base: &str) -> String {
    let state = state.map(|state| ("state", state));
    let all: Vec<_> = said.iter().copied().chain(state).chain([("iss", base)]).collect();
    with_query(redirect, &all)
}

fn seal(kind: &str, asked: &Asked, signer: &Signer) -> String {
    signer.seal(kind, &serde_json::to_vec(asked).unwrap_or_default())
}

fn open(kind: &str, word: &str, signer: &Signer, now: u64) -> Option<Asked> {
    let asked: Asked = serde_json::from_slice(&signer.open(kind, word)?).ok()?;
    (now < asked.expires).then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::oauth::client::Method;
    use proptest::prelude::*;

    const BASE: &str = "https://home.example";
    const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
    const GOOD: &str = "client_id=c&response_type=code&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=s%26t&resource=https://home.example/notes";

    fn read(query: &str) -> Result<Asked, Refused> {
        let redirects = vec![CALLBACK.to_string()];
        let client = Client { name: "Claude".to_string(), redirects, method: Method::None, issued: 0 };
        Asked::read(&Parameters::read(query.as_bytes()).unwrap(), &client, &Redirects::new(&[]), BASE, 1000)
    }

    #[test]
    fn what_was_checked_comes_back_by_form_and_code() {
        let (signer, asked) = (Signer::for_tests(), read(GOOD).unwrap());
        let form = asked.form(&signer);
        assert_eq!(Asked::of_form(&form, &signer, 1599), Some(asked.clone()));
        assert_eq!(Asked::of_form(&form, &signer, 1600), None);
        assert_eq!(Asked::of_code(&form, &signer, 1000), None);
        let (uri, query) = asked
            .allowed(BASE, &signer, 2000)
            .split_once('?')
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .unwrap();
        let said = Parameters::read(query.as_bytes()).unwrap();
        assert_eq!((uri.as_str(), said.get("state"), said.get("iss")), (CALLBACK, Some("s&t"), Some(BASE)));
        let code = said.get("code").unwrap();
        let of_code = Asked::of_code(code, &signer, 2059).unwrap();
        assert_eq!((of_code.grant, of_code.resource), (asked.grant, Resource::Server("notes".into())));
        assert_eq!(Asked::of_code(code, &signer, 2060), None);
        assert_eq!(Asked::of_form(code, &signer, 2000), None);
    }

    #[test]
    fn a_client_that_asks_wrongly_is_told_where_it_is_known() {
        for (change, code) in [
            (("response_type=code", "response_type=token"), "unsupported_response_type"),
            (("S256", "plain"), "invalid_request"),
            (("&code_challenge_method=S256", ""), "invalid_request"),
            (("code_challenge=E9", "code_challenge=E"), "invalid_request"),
            (("home.example/notes", "evil.example/notes"), "invalid_target"),
        ] {
            let Err(Refused::There(uri)) = read(&GOOD.replace(change.0, change.1)) else {
                panic!("{change:?}")
            };
            assert!(uri.starts_with(&format!("{CALLBACK}?error={code}&")), "{uri}");
            assert!(uri.ends_with("&state=s%26t&iss=https%3A%2F%2Fhome.example"), "{uri}");
        }
        assert!(matches!(read(&format!("{GOOD}&redirect_uri=https://evil.example/")), Err(Refused::Here(_))));
        assert!(matches!(read(&format!("{GOOD}&redirect_uri=http://127.0.0.1/")), Err(Refused::Here(_))));
    }

    proptest! {
        #[test]
        fn a_changed_letter_is_no_code(at: prop::sample::Index) {
            let signer = Signer::for_tests();
            let code = seal(CODE, &read(GOOD).unwrap(), &signer);
            let at = at.index(code.len());
            let other = if &code[at..=at] == "A" { "B" } else { "A" };
            prop_assert_eq!(Asked::of_code(&[&code[..at], other, &code[at + 1..]].concat(), &signer, 0), None);
        }

        #[test]
        fn whatever_comes_is_judged(query in "(redirect_uri=|state=|resource=|&|=|%|[a-z])*|\\PC*", word in "\\PC*") {
            if Parameters::read(query.as_bytes()).is_ok() {
                let _ = read(&query);
            }
            prop_assert_eq!(Asked::of_form(&word, &Signer::for_tests(), 0), None);
        }
    }
}
