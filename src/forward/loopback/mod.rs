//! Requests to servers on this machine, in plain HTTP/1.1, on connections that are used again: ureq takes more than
//! four times as many instructions for the same exchange.
//!
//! ```text
//! idle        connections that wait for the next request
//! connection  one exchange on one of them
//! request     the head of a request, in bytes; head: that of an answer, and how its body ends (both pure)
//! body        the body of an answer, read as it comes
//! ```

mod body;
mod connection;
mod head;
mod idle;
mod request;

#[cfg(test)]
mod tests;

use super::courier::{Cargo, Wait};
use super::errand::Deadline;
use super::socket::CONNECT_TIMEOUT;
use ::http::uri::Scheme;
use ::http::{Request, Response, Uri};
pub(super) use body::Body;
use connection::Connection;
use idle::Idle;
pub(super) use idle::{MAX_IDLE, MAX_IDLE_AGE};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use ureq::{Error, Timeout};

/// The way to servers on this machine.
#[derive(Clone)]
pub(super) struct Loopback {
    idle: Arc<Idle>,
    call_timeout: Duration,
}

/// Where that is, if it is on this machine, by its number, and is spoken to in the clear and without a password.
pub(super) fn address(url: &Uri) -> Option<SocketAddr> {
    let authority = url.authority().filter(|_| url.scheme() == Some(&Scheme::HTTP))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let host: IpAddr = host.parse().ok()?;
    let is_here = host.is_loopback() && !authority.as_str().contains('@');
    is_here.then(|| SocketAddr::new(host, authority.port_u16().unwrap_or(80)))
}

impl Loopback {
    /// A server may take `call_timeout` to read a request, and as long to begin its answer.
    pub(super) fn new(call_timeout: Duration) -> Loopback {
        Loopback { idle: Arc::default(), call_timeout }
    }

    /// Makes a request of the server at `address` and waits until the answer begins. It is never made twice.
    ///
    /// # Errors
    /// See [`super::courier::Courier::run`].
    pub(super) fn run(
        &self,
        address: SocketAddr,
        request: &Request<()>,
        cargo: Cargo<'_>,
        wait: Wait,
    ) -> Result<Response<Body>, Error> {
        let whole = Deadline::after(wait.whole(), Timeout::Global);
        let mut connection = match self.idle.take(address) {
            Some(connection) => connection,
            None => Connection::open(
                address,
                whole.left().map_or(CONNECT_TIMEOUT, |left| left.min(CONNECT_TIMEOUT)),
            )?,
        };
        connection.ask(
            request,
            cargo,
            whole.or(Deadline::after(Some(self.call_timeout), Timeout::SendBody)),
        )?;
        let patience = Some(self.call_timeout).filter(|_| !matches!(wait, Wait::Stream));
        let begin = whole.or(Deadline::after(patience, Timeout::RecvResponse));
        let head = connection.hear(request.method(), begin)?;
        Ok(head.response.map(|()| Body::new(connection, head.end, head.may_go_on, whole, &self.idle)))
    }
}
