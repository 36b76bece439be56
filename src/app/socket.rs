//! The sockets that are served: those that were handed over, or one of our own.

use super::certificate::Certificate;
use crate::config::{Config, environment};
use crate::http::{Identities, Scheme};
use crate::server::handed_over;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

/// Where clients connect.
pub(super) struct Sockets {
    /// At least one.
    all: Vec<(TcpListener, Scheme)>,
    /// Of the first.
    pub(super) address: SocketAddr,
    /// Where plain requests from this machine are served: there our own commands need no certificate to trust.
    pub(super) control: SocketAddr,
    /// Whether somebody else holds them too: who connects while we end waits for our successor.
    pub(super) shared: bool,
    /// Where plain requests are sent on.
    pub(super) redirect: Option<SocketAddr>,
    is_secured: bool,
}

impl Sockets {
    /// Those that whoever started us has opened (sd_listen_fds(3)), else one of our own at the configured address.
    /// With a certificate HTTPS is spoken there.
    ///
    /// # Errors
    /// What was handed over is no TCP socket that listens, or the address cannot be listened on.
    pub(super) fn open(config: &Config, certificate: Option<&Arc<Certificate>>) -> Result<Sockets, String> {
        let given = given()?;
        let shared = !given.is_empty();
        let all = if shared { given } else { vec![bind(config.proxy.listen, "--listen 127.0.0.1:PORT")?] };
        let address = local(&all[0])?;
        if shared && address != config.proxy.listen {
            log::info!(event = "handed-over"; "the listening socket was handed over: {address} is served, and listen = {} is not", config.proxy.listen);
        }
        let scheme =
            certificate.map_or(Scheme::Http, |it| Scheme::Https(Arc::clone(it) as Arc<dyn Identities>));
        let all = all.into_iter().map(|socket| (socket, scheme.clone())).collect();
        let is_secured = certificate.is_some();
        let mut sockets = Sockets { all, address, control: address, shared, redirect: None, is_secured };
        if is_secured {
            sockets.open_beside(&config.tls.redirect_listen)?;
        }
        Ok(sockets)
    }

    /// The first that serves others than this machine, if one is such.
    pub(super) fn reachable(&self) -> Option<SocketAddr> {
        let serving = self.all.iter().filter(|(_, scheme)| !matches!(scheme, Scheme::Redirect(_)));
        let mut addresses = serving.filter_map(|(socket, _)| socket.local_addr().ok());
        addresses.find(|address| !address.ip().to_canonical().is_loopback())
    }

    /// What is plain beside HTTPS.
    fn open_beside(&mut self, redirect: &str) -> Result<(), String> {
        let control = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "--listen 127.0.0.1:PORT")?;
        self.control = local(&control)?;
        self.all.push((control, Scheme::Http));
        if let Ok(redirect) = redirect.parse() {
            let socket = bind(redirect, "redirect_listen in [tls]")?;
            self.redirect = Some(local(&socket)?);
            self.all.push((socket, Scheme::Redirect(self.address.port())));
        }
        Ok(())
    }

    /// What is spoken with clients.
    pub(super) fn scheme(&self) -> &'static str {
        if self.is_secured { "https" } else { "http" }
    }

    /// What clients on this machine use.
    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (TcpListener, Scheme)> {
        self.all.into_iter()
    }
}

fn local(socket: &TcpListener) -> Result<SocketAddr, String> {
    socket.local_addr().map_err(|error| error.to_string())
}

/// `LISTEN_FDS` sockets, if they are meant for this process.
fn given() -> Result<Vec<TcpListener>, String> {
    let environment = environment();
    let number = |name: &str| environment.get(name).and_then(|value| value.parse::<u32>().ok());
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), Some(count)) if pid == std::process::id() => handed_over(count)
            .map_err(|error| format!("LISTEN_FDS = {count}: {error}; in the .socket unit say ListenStream=[ADDRESS:]PORT, and not Accept=yes")),
        _ => Ok(Vec::new()),
    }
}

fn bind(address: SocketAddr, choice: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "{address} is taken by another program (another mcp-proxy?): stop it, or choose with {choice}"
            )
        }
        _ => format!("{address} cannot be listened on: {error}; choose another with {choice}"),
    })
}
