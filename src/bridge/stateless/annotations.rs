//! What `tools/list` said about headers that calls must carry (2026-07-28, Streamable HTTP, Custom Headers from Tool
//! Parameters): whoever reads the body must compare.

use crate::protocol::json;
use crate::protocol::mirror::{self, Annotation};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tools that are remembered; a server with more of them is not checked further.
const MAX_TOOLS: usize = 10_000;

/// The annotated tools of one server, as they were listed last.
#[derive(Default)]
pub(crate) struct Annotations(Mutex<HashMap<String, Arc<[Annotation]>>>);

impl Annotations {
    /// What a call with these parameters must repeat in headers.
    pub(crate) fn of(&self, params: Option<&str>) -> Arc<[Annotation]> {
        let known = self.known();
        if known.is_empty() {
            return Arc::default();
        }
        let name = params.and_then(|params| json::member(params, "name")).and_then(json::string);
        name.and_then(|name| known.get(&name).map(Arc::clone)).unwrap_or_default()
    }

    /// Takes in an answer (raw) to `tools/list`.
    pub(crate) fn learn(&self, answer: &str) {
        if !answer.contains("x-mcp-header") && self.known().is_empty() {
            return;
        }
        let Some(result) = json::member(answer, "result") else { return };
        for (tool, annotations) in mirror::annotations(result) {
            let mut known = self.known();
            if annotations.is_empty() {
                known.remove(&tool);
            } else if known.len() < MAX_TOOLS || known.contains_key(&tool) {
                known.insert(tool, annotations.into());
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<[Annotation]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
