//! One secured connection: what lies between plain bytes and the socket.
//!
//! The lock is held while bytes are encrypted and handed to the kernel, never while waiting for the client.

use super::Identity;
use crate::http::lock;
use rustix::event::PollFlags;
use rustls::ServerConnection;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

/// Bytes that are encrypted ahead of the socket, at most.
const MAX_SEALED: usize = 64 * 1024;

/// The connection's own thread reads and writes; any other may ask whether the client has ended it, or end it.
pub(crate) struct Session(Mutex<State>);

struct State {
    connection: ServerConnection,
    /// Its thread waits for the socket: nobody else may take from it what that thread would wait for in vain.
    is_awaited: bool,
}

impl Session {
    /// Before its handshake.
    ///
    /// # Errors
    /// rustls cannot begin.
    pub(crate) fn new(identity: &Identity) -> io::Result<Session> {
        let mut connection = ServerConnection::new(identity.0.clone()).map_err(io::Error::other)?;
        connection.set_buffer_limit(Some(MAX_SEALED));
        Ok(Session(Mutex::new(State { connection, is_awaited: false })))
    }

    /// Takes the handshake as far as it goes without waiting. Returns what to wait for, or `None` when it is done.
    ///
    /// # Errors
    /// The client speaks something else, or has left.
    pub(crate) fn shake_hands(&self, stream: &TcpStream) -> io::Result<Option<PollFlags>> {
        let mut state = lock(&self.0);
        loop {
            if !state.flush(stream)? {
                return Ok(Some(PollFlags::OUT));
            }
            if !state.connection.is_handshaking() {
                return Ok(None);
            }
            match state.take_in(stream)? {
                None => return Ok(Some(PollFlags::IN)),
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(_) => {}
            }
        }
    }

    /// Reads plain bytes without waiting; 0 is the end, `None` means that none are there. An end that was not announced
    /// is an end too: the length of a message is HTTP's to know.
    ///
    /// # Errors
    /// What came was not encrypted by the client, or what the socket says.
    pub(crate) fn read(&self, stream: &TcpStream, into: &mut [u8]) -> io::Result<Option<usize>> {
        let mut state = lock(&self.0);
        state.is_awaited = false;
        loop {
            match state.connection.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Some(0)),
                result => return result.map(Some),
            }
            if state.take_in(stream)?.is_none() {
                state.is_awaited = true;
                return Ok(None);
            }
        }
    }

    /// Encrypts from the beginning of `parts` and writes that without waiting. Returns how many bytes of them are on
    /// their way. After `WouldBlock` it has to be called with the same parts and the same `sealed`, which counts what
    /// of them is encrypted and waits.
    ///
    /// # Errors
    /// `WouldBlock` if the socket has no room, or what it says.
    pub(crate) fn write(
        &self,
        stream: &TcpStream,
        parts: &[IoSlice<'_>],
        sealed: &mut usize,
    ) -> io::Result<usize> {
        let mut state = lock(&self.0);
        if *sealed == 0 && state.flush(stream)? {
            *sealed = state.connection.writer().write_vectored(parts)?;
        }
        if state.flush(stream)? { Ok(std::mem::take(sealed)) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// Whether the client has said that it sends no more. Looks at what has come, unless its own thread does.
    pub(crate) fn has_ended(&self, stream: &TcpStream) -> bool {
        let mut state = lock(&self.0);
        let Ok(known) = state.connection.process_new_packets() else { return true };
        if state.is_awaited || known.plaintext_bytes_to_read() > 0 || known.peer_has_closed() {
            return known.peer_has_closed();
        }
        let came = state.take_in(stream);
        came.is_err() || state.connection.process_new_packets().is_ok_and(|known| known.peer_has_closed())
    }

    /// Says that no more will come (`close_notify`), if there is room for that.
    pub(crate) fn end(&self, stream: &TcpStream) {
        let mut state = lock(&self.0);
        state.connection.send_close_notify();
        let _ = state.flush(stream); // the socket is closed next
    }
}

impl State {
    /// Reads once from the socket and decrypts; `None` if nothing is there, 0 at the end.
    fn take_in(&mut self, stream: &TcpStream) -> io::Result<Option<usize>> {
        let count = match self.connection.read_tls(&mut Socket(stream)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            result => result?,
        };
        let outcome = self.connection.process_new_packets();
        // An alert, or an answer to a change of keys. What finds no room leaves with the next write.
        let _ = self.flush(stream);
        outcome.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(Some(count))
    }

    /// Writes what is encrypted; false if the socket has no room for all of it.
    fn flush(&mut self, stream: &TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Socket(stream)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                result => result?,
            };
        }
        Ok(true)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// The socket as rustls sees it: it never waits.
struct Socket<'s>(&'s TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        crate::http::link::receive_now(self.0, into)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        crate::http::link::send_now(self.0, parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use std::net::TcpListener;
    use std::sync::Arc;

    /// Both ends of a connection, the handshake done.
    fn pair() -> (Session, TcpStream, ClientConnection, TcpStream) {
        let [certificates, key, authority] = [
            &include_bytes!("../../../tests/tls/certificates/one.pem")[..],
            include_bytes!("../../../tests/tls/certificates/one.key"),
            include_bytes!("../../../tests/tls/certificates/authority.pem"),
        ];
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = listener.accept().unwrap().0;
        let session = Session::new(&Identity::from_pem(certificates, key).unwrap()).unwrap();
        while client.is_handshaking() {
            while client.wants_write() {
                client.write_tls(&mut far).unwrap();
            }
            session.shake_hands(&near).unwrap();
            if client.is_handshaking() {
                client.read_tls(&mut far).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        while client.wants_write() {
            client.write_tls(&mut far).unwrap();
        }
        while session.shake_hands(&near).unwrap().is_some() {}
        (session, near, client, far)
    }

    #[test]
    fn so_much_is_encrypted_ahead_of_the_socket() {
        let (session, near, _client, _far) = pair();
        let (bytes, mut sealed) = (vec![0; 256 * 1024], 0);
        while session.write(&near, &[IoSlice::new(&bytes)], &mut sealed).is_ok() {}
        assert!(sealed > 0 && sealed <= MAX_SEALED, "{sealed}");
        let again = session.write(&near, &[IoSlice::new(&bytes)], &mut sealed);
        assert_eq!(again.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(sealed <= MAX_SEALED, "and no more when it is tried again: {sealed}");
    }

    /// Another thread that looks whether the client has left may find bytes; who reads them must not miss them.
    #[test]
    fn a_look_takes_nothing_from_who_reads() {
        let (session, near, mut client, mut far) = pair();
        let mut say = |client: &mut ClientConnection, text: &[u8]| {
            client.writer().write_all(text).unwrap();
            while client.wants_write() {
                client.write_tls(&mut far).unwrap();
            }
            near.peek(&mut [0]).unwrap(); // it has come
        };
        say(&mut client, b"one");
        assert!(!session.has_ended(&near));
        let mut into = [0; 9];
        assert_eq!(session.read(&near, &mut into).unwrap(), Some(3));
        assert_eq!(
            session.read(&near, &mut into).unwrap(),
            None,
            "from here on its thread waits for the socket"
        );
        say(&mut client, b"two!");
        assert!(!session.has_ended(&near));
        near.set_nonblocking(true).unwrap();
        near.peek(&mut [0]).expect("the socket still tells of what came");
        near.set_nonblocking(false).unwrap();
        assert_eq!(session.read(&near, &mut into).unwrap(), Some(4));
        client.send_close_notify();
        say(&mut client, b"");
        assert!(session.has_ended(&near));
        assert_eq!(session.read(&near, &mut into).unwrap(), Some(0));
    }
}
