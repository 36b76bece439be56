//! Clients that speak TLS: one that is driven by hand, and a tunnel for all others of the harness.

use crate::harness::DEADLINE;
use crate::kept;
use rustix::event::{PollFd, PollFlags, poll};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// Trusts the authority of the tests and nobody else.
pub(crate) fn config(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(kept("authority.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

pub(crate) fn connection(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(config.clone(), ServerName::try_from("127.0.0.1").unwrap()).unwrap()
}

pub(crate) fn socket(proxy: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(proxy).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// A connection, driven by hand.
pub(crate) struct Talk(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Talk {
    #[track_caller]
    pub(crate) fn open(proxy: SocketAddr) -> Talk {
        Talk::with(proxy, &config(BOTH)).unwrap()
    }

    /// The handshake done.
    pub(crate) fn with(proxy: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Talk> {
        let mut stream = StreamOwned::new(connection(config), socket(proxy));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Talk(stream))
    }

    /// The answer's head and body, which has a length.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> (String, String) {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        self.answer()
    }

    #[track_caller]
    pub(crate) fn answer(&mut self) -> (String, String) {
        let head = self.until(|text| text.ends_with("\r\n\r\n"));
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Reads byte by byte for as long as it takes.
    #[track_caller]
    pub(crate) fn until(&mut self, enough: impl Fn(&str) -> bool) -> String {
        let mut text = Vec::new();
        while !enough(&String::from_utf8_lossy(&text)) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    /// The server's own certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

/// Where plain clients find the proxy: what they send there goes on in TLS. Connections end with the process.
pub(crate) fn tunnel(proxy: SocketAddr, config: &Arc<ClientConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = config.clone();
    std::thread::spawn(move || {
        for plain in listener.incoming() {
            let secured = connection(&config);
            std::thread::spawn(move || carry(plain.unwrap(), secured, socket(proxy)));
        }
    });
    url
}

/// Both ways, until one side has enough.
fn carry(mut plain: TcpStream, mut secured: ClientConnection, mut socket: TcpStream) {
    plain.set_nodelay(true).unwrap();
    let _ = pass(&mut plain, &mut secured, &mut socket);
    let _ = plain.shutdown(Shutdown::Both);
    let _ = socket.shutdown(Shutdown::Both);
}

fn pass(
    plain: &mut TcpStream,
    secured: &mut ClientConnection,
    socket: &mut TcpStream,
) -> std::io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        while secured.wants_write() {
            secured.write_tls(socket)?;
        }
        let mut fds = [PollFd::new(socket, PollFlags::IN), PollFd::new(plain, PollFlags::IN)];
        poll(&mut fds, None)?;
        let [from_proxy, from_client] = [0, 1].map(|at: usize| !fds[at].revents().is_empty());
        if from_client && !secured.is_handshaking() {
            match plain.read(&mut piece)? {
                0 => return Ok(()),
                count => secured.writer().write_all(&piece[..count])?,
            }
            while secured.wants_write() {
                secured.write_tls(socket)?;
            }
        }
        if from_proxy {
            if secured.read_tls(socket)? == 0 {
                return Ok(());
            }
            secured.process_new_packets().map_err(std::io::Error::other)?;
            match secured.reader().read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) => return Ok(()),
                count => plain.write_all(&piece[..count?])?,
            }
        }
    }
}
