//! A server's own port. A child that speaks HTTP listens there itself, for all others it leads to their bridge; which
//! of the two it is may only be known once the child runs, so the port is left free while one starts that may want it.

use crate::http;
use crate::log::request::RequestId;
use crate::server::ports::{self, Lease};
use crate::server::{End, Face, Noise, Oversize, Running};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The way to one bridge through a port of its own.
pub(super) struct Door {
    name: String,
    /// Whether it is to have this port and no other.
    is_wanted: bool,
    http: Arc<http::Server>,
    state: Mutex<State>,
}

struct State {
    /// Keeps the port taken. None: the server is no longer served here, and the next of that name may have it.
    lease: Option<Lease>,
    is_open: bool,
}

impl Door {
    /// Shut at first.
    pub(super) fn new(name: &str, lease: Lease, is_wanted: bool, http: Arc<http::Server>) -> Door {
        let state = Mutex::new(State { lease: Some(lease), is_open: false });
        Door { name: name.to_string(), is_wanted, http, state }
    }

    /// Its port, as long as the server is served.
    pub(super) fn port(&self) -> Option<u16> {
        self.state().lease.as_ref().map(|lease| lease.port)
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// Serves the bridge through `socket`.
    ///
    /// # Errors
    /// It cannot be listened on.
    pub(super) fn open_with(&self, socket: TcpListener) -> io::Result<()> {
        self.serve(&mut self.state(), socket)
    }

    fn serve(&self, state: &mut State, socket: TcpListener) -> io::Result<()> {
        self.http.listen(socket, &self.name, http::Scheme::Http)?;
        state.is_open = true;
        Ok(())
    }

    fn open(&self) {
        let mut state = self.state();
        if state.is_open || state.lease.is_none() {
            return;
        }
        let opened = self.claim(&mut state).and_then(|socket| {
            self.serve(&mut state, socket).map_err(|error| format!("its own port cannot be served: {error}"))
        });
        if let Err(why) = opened {
            log::warn!(server = self.name.as_str(), event = "no-port"; "{why}; it is reached at /{} only", self.name);
        }
    }

    /// Frees the port for a child that may listen there, and says which it is.
    fn clear(&self) -> Option<u16> {
        let mut state = self.state();
        self.shut(&mut state);
        match self.claim(&mut state) {
            Ok(socket) => drop(socket),
            // The child may do without it, or say what is wrong better than we can.
            Err(why) => log::warn!(server = self.name.as_str(), event = "no-port"; "{why}"),
        }
        state.lease.as_ref().map(|lease| lease.port)
    }

    /// The port, which nobody kept while the door was shut: another one, if somebody else has it now.
    fn claim(&self, state: &mut State) -> Result<TcpListener, String> {
        let lease = state.lease.as_ref().ok_or("it is no longer served")?;
        let port = lease.port;
        match ports::listen(port) {
            Ok(socket) => Ok(socket),
            Err(error) if self.is_wanted => Err(format!("port {port} cannot be had ({error})")),
            Err(error) => {
                let (next, socket) = lease.another()?;
                log::info!(server = self.name.as_str(), event = "other-port", port = next.port; "port {port} cannot be had any more ({error}); its own is {} from now on", next.port);
                state.lease = Some(next);
                Ok(socket)
            }
        }
    }

    /// Shuts it for good. Its port goes to whoever comes after it.
    pub(super) fn remove(&self) -> Option<Lease> {
        let mut state = self.state();
        self.shut(&mut state);
        state.lease.take()
    }

    fn shut(&self, state: &mut State) {
        if std::mem::take(&mut state.is_open) {
            self.http.close(&self.name);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens and shuts the door as the child behind the bridge comes up.
pub(super) struct Doorkeeper {
    pub(super) door: Arc<Door>,
    pub(super) face: Arc<dyn Face>,
}

impl Face for Doorkeeper {
    fn starting(&self, listens: bool) -> Option<u16> {
        if listens { self.door.clear() } else { None }
    }

    fn up(&self, running: &Running) {
        if running.endpoint.is_none() {
            self.door.open();
        }
        self.face.up(running);
    }

    fn line(&self, from: &Running, line: Vec<u8>) -> Result<(), Noise> {
        self.face.line(from, line)
    }

    fn oversize(&self, from: &Running, line: &Oversize) {
        self.face.oversize(from, line);
    }

    fn rest(&self, generation: u64) -> bool {
        self.face.rest(generation)
    }

    fn undelivered(&self, from: &Running, line: &[u8]) -> bool {
        self.face.undelivered(from, line)
    }

    fn only_request(&self, generation: u64) -> Option<RequestId> {
        self.face.only_request(generation)
    }

    fn down(&self, generation: u64, end: &End) {
        self.face.down(generation, end);
    }
}
