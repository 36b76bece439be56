//! How children come to be, and who has to be waited for until they have ended.

use super::super::peer::audience::Audience;
use super::super::peer::lists::Keeping;
use super::super::peer::{Peer, Terms};
use crate::config::spec::ServerSpec;
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::server::{Context, Role, Server};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all children of a server have in common.
pub(super) struct Nursery {
    first: Arc<Server>,
    pub(super) spec: Arc<ServerSpec>,
    pub(super) context: Arc<Context>,
    pub(super) terms: Arc<Terms>,
    raised: Mutex<Raised>,
}

/// The supervisors of all that it raised.
#[derive(Default)]
struct Raised {
    /// Those that have not ended; some were closed and are still at it.
    servers: Vec<Arc<Server>>,
    /// No more are raised: nobody would end them.
    closed: bool,
}

impl Nursery {
    pub(super) fn new(
        first: Arc<Server>,
        spec: Arc<ServerSpec>,
        context: Arc<Context>,
        terms: Arc<Terms>,
    ) -> Nursery {
        Nursery { first, spec, context, terms, raised: Mutex::default() }
    }

    /// Another child, with a supervisor of its own.
    ///
    /// # Errors
    /// No thread can be started, or the server is no longer served.
    pub(super) fn raise(
        &self,
        role: Role,
        audience: Audience,
        keeping: Keeping,
    ) -> Result<Arc<Peer>, RpcError> {
        let mut raised = self.raised();
        if raised.closed {
            let text = format!("server {} is being stopped; try again in a moment", self.spec.name);
            return Err(RpcError::new(INTERNAL_ERROR, text));
        }
        let (server, seat) = self.first.sibling(&self.context.limits, &self.context.changes);
        let peer = Peer::new(Arc::clone(&server), audience, keeping, Arc::clone(&self.terms));
        let (spec, context) = (Arc::clone(&self.spec), Arc::clone(&self.context));
        let face: Arc<Peer> = Arc::clone(&peer);
        server.run(seat, spec, face, context, role).map_err(|error| {
            let name = &self.spec.name;
            RpcError::new(
                INTERNAL_ERROR,
                format!("server {name} cannot have another child: no thread for it: {error}"),
            )
        })?;
        raised.servers.retain(|server| !server.has_ended());
        raised.servers.push(server);
        Ok(peer)
    }

    /// Ends them all, and raises no more.
    pub(super) fn close(&self) {
        let mut raised = self.raised();
        raised.closed = true;
        raised.servers.iter().for_each(|server| server.close());
    }

    /// The supervisors of those that have not ended.
    pub(super) fn servers(&self) -> Vec<Arc<Server>> {
        self.raised().servers.clone()
    }

    fn raised(&self) -> MutexGuard<'_, Raised> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
