//! Who may enter: which credential is asked for, and whose it is.

use super::credential::Credential;
use super::digest::Digest;
use super::oauth::AuthorizationServer;
use super::owner::Attempt;
use super::tokens::{Found, Tokens};
use super::visits::{Visitor, Visits};
use super::{Caller, Lockout};
use crate::config::{AuthMode, AuthSection};
use crate::meter::Refusal;
use ::http::HeaderMap;
use std::net::IpAddr;
use std::time::Duration;

/// Why somebody was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// They brought nothing.
    Missing,
    /// They brought more than one credential.
    Several,
    /// What they brought is none of ours.
    Unknown,
    /// It was, until its time was over.
    Expired,
    /// Too many of their like were tried from there; the wait.
    Locked(Duration),
    /// It is good, but not for that.
    Foreign,
    /// It was issued by the authorization server for another server.
    Audience,
    /// Nobody is asked who they are, but commands need the control secret.
    Command,
    /// They have signed in, but what they send does not come from the page.
    Forged,
}

impl Denial {
    /// As it is counted.
    pub fn label(self) -> Refusal {
        match self {
            Denial::Missing => Refusal::Missing,
            Denial::Several => Refusal::Several,
            Denial::Unknown => Refusal::Unknown,
            Denial::Expired => Refusal::Expired,
            Denial::Locked(_) => Refusal::Locked,
            Denial::Foreign => Refusal::Foreign,
            Denial::Audience => Refusal::Audience,
            Denial::Command => Refusal::Command,
            Denial::Forged => Refusal::Origin,
        }
    }

    /// For the log.
    pub fn reason(self) -> &'static str {
        match self {
            Denial::Missing => "no token",
            Denial::Several => "more than one Authorization",
            Denial::Unknown => "unknown token",
            Denial::Expired => "expired token",
            Denial::Locked(_) => "locked out",
            Denial::Foreign => "out of scope",
            Denial::Audience => "of another server",
            Denial::Command => "no control secret",
            Denial::Forged => "not from the page",
        }
    }
}

/// What clients have to bring.
pub struct Access {
    mode: AuthMode,
    /// Whether somebody else than this machine can reach the proxy.
    is_reachable: bool,
    tokens: Tokens,
    /// Issues further ones, where it is switched on.
    oauth: Option<AuthorizationServer>,
    /// Opens everything: the control secret of the run file.
    secret: Digest,
    lockout: Lockout,
    visits: Visits,
}

/// What comes of an attempt to sign in at the status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The cookie of the visit.
    Begun(String),
    /// A good token, but not one for all servers, which the page shows.
    Scoped,
    /// Neither a token nor a link that is good.
    Not(Attempt),
}

/// Refuses to serve everybody by mistake. `reachable`: from where others than this machine can come, if they can.
///
/// # Errors
/// Nobody would be asked who they are, or nobody could answer; the text names the ways on.
pub fn admit(auth: &AuthSection, tokens: &Tokens, reachable: Option<&str>) -> Result<(), String> {
    let ways = "Either make a token (mcp-proxy token new), or, if everyone who can reach it may call all tools, say mode = \"none\" and i_know_everyone_can_call_my_tools = true in [auth] of proxy.toml";
    match (auth.mode, reachable) {
        (AuthMode::None, Some(place)) if auth.i_know_everyone_can_call_my_tools => {
            log::warn!(event = "open-to-all"; "everyone who can reach {place} can call all tools");
            Ok(())
        }
        (AuthMode::None, Some(place)) => Err(format!(
            "refused: {place} is reachable from the network, and nobody would be asked who they are. {ways}"
        )),
        (AuthMode::None, None) => Ok(()),
        (AuthMode::Oauth, _) => Ok(()),
        (_, Some(place)) if !tokens.are_in_use() => {
            Err(format!("refused: {place} is reachable from the network, and there is no token yet. {ways}"))
        }
        (mode, _) if !tokens.are_any_good() && (mode != AuthMode::Auto || tokens.are_in_use()) => {
            log::warn!(event = "no-token"; "a token is asked for, and there is none that is good: make one with mcp-proxy token new");
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Access {
    /// By these tokens, those of this authorization server, by the control secret, and at the status page by a visit.
    pub fn new(
        mode: AuthMode,
        is_reachable: bool,
        tokens: Tokens,
        oauth: Option<AuthorizationServer>,
        secret: &str,
        lockout: Lockout,
        visits: Visits,
    ) -> Access {
        Access { mode, is_reachable, tokens, oauth, secret: Digest::of(secret.as_bytes()), lockout, visits }
    }

    /// The authorization server, where it is switched on.
    pub fn oauth(&self) -> Option<&AuthorizationServer> {
        self.oauth.as_ref()
    }

    /// Wrong passwords of the owner's, and how often somebody was locked out, for a token or a password.
    pub fn guesses(&self) -> (u64, u64) {
        let (passwords, locks) = self.visits.owner().guesses();
        (passwords, locks + self.lockout.counts().1)
    }

    /// Who sends these header fields from there. A good token enters from any address: others may have tried theirs
    /// behind the same one.
    ///
    /// # Errors
    /// A credential is asked for, and theirs is not good.
    pub fn identify(&self, headers: &HeaderMap, address: IpAddr) -> Result<Caller, Denial> {
        let caller = self.recognise(headers);
        if caller == Err(Denial::Unknown) {
            self.lockout.allow(address).map_err(Denial::Locked)?;
            self.lockout.failed(address);
        }
        caller
    }

    /// The same where nobody can be guessing: who has entered by these header fields already.
    ///
    /// # Errors
    /// They would not enter by them now.
    pub fn recognise(&self, headers: &HeaderMap) -> Result<Caller, Denial> {
        match Credential::of(headers) {
            Credential::Token(token) if Digest::of(token).is(&self.secret) => Ok(Caller::operator()),
            _ if !self.is_asked() => Ok(Caller::anyone()),
            Credential::None => Err(Denial::Missing),
            Credential::Several => Err(Denial::Several),
            Credential::Token(token) => self.of_token(token),
        }
    }

    fn of_token(&self, token: &[u8]) -> Result<Caller, Denial> {
        match self.issued(token).unwrap_or_else(|| self.tokens.find(token)) {
            Found::Good(caller) => Ok(caller),
            // Not guessed: it was ours.
            Found::Expired => Err(Denial::Expired),
            Found::Unknown => Err(Denial::Unknown),
        }
    }

    /// What the authorization server says of a token that it has issued.
    fn issued(&self, token: &[u8]) -> Option<Found> {
        let found = self.oauth()?.caller(std::str::from_utf8(token).ok()?)?;
        Some(found.map_or(Found::Expired, Found::Good))
    }

    /// Visits to the status page.
    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// Whether the owner has a password to sign in with.
    pub fn has_password(&self) -> bool {
        self.visits.owner().has_password()
    }

    /// Somebody at this address signs in with what they typed: a token, or the owner's password. A token is not found
    /// by trying, so what is none counts as a wrong password.
    pub fn enter(&self, typed: &str, address: IpAddr) -> Entry {
        match self.tokens.find(typed.as_bytes()) {
            Found::Good(caller) if caller.may_use_all() => {
                Entry::Begun(self.visits.begin(&Visitor::Holder(Digest::of(typed.as_bytes()))))
            }
            Found::Good(_) => Entry::Scoped,
            Found::Expired | Found::Unknown => match self.visits.owner().try_password(typed, address) {
                Attempt::Owner => Entry::Begun(self.visits.begin(&Visitor::Owner)),
                failed => Entry::Not(failed),
            },
        }
    }

    /// The same with the code of a link, which is then used up. `None` if it is none, or too old.
    pub fn enter_by_link(&self, code: &str) -> Option<String> {
        self.visits.redeem(code).then(|| self.visits.begin(&Visitor::Owner))
    }

    /// Who visits the status page with this cookie, if the visit lasts.
    pub fn visitor(&self, cookie: &str) -> Option<Caller> {
        let caller = match self.visits.visitor(cookie)? {
            Visitor::Owner => Caller::operator(),
            Visitor::Holder(token) => self.tokens.holder(&token).filter(Caller::may_use_all)?,
        };
        Some(caller.visiting(&self.visits.word(cookie)))
    }

    /// Whether anybody has to say who they are.
    pub fn is_asked(&self) -> bool {
        match self.mode {
            AuthMode::None => false,
            AuthMode::Token | AuthMode::Oauth => true,
            AuthMode::Auto => self.is_reachable || self.tokens.are_in_use(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Book, Owner, Scope};
    use crate::ledger::Signer;
    use ::http::{HeaderValue, header};
    use std::sync::Arc;

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn who_guesses_is_locked_out_and_a_good_token_still_enters() {
        let folder = tempfile::tempdir().unwrap();
        let (_, good) = Book::of(folder.path()).add(None, Scope::everything(), None, 10).unwrap();
        let tokens = Tokens::open(folder.path(), None).unwrap();
        let visits = Visits::new(Signer::for_tests(), Arc::new(Owner::of_folder(folder.path())));
        let access = Access::new(AuthMode::Auto, false, tokens, None, "the secret", Lockout::new(10), visits);
        let (here, there) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let ask =
            |token: &str, address| access.identify(&bearer(token), address).map_err(|denial| denial.reason());
        for _ in 0..10 {
            assert_eq!(ask("wrong", here), Err("unknown token"));
        }
        assert_eq!(ask("wrong", here), Err("locked out"));
        assert_eq!(ask("wrong", there), Err("unknown token"));
        assert_eq!(&**ask(&good, here).unwrap().principal(), "token:token-1");
        assert!(ask("the secret", here).unwrap().is_operator());
        assert_eq!(access.identify(&HeaderMap::new(), here), Err(Denial::Missing));
    }
}
