//! A server's own port. A child that speaks HTTP listens there itself, for all others it leads to their bridge; which
//! of the two it is may only be known once the child runs, so the port is left free while one starts that may want it.

use crate::http;
use crate::server::ports;
use crate::server::{End, Face, Noise, Oversize, Running};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The way to one bridge through a port of its own.
pub(super) struct Door {
    name: String,
    port: u16,
    http: Arc<http::Server>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Shut,
    /// The server is no longer served here.
    Gone,
}

impl Door {
    /// Shut at first.
    pub(super) fn new(name: &str, port: u16, http: Arc<http::Server>) -> Door {
        Door { name: name.to_string(), port, http, state: Mutex::new(State::Shut) }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_open(&self) -> bool {
        *self.state() == State::Open
    }

    /// Serves the bridge through `socket`.
    ///
    /// # Errors
    /// It cannot be listened on.
    pub(super) fn open_with(&self, socket: TcpListener) -> std::io::Result<()> {
        let mut state = self.state();
        self.http.listen(socket, &self.name)?;
        *state = State::Open;
        Ok(())
    }

    fn open(&self) {
        if *self.state() != State::Shut {
            return;
        }
        let opened = ports::listen(self.port).and_then(|socket| self.open_with(socket));
        if let Err(error) = opened {
            log::warn!(server = self.name.as_str(), event = "no-port", port = self.port; "its own port {} cannot be listened on ({error}); it is reached at /{} only", self.port, self.name);
        }
    }

    /// Frees the port.
    fn shut(&self) {
        let mut state = self.state();
        if *state == State::Open {
            self.http.close(&self.name);
            *state = State::Shut;
        }
    }

    /// Frees the port for good.
    pub(super) fn remove(&self) {
        self.shut();
        *self.state() = State::Gone;
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
    fn starting(&self, listens: bool) {
        if listens {
            self.door.shut();
        }
        self.face.starting(listens);
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

    fn down(&self, generation: u64, end: &End) {
        self.face.down(generation, end);
    }
}
