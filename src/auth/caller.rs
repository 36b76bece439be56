//! A client whose credential was found good, or one that was not asked for any.

use crate::config::Pattern;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// Who sent a request. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    principal: Arc<str>,
    scope: Arc<Scope>,
    /// Whether this is who runs the proxy, by the control secret.
    is_operator: bool,
    address: Option<IpAddr>,
    /// What forms of theirs bring back, if they have signed in at the status page.
    form: Option<Arc<str>>,
}

/// What somebody may use: names of servers and of tools, each by patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The servers; none where the list is empty.
    pub servers: Vec<Pattern>,
    /// Of those servers the tools; none where the list is empty.
    pub tools: Vec<Pattern>,
}

impl Scope {
    /// Every tool of every server.
    pub fn everything() -> Scope {
        Scope { servers: vec![Pattern::any()], tools: vec![Pattern::any()] }
    }
}

impl Caller {
    /// Somebody who may use this. Sessions belong to the principal, whatever credential says who that is.
    pub fn new(principal: &str, scope: Scope) -> Caller {
        Caller {
            principal: principal.into(),
            scope: Arc::new(scope),
            is_operator: false,
            address: None,
            form: None,
        }
    }

    /// Whoever comes, where nobody is asked for a credential.
    pub fn anyone() -> Caller {
        static ANYONE: LazyLock<Caller> = LazyLock::new(|| Caller::new("", Scope::everything()));
        ANYONE.clone()
    }

    /// A stranger, who may see no more than whether the proxy is up.
    pub fn stranger() -> Caller {
        Caller::new("", Scope { servers: Vec::new(), tools: Vec::new() })
    }

    /// Who runs the proxy: may use everything, and command it.
    pub fn operator() -> Caller {
        Caller { is_operator: true, ..Caller::new("owner", Scope::everything()) }
    }

    /// Whether it was the authorization server that let them in: for what they were let in, and nothing else.
    pub fn is_by_oauth(&self) -> bool {
        *self.principal == *super::oauth::PRINCIPAL && !self.is_operator
    }

    /// Whether commands are theirs to give.
    pub fn is_operator(&self) -> bool {
        self.is_operator
    }

    /// Whether all servers are theirs to use, those too that are still to come.
    pub fn may_use_all(&self) -> bool {
        self.scope.servers.iter().any(Pattern::is_any)
    }

    /// Who has signed in at the status page, whose forms bring this word back.
    #[must_use]
    pub fn visiting(mut self, form: &str) -> Caller {
        self.form = Some(form.into());
        self
    }

    /// What forms of theirs bring back, if they have signed in at the status page.
    pub fn form(&self) -> Option<&str> {
        self.form.as_deref()
    }

    /// Who asks from this address.
    #[must_use]
    pub fn at(mut self, address: IpAddr) -> Caller {
        self.address = Some(address);
        self
    }

    /// From where they ask, where that is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Who this is; empty where nobody is asked.
    pub fn principal(&self) -> &Arc<str> {
        &self.principal
    }

    /// Whether this server is theirs to use.
    pub fn may_use(&self, server: &str) -> bool {
        self.scope.servers.iter().any(|pattern| pattern.fits(server))
    }

    /// Whether a tool of that name is theirs to see and call, on a server that is.
    pub fn may_call(&self, tool: &str) -> bool {
        self.scope.tools.iter().any(|pattern| pattern.fits(tool))
    }

    /// Whether every tool is, whatever its name.
    pub fn may_call_all(&self) -> bool {
        self.scope.tools.iter().any(Pattern::is_any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_what_its_patterns_fit() {
        let patterns = |list: &[&str]| list.iter().map(|pattern| Pattern::from(*pattern)).collect();
        let scope = Scope { servers: patterns(&["notes", "home-*"]), tools: patterns(&["read_*"]) };
        let caller = Caller::new("token:phone", scope);
        assert!(caller.may_use("notes") && caller.may_use("home-lights") && !caller.may_use("gdrive"));
        assert!(caller.may_call("read_file") && !caller.may_call("write_file"));
        let nothing = Caller::new("x", Scope { servers: Vec::new(), tools: Vec::new() });
        assert!(!nothing.may_use("notes") && !nothing.may_call("read_file"));
        assert!(Caller::anyone().may_use("notes") && Caller::anyone().may_call("read_file"));
    }
}
