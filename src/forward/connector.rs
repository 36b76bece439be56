//! ureq, as it is used for servers elsewhere: it reads and writes with blocking calls and would not notice that nobody
//! waits any more. So its sockets are ours.

use super::errand::Deadline;
use super::loopback::{MAX_IDLE, MAX_IDLE_AGE};
use super::socket::{CONNECT_TIMEOUT, Socket};
use std::io::IoSlice;
use std::time::Duration;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error};

/// An agent that alters nothing: no redirects, no errors made of status codes, no proxy from the environment,
/// no header fields of its own.
pub(super) fn agent(call_timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .allow_non_standard_methods(true)
        .max_idle_age(MAX_IDLE_AGE)
        .max_idle_connections(MAX_IDLE)
        .max_idle_connections_per_host(MAX_IDLE)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_send_request(Some(call_timeout))
        .timeout_send_body(Some(call_timeout))
        .timeout_recv_response(Some(call_timeout));
    #[cfg(feature = "tls")]
    let config = config.tls_config(ureq::tls::TlsConfig::builder().root_certs(authorities()).build());
    let config = config.build();
    #[cfg(feature = "tls")]
    let chain = ().chain(AskerAware).chain(ureq::unversioned::transport::RustlsConnector::default());
    #[cfg(not(feature = "tls"))]
    let chain = ().chain(AskerAware);
    Agent::with_parts(config, chain, DefaultResolver::default())
}

/// Whom to trust: Mozilla's list, which is built in, or only those of the file that `SSL_CERT_FILE` names (as OpenSSL
/// has it), for servers with a certificate of one's own.
#[cfg(feature = "tls")]
fn authorities() -> ureq::tls::RootCerts {
    use ureq::tls::{PemItem, RootCerts, parse_pem};
    let Some(file) = std::env::var_os("SSL_CERT_FILE") else { return RootCerts::WebPki };
    let pem = std::fs::read(&file).unwrap_or_default();
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        log::warn!(event = "no-certificates"; "SSL_CERT_FILE names {}, which holds no certificate; it is ignored", file.display());
        return RootCerts::WebPki;
    }
    RootCerts::new_with_certs(&certificates)
}

/// Opens TCP connections that know who waits for them.
#[derive(Debug)]
struct AskerAware;

impl<In: Transport> Connector<In> for AskerAware {
    type Out = Buffered;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<In>,
    ) -> Result<Option<Buffered>, Error> {
        let patience = details.timeout.not_zero().map_or(CONNECT_TIMEOUT, |left| *left);
        let mut last = Error::ConnectionFailed;
        for address in details.addrs.iter() {
            match Socket::open(address, patience) {
                Ok(socket) => {
                    let buffers = LazyBuffers::new(16 * 1024, 16 * 1024);
                    return Ok(Some(Buffered { socket, buffers }));
                }
                Err(error) => last = Error::Io(error),
            }
        }
        Err(last)
    }
}

/// One connection to a server.
struct Buffered {
    socket: Socket,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for Buffered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffered").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Transport for Buffered {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = IoSlice::new(&self.buffers.output()[..amount]);
        self.socket.send(&mut [output], deadline(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let count = self.socket.receive(self.buffers.input_append_buf(), deadline(timeout))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.socket.is_quiet()
    }
}

fn deadline(timeout: NextTimeout) -> Deadline {
    Deadline::after(timeout.not_zero().map(|left| *left), timeout.reason)
}
