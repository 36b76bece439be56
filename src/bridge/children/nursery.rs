//! How children come to be.

use super::super::peer::audience::Audience;
use super::super::peer::{Peer, Terms};
use crate::config::spec::ServerSpec;
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use crate::server::{Context, Role, Server};
use std::sync::Arc;

/// What all children of a server have in common.
pub(super) struct Nursery {
    pub(super) spec: Arc<ServerSpec>,
    pub(super) context: Arc<Context>,
    pub(super) terms: Arc<Terms>,
}

impl Nursery {
    /// Another child, with a supervisor of its own.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn raise(&self, role: Role, audience: Audience) -> Result<Arc<Peer>, RpcError> {
        let (server, seat) = Server::new(&self.spec.name, &self.context.limits);
        let peer = Arc::new(Peer::new(Arc::clone(&server), audience, Arc::clone(&self.terms)));
        let (spec, context) = (Arc::clone(&self.spec), Arc::clone(&self.context));
        let face: Arc<Peer> = Arc::clone(&peer);
        server.run(seat, spec, None, face, context, role).map_err(|error| {
            let name = &self.spec.name;
            RpcError::new(
                INTERNAL_ERROR,
                format!("server {name} cannot have another child: no thread for it: {error}"),
            )
        })?;
        Ok(peer)
    }
}
