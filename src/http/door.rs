//! A listening socket's label, shared with the connections that came in by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One or more listening sockets of one label. When it is closed its connections end after the
/// answer they are at.
#[derive(Debug)]
pub(crate) struct Door {
    label: Arc<str>,
    closed: AtomicBool,
}

impl Door {
    pub(crate) fn new(label: &str) -> Door {
        Door { label: label.into(), closed: AtomicBool::new(false) }
    }

    pub(crate) fn label(&self) -> &Arc<str> {
        &self.label
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}
