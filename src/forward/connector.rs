//! Connections to HTTP servers that end when whoever they work for is gone.
//!
//! ureq reads and writes with blocking calls and would not notice. So its socket is ours, never blocks, and waits for
//! the server and for the asker at once.

use super::leash::Leash;
use crate::config::spec::Options;
use crate::http::Client;
use crate::server::Server;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error, Timeout};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections to one server; each client has at most one.
const MAX_IDLE: usize = 32;

/// An idle connection is not used again after this time: servers close theirs after five seconds (Node) or more, and
/// a request that crosses such an end is lost.
const MAX_IDLE_AGE: Duration = Duration::from_secs(3);
/// A silent server is asked for a sign of life after this time.
#[cfg(target_os = "linux")]
const PROBE_AFTER: Duration = Duration::from_secs(60);
/// How often a thread that waits looks whether what it waits for is still served.
const LOOK: Duration = Duration::from_secs(1);

thread_local! {
    /// What the exchange on this thread works for: one exchange, one thread.
    static ERRAND: RefCell<Option<Errand>> = const { RefCell::new(None) };
}

/// An answer whose body is not read yet.
pub(super) type ServerAnswer = ::http::Response<ureq::Body>;

/// What makes waiting for a server worth while.
#[derive(Clone)]
pub(super) struct Errand {
    asker: Asker,
    /// This child is still the one that is served (a server elsewhere counts as one): only for streams, which nothing
    /// else would ever end. Calls come to their own end.
    serving: Option<(Arc<Server>, u64)>,
    /// What is wanted has come; what may still follow is waited for until then.
    until: Option<Instant>,
    /// Waiting is broken off after this time, so that the asker can be shown that it goes on.
    silence: Option<Duration>,
}

/// Who is there to take what comes.
#[derive(Clone)]
enum Asker {
    Client(Client),
    Link(Leash),
}

impl Errand {
    /// An errand of a client's, in vain once that is gone.
    pub(super) fn of_client(client: Client, serving: Option<(Arc<Server>, u64)>) -> Errand {
        Errand { asker: Asker::Client(client), serving, until: None, silence: None }
    }

    /// An errand of our own, in vain once `leash` is cut.
    pub(super) fn on(leash: &Leash) -> Errand {
        Errand { asker: Asker::Link(leash.clone()), serving: None, until: None, silence: None }
    }

    /// The same errand, for reading a stream: what waits for the server that long fails with `WouldBlock`, and can be
    /// tried again.
    pub(super) fn breaking(&self, silence: Duration) -> Errand {
        Errand { silence: Some(silence), ..self.clone() }
    }

    /// Runs `work`; once it is in vain, what waits for a server here fails.
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        ERRAND.with_borrow_mut(|current| *current = Some(self.clone()));
        let result = work();
        ERRAND.with_borrow_mut(|current| *current = None);
        result
    }

    fn has_lingered(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Whether the server is not served any more.
    pub(super) fn is_over(&self) -> bool {
        self.serving.as_ref().is_some_and(|(server, generation)| {
            server.running().is_none_or(|running| running.generation != *generation)
        })
    }
}

/// The errand on this thread has got what it went for: from now on it waits no longer than `time` all together.
pub(super) fn linger(time: Duration) {
    ERRAND.with_borrow_mut(|current| {
        if let Some(errand) = current {
            errand.until = Some(Instant::now() + time);
        }
    });
}

impl Asker {
    fn is_link(&self) -> bool {
        matches!(self, Asker::Link(_))
    }

    fn gone(&self) -> Error {
        in_vain(if self.is_link() { "nobody waits for it any more" } else { "the client is gone" })
    }
}

impl AsFd for Asker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Asker::Client(client) => client.as_fd(),
            Asker::Link(leash) => leash.as_fd(),
        }
    }
}

/// An agent that alters nothing: no redirects, no errors made of status codes, no proxy from the environment,
/// no header fields of its own.
pub(super) fn agent(options: &Options) -> Agent {
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
        .timeout_send_request(Some(options.call_timeout))
        .timeout_send_body(Some(options.call_timeout))
        .timeout_recv_response(Some(options.call_timeout));
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
    type Out = Socket;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<In>,
    ) -> Result<Option<Socket>, Error> {
        let patience = details.timeout.not_zero().map_or(CONNECT_TIMEOUT, |left| *left);
        let mut last = Error::ConnectionFailed;
        for address in details.addrs.iter() {
            match TcpStream::connect_timeout(address, patience) {
                Ok(stream) => {
                    prepare(&stream)?;
                    let buffers = LazyBuffers::new(16 * 1024, 16 * 1024);
                    return Ok(Some(Socket { stream, buffers }));
                }
                Err(error) => last = Error::Io(error),
            }
        }
        Err(last)
    }
}

/// Nothing blocks, and a server that has vanished without a word is noticed within minutes, also by a stream that only
/// listens.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    #[cfg(target_os = "linux")]
    {
        sockopt::set_tcp_keepidle(stream, PROBE_AFTER)?;
        sockopt::set_tcp_keepintvl(stream, PROBE_AFTER / 4)?;
    }
    Ok(())
}

/// One connection to a server.
struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let patience = Patience::new(timeout);
        let mut left = &self.buffers.output()[..amount];
        while !left.is_empty() {
            match self.stream.write(left) {
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&self.stream, PollFlags::OUT, &patience)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let patience = Patience::new(timeout);
        loop {
            wait(&self.stream, PollFlags::IN, &patience)?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // An idle connection with something to read was closed, or speaks out of turn.
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&now)), Ok(0))
    }
}

/// How long one read or write may wait, and what the time is for.
struct Patience {
    begun: Instant,
    deadline: Option<Instant>,
    reason: Timeout,
}

impl Patience {
    fn new(timeout: NextTimeout) -> Patience {
        let begun = Instant::now();
        let deadline = timeout.not_zero().and_then(|left| begun.checked_add(*left));
        Patience { begun, deadline, reason: timeout.reason }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn end_of_silence(&self, errand: Option<&Errand>) -> Option<Instant> {
        errand?.silence.map(|silence| self.begun + silence)
    }

    /// The time until the next look at the clock or the server, as `poll` wants it.
    fn next_look(&self, errand: Option<&Errand>) -> Option<Timespec> {
        let until = errand.and_then(|errand| errand.until);
        let silence = self.end_of_silence(errand);
        let end = self.deadline.into_iter().chain(until).chain(silence).min();
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let look = errand.and_then(|errand| errand.serving.as_ref()).map(|_| LOOK);
        left.into_iter().chain(look).min().and_then(|time| Timespec::try_from(time).ok())
    }
}

/// Waits until the server's side is ready for `event`.
///
/// # Errors
/// The time is up, or there is nothing left to wait for.
fn wait(server: &TcpStream, event: PollFlags, patience: &Patience) -> Result<(), Error> {
    ERRAND.with_borrow(|errand| {
        let errand = errand.as_ref();
        loop {
            let mut sources = vec![PollFd::new(server, event)];
            sources.extend(errand.map(|errand| PollFd::new(&errand.asker, gone())));
            match poll(&mut sources, patience.next_look(errand).as_ref()) {
                Ok(0) if patience.is_over() => return Err(Error::Timeout(patience.reason)),
                Ok(0) if errand.is_some_and(Errand::has_lingered) => {
                    return Err(in_vain("what was wanted has come"));
                }
                Ok(0) if errand.is_some_and(Errand::is_over) => {
                    return Err(in_vain("the server was stopped"));
                }
                Ok(0) if patience.end_of_silence(errand).is_some_and(|end| Instant::now() >= end) => {
                    return Err(Error::Io(ErrorKind::WouldBlock.into()));
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return turn_out(&sources, errand),
                Err(error) => return Err(Error::Io(error.into())),
            }
        }
    })
}

/// Who of the two it was. A server that never stops talking must not keep a leash from being felt; a client is told
/// what has come.
fn turn_out(sources: &[PollFd<'_>], errand: Option<&Errand>) -> Result<(), Error> {
    let is_there = |at: usize| sources.get(at).is_some_and(|source| !source.revents().is_empty());
    match errand.map(|errand| &errand.asker) {
        Some(asker) if is_there(1) && (asker.is_link() || !is_there(0)) => Err(asker.gone()),
        _ => Ok(()),
    }
}

/// Waits for `time`, but no longer than the client is there.
pub(super) fn pause(client: &Client, time: Duration) {
    let time = Timespec::try_from(time).ok();
    // A signal may shorten it.
    let _ = poll(&mut [PollFd::new(client, gone())], time.as_ref());
}

fn in_vain(why: &'static str) -> Error {
    Error::Io(io::Error::new(ErrorKind::ConnectionAborted, why))
}

/// What tells that a client has closed its connection.
fn gone() -> PollFlags {
    #[cfg(target_os = "linux")]
    return PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    return PollFlags::HUP;
}
