//! Options of sockets. On Linux an accepted socket inherits them from the listening one, so that a
//! new connection costs one system call.

use crate::limits::Limits;
use rustix::net::sockopt::{self, Timeout};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// A vanished client is asked for a sign of life after this time, and again as often.
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// Prepares a listening socket for the `accept` thread.
///
/// # Errors
/// An option that the server cannot do without was refused.
pub(crate) fn prepare_listener(socket: &TcpListener, limits: &Limits) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if cfg!(target_os = "linux") { set_options(socket, limits) } else { Ok(()) }
}

/// Prepares an accepted socket where it does not inherit its options.
pub(crate) fn prepare_accepted(socket: &TcpStream, limits: &Limits) {
    if !cfg!(target_os = "linux") {
        let done = socket.set_nonblocking(false).and_then(|()| set_options(socket, limits));
        if let Err(error) = done {
            log::debug!(event = "socket-options"; "the options of a connection could not be set: {error}");
        }
    }
}

fn set_options<S: AsFd>(socket: &S, limits: &Limits) -> io::Result<()> {
    let idle = limits.keep_alive().max(Duration::from_secs(1));
    sockopt::set_socket_timeout(socket, Timeout::Recv, Some(idle))?;
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    #[cfg(target_os = "linux")]
    {
        sockopt::set_tcp_keepidle(socket, PROBE_AFTER)?;
        sockopt::set_tcp_keepintvl(socket, PROBE_AFTER / 4)?;
    }
    Ok(())
}
