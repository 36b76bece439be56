//! What `tools/list` said about headers that calls must carry (2026-07-28, Streamable HTTP, Custom Headers from Tool
//! Parameters): whoever reads the body must compare.

use crate::protocol::mirror::{AnnotatedTools, Annotation};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The annotated tools of one server, for all its clients.
#[derive(Default)]
pub(crate) struct Annotations(Mutex<AnnotatedTools>);

impl Annotations {
    /// What a call with these parameters must repeat in headers.
    pub(crate) fn of(&self, params: Option<&str>) -> Arc<[Annotation]> {
        self.tools().of(params)
    }

    /// Takes in an answer (raw) to `tools/list`.
    pub(crate) fn learn(&self, answer: &str) {
        self.tools().learn(answer);
    }

    fn tools(&self) -> MutexGuard<'_, AnnotatedTools> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
