//! What stands around a message: its header fields, the connection it came by, and who sent it.

use crate::auth::Caller;
use crate::http::{Client, Exchange};
use ::http::HeaderMap;

/// A request to the endpoint, but for its body.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) client: &'r Client,
    pub(crate) caller: &'r Caller,
}

impl<'r> Asking<'r> {
    pub(crate) fn of(exchange: &'r Exchange<'_>, caller: &'r Caller) -> Asking<'r> {
        Asking { headers: exchange.request.headers(), client: &exchange.client, caller }
    }
}
