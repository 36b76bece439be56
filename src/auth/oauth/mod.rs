//! The built-in authorization server (OAuth 2.1), for one person: the owner of the servers, known by a password.
//!
//! Nothing is kept but what the owner has agreed to ([`grants`]). Clients ([`client`]), forms and codes ([`asked`]) and
//! tokens ([`tokens`]) say themselves what they are, signed with a key that is made of the one of session ids; so they
//! outlive a restart. [`redirects`] says where codes may go, [`resource`] what a token opens.

mod asked;
mod client;
#[cfg(feature = "tls")]
mod document;
mod fault;
mod grants;
mod parameters;
mod pkce;
mod redirects;
mod resource;
mod tokens;

use super::{Caller, Owner, Scope};
use crate::config::Pattern;
use crate::ledger::{Ledger, Signer, now};
pub use asked::{Asked, Refused};
use client::{Client, Method};
pub use fault::Fault;
use grants::Turn;
pub use grants::{Grant, Grants};
pub use parameters::Parameters;
pub use redirects::{Redirects, is_loopback, place};
pub use resource::Resource;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokens::Kind;

/// The one scope there is.
pub const SCOPE: &str = "mcp";
/// Who comes with a token of ours.
pub(super) const PRINCIPAL: &str = "owner";

/// Registers clients, asks the owner, issues tokens and knows them again.
pub struct AuthorizationServer {
    /// The issuer, and the URL below which all servers are: [`resource::base`] of `public_url`.
    base: String,
    signer: Signer,
    redirects: Redirects,
    grants: Grants,
    owner: Arc<Owner>,
    #[cfg(feature = "tls")]
    documents: document::Documents,
}

/// A client's answer to who it is, at `/token`.
pub struct Credentials {
    /// `client_id`
    pub id: String,
    /// `client_secret`
    pub secret: Option<String>,
}

impl AuthorizationServer {
    /// `url` is where clients reach the proxy; `redirects` where codes may go beside the usual places.
    ///
    /// # Errors
    /// Tokens would cross a network in the clear, or the grants cannot be read.
    pub fn open(
        state_dir: &Path,
        ledger: &Ledger,
        url: &str,
        redirects: &[String],
        owner: Arc<Owner>,
    ) -> Result<AuthorizationServer, String> {
        let base = resource::base(url).filter(|base| base.starts_with("https://") || is_loopback(base));
        let base = base.ok_or_else(|| {
            format!("[auth] mode = \"oauth\" needs the URL under which clients reach this proxy, with https: public_url = \"https://home.example\" in [proxy] (it is {url})")
        })?;
        if !owner.has_password() {
            log::warn!(event = "no-password"; "nobody can be given access by OAuth yet: set a password with mcp-proxy passwd");
        }
        Ok(AuthorizationServer {
            base,
            signer: ledger.signer("oauth"),
            redirects: Redirects::new(redirects),
            grants: Grants::open(state_dir)?,
            owner,
            #[cfg(feature = "tls")]
            documents: document::Documents::default(),
        })
    }

    /// The issuer.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Who is asked.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Authorization server metadata (RFC 8414), which is OpenID Connect's, too, as far as clients look.
    pub fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.base);
        let methods = [Method::None, Method::ClientSecretPost, Method::ClientSecretBasic];
        json!({
            "issuer": self.base,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "registration_endpoint": at("register"),
            "revocation_endpoint": at("token/revoke"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "scopes_supported": [SCOPE],
            "client_id_metadata_document_supported": cfg!(feature = "tls"),
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Protected resource metadata (RFC 9728) of what is at this path below the issuer: `""`, `/notes`, `/notes/mcp`.
    /// None if no server can be there.
    pub fn resource_metadata(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.base);
        Resource::read(&url, &self.base)?;
        Some(json!({
            "resource": url,
            "authorization_servers": [self.base],
            "scopes_supported": [SCOPE],
            "bearer_methods_supported": ["header"],
        }))
    }

    /// What a 401 for this path below the issuer says of how to get access: parameters of `WWW-Authenticate: Bearer`
    /// (RFC 9728, 5.1).
    pub fn challenge(&self, path: &str) -> String {
        let is_ours = Resource::read(&format!("{}{path}", self.base), &self.base).is_some();
        let path = if is_ours { path } else { "" };
        format!(
            "resource_metadata=\"{}/.well-known/oauth-protected-resource{path}\", scope=\"{SCOPE}\"",
            self.base
        )
    }

    /// Registers a client (RFC 7591).
    ///
    /// # Errors
    /// What is wrong with its metadata.
    pub fn register(&self, metadata: &Value) -> Result<Value, Fault> {
        Ok(Client::read(metadata, &self.redirects, now())?.answer(&self.signer))
    }

    /// Checks what a client asks the owner for.
    ///
    /// # Errors
    /// Who is to be told what.
    pub fn ask(&self, given: &Parameters) -> Result<Asked, Refused> {
        let id = given.get("client_id").unwrap_or_default();
        let client = self.client(id).map_err(Refused::Here)?;
        Asked::read(given, &client, &self.redirects, &self.base, now())
    }

    fn client(&self, id: &str) -> Result<Client, String> {
        #[cfg(feature = "tls")]
        if is_document(id) {
            return self.documents.client(id);
        }
        Client::of_id(id, &self.signer).ok_or_else(|| {
            "The client is not known here. Remove the connection in the client, and add it again.".into()
        })
    }

    /// What the form holds that comes back with the owner's answer.
    pub fn form(&self, asked: &Asked) -> String {
        asked.form(&self.signer)
    }

    /// What a form that comes back is about: one of ours, not too old, and not used yet.
    pub fn asked(&self, form: &str) -> Option<Asked> {
        Asked::of_form(form, &self.signer, now()).filter(|asked| !self.grants.is_known(&asked.grant))
    }

    /// The owner has agreed: where the browser goes.
    pub fn allow(&self, asked: &Asked) -> String {
        asked.allowed(&self.base, &self.signer, now())
    }

    /// The owner has not.
    pub fn deny(&self, asked: &Asked) -> String {
        asked.denied(&self.base)
    }

    /// Issues tokens (OAuth 2.1, 3.2).
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn token(&self, given: &Parameters, client: &Credentials) -> Result<Value, Fault> {
        self.prove(client)?;
        match given.get("grant_type") {
            Some("authorization_code") => self.redeem(given, client),
            Some("refresh_token") => self.refresh(given, client),
            _ => {
                Err(Fault::new("unsupported_grant_type", "grant_type is authorization_code or refresh_token"))
            }
        }
    }

    /// A client that has a secret has to know it. One known by its document has none.
    fn prove(&self, client: &Credentials) -> Result<(), Fault> {
        let is_known = is_document(&client.id)
            || Client::of_id(&client.id, &self.signer)
                .is_some_and(|known| known.is_proved(&client.id, client.secret.as_deref(), &self.signer));
        is_known.then_some(()).ok_or_else(Fault::client)
    }

    /// Tokens for a code.
    fn redeem(&self, given: &Parameters, client: &Credentials) -> Result<Value, Fault> {
        let now = now();
        let code = given.get("code").ok_or_else(|| Fault::request("code is missing"))?;
        let asked = Asked::of_code(code, &self.signer, now)
            .filter(|asked| asked.client == client::digest(&client.id))
            .filter(|asked| given.get("redirect_uri").is_none_or(|uri| uri == asked.redirect))
            .ok_or_else(|| Fault::grant("the code is not one of this client and redirect_uri, or too old"))?;
        if !pkce::proves(given.get("code_verifier").unwrap_or_default(), &asked.challenge) {
            return Err(Fault::grant("code_verifier does not fit the code_challenge"));
        }
        let resource = self.narrowed(given, &asked.resource)?;
        let place = place(&asked.redirect).to_string();
        let grant = Grant {
            id: asked.grant,
            name: asked.name,
            place,
            resource,
            client: asked.client,
            issued: now,
            used: now,
            turn: 0,
            ended: None,
        };
        if !self.grants.begin(grant.clone()).map_err(broken)? {
            log::warn!(event = "oauth-reuse"; "a code of {} came twice: its access has ended, it has to be allowed again", grant.name);
            return Err(Fault::grant("the code was used before; access has ended, ask the owner again"));
        }
        log::info!(event = "oauth-granted", grant = grant.label(); "{} ({}) has access", grant.name, grant.place);
        Ok(self.tokens(&grant, now))
    }

    /// Tokens for a refresh token.
    fn refresh(&self, given: &Parameters, client: &Credentials) -> Result<Value, Fault> {
        let now = now();
        let over = || Fault::grant("the refresh token is not good (any more); ask the owner again");
        let token = given.get("refresh_token").ok_or_else(|| Fault::request("refresh_token is missing"))?;
        let (id, turn) = tokens::read(Kind::Refresh, token, &self.signer).ok_or_else(over)?;
        let grant = self.grants.find(&id, now).ok_or_else(over)?;
        self.narrowed(given, &grant.resource)?;
        match self.grants.turn(&id, turn, &client::digest(&client.id), now).map_err(broken)? {
            Turn::Now(grant) => Ok(self.tokens(&grant, now)),
            Turn::Reused(grant) => {
                log::warn!(event = "oauth-reuse"; "an old refresh token of {} came again: its access has ended, it has to be allowed again", grant.name);
                Err(over())
            }
            Turn::None => Err(over()),
        }
    }

    /// What a request for tokens is for: no more than was agreed to (RFC 8707, 2.2).
    fn narrowed(&self, given: &Parameters, agreed: &Resource) -> Result<Resource, Fault> {
        match given.get("resource") {
            None => Ok(agreed.clone()),
            Some(_) => asked::resource(given, &self.base)
                .ok()
                .filter(|wanted| agreed.covers(wanted))
                .ok_or_else(|| Fault::target(&self.base)),
        }
    }

    fn tokens(&self, grant: &Grant, now: u64) -> Value {
        json!({
            "access_token": tokens::write(Kind::Access, &grant.id, now + tokens::ACCESS_SECONDS, &self.signer),
            "token_type": "Bearer",
            "expires_in": tokens::ACCESS_SECONDS,
            "refresh_token": tokens::write(Kind::Refresh, &grant.id, grant.turn, &self.signer),
            "scope": SCOPE,
        })
    }

    /// Ends the grant of a token (RFC 7009). What is no token is no fault.
    ///
    /// # Errors
    /// The client is not who it says, or the grants cannot be written.
    pub fn revoke(&self, given: &Parameters, client: &Credentials) -> Result<(), Fault> {
        self.prove(client)?;
        let token = given.get("token").ok_or_else(|| Fault::request("token is missing"))?;
        let grant = [Kind::Access, Kind::Refresh]
            .into_iter()
            .find_map(|kind| tokens::read(kind, token, &self.signer));
        let grant = grant.and_then(|(id, _)| self.grants.find(&id, now()));
        if let Some(grant) = grant.filter(|grant| grant.client == client::digest(&client.id)) {
            self.grants.revoke(&grant.id, now()).map_err(broken)?;
            log::info!(event = "oauth-revoked", grant = grant.label(); "{} has given its access back", grant.name);
        }
        Ok(())
    }

    /// Who comes with this access token, if it is one of ours; nobody (any more) if it is over. What it opens, the
    /// caller's scope says.
    pub fn caller(&self, bearer: &str) -> Option<Option<Caller>> {
        let (id, until) = tokens::read(Kind::Access, bearer, &self.signer)?;
        let now = now();
        let grant = self.grants.find(&id, now).filter(|_| now < until);
        Some(grant.map(|grant| Caller::new(PRINCIPAL, scope(&grant.resource))))
    }
}

fn scope(resource: &Resource) -> Scope {
    let servers = match resource {
        Resource::All => Pattern::any(),
        Resource::Server(name) => Pattern::from(name.as_str()),
    };
    Scope { servers: vec![servers], tools: vec![Pattern::any()] }
}

/// Whether a client is known by a document of its own rather than by registration.
fn is_document(id: &str) -> bool {
    cfg!(feature = "tls") && id.starts_with("https://")
}

fn broken(text: String) -> Fault {
    log::error!(event = "oauth-grants"; "{text}");
    Fault::new("server_error", "the proxy cannot keep what was agreed to; its log says why")
}
