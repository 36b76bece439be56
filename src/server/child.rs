//! What is held of a server while it runs: the way to it, and what stands behind that.

use super::dial::Inlet;
use super::guard::Guard;
use super::outlet::Outlet;
use super::process::Process;
use rustix::process::Signal;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// A process of ours or a connection that stands in for one. Its end has not been told yet.
pub(super) struct Child {
    /// The way to it. An HTTP server of ours has one that nobody uses.
    pub(super) outlet: Arc<dyn Outlet>,
    pub(super) generation: u64,
    body: Body,
}

enum Body {
    Process(Process),
    Link(Inlet),
}

impl Child {
    pub(super) fn process(outlet: Arc<dyn Outlet>, generation: u64, process: Process) -> Child {
        Child { outlet, generation, body: Body::Process(process) }
    }

    pub(super) fn link(outlet: Arc<dyn Outlet>, generation: u64, inlet: Inlet) -> Child {
        Child { outlet, generation, body: Body::Link(inlet) }
    }

    /// A connection has none.
    pub(super) fn pid(&self) -> Option<u32> {
        match &self.body {
            Body::Process(process) => Some(process.pid),
            Body::Link(_) => None,
        }
    }

    /// Whether its end has to be waited for. A connection has ended as soon as it is closed.
    pub(super) fn ends_by_itself(&self) -> bool {
        matches!(self.body, Body::Process(_))
    }

    /// Sends a signal to the whole process group.
    pub(super) fn signal(&self, signal: Signal) {
        if let Body::Process(process) = &self.body {
            process.signal(signal);
        }
    }

    /// Once it has ended: waits at most `patience` until all that it said has been passed on. It says no more then.
    pub(super) fn drain(&self, patience: Duration) {
        self.outlet.close();
        match &self.body {
            Body::Process(process) => process.drain(patience),
            Body::Link(inlet) => inlet.close(),
        }
    }

    /// Once it has ended: the limit that the kernel ended it for, in words.
    pub(super) fn excess(&self) -> Option<String> {
        match &self.body {
            Body::Process(process) => process.excess(),
            Body::Link(_) => None,
        }
    }

    /// Ends whatever a process left behind outside its group, once it has ended with this status.
    pub(super) fn bury(self, guard: &Guard, status: Option<ExitStatus>) {
        if let Body::Process(process) = self.body {
            process.bury(guard, status);
        }
    }
}
