//! A connection that stands in for a child's pipes: to an HTTP server of another era or transport.

use super::outlet::{Opening, Outlet};
use super::output::Listener;
use super::pulse::Pulse;
use super::supervisor::Event;
use crate::protocol::skim::Oversize;
use crossbeam_channel::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes such connections.
pub trait Dial: Send + Sync + 'static {
    /// Begins a connection in the era of `opening`; the greeting itself comes through the outlet. What the server
    /// says goes to `inlet`, from threads of the connection's own (before this returns, nothing can be answered).
    /// Does not wait for the server.
    ///
    /// # Errors
    /// No connection can be begun: why, in words.
    fn dial(&self, opening: &Opening, inlet: Inlet) -> Result<Arc<dyn Outlet>, String>;
}

/// Where a connection puts what its server says, until one side has ended it; what comes later is not heard.
/// Not to be called from within [`Outlet::send`]: a line may be answered while it is heard.
#[derive(Clone)]
pub struct Inlet {
    /// Locked while a line is heard, so that they are heard one at a time.
    listener: Arc<Mutex<Option<Listener>>>,
    pulse: Pulse,
    generation: u64,
    inbox: Sender<Event>,
}

impl Inlet {
    pub(super) fn new(listener: Listener, pulse: Pulse, inbox: Sender<Event>) -> Inlet {
        let generation = listener.child.generation;
        Inlet { listener: Arc::new(Mutex::new(Some(listener))), pulse, generation, inbox }
    }

    /// One JSON-RPC message, without line ends. May be called from several threads.
    pub fn line(&self, line: Vec<u8>) {
        self.pulse.beat();
        self.listen(|listener| listener.line(line));
    }

    /// A message went over the limit and was passed over.
    pub fn oversize(&self, line: &Oversize) {
        self.pulse.beat();
        self.listen(|listener| listener.oversize(line));
    }

    /// Takes back a request that the server cannot have got; false if nobody makes it again.
    pub fn undelivered(&self, line: &[u8]) -> bool {
        let mut taken = false;
        self.listen(|listener| taken = listener.undelivered(line));
        taken
    }

    /// The connection is over. `why` goes on after "lost its connection: ".
    pub fn ended(&self, why: &str) {
        let (generation, why) = (self.generation, why.to_string());
        let _ = self.inbox.send(Event::Lost { generation, why }); // a closed supervisor has nothing left to do
    }

    /// From now on what the server asks can be answered.
    pub(super) fn connect(&self, outlet: &Arc<dyn Outlet>) {
        self.listen(|listener| listener.child.outlet = Some(Arc::clone(outlet)));
    }

    /// Nothing is heard any more once this returns.
    pub(super) fn close(&self) {
        drop(self.listener.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn listen(&self, hear: impl FnOnce(&mut Listener)) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listener.as_mut() {
            hear(listener);
        }
    }
}
