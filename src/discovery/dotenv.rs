//! `.env` as text.

use crate::config::Environment;

/// What it sets.
///
/// # Errors
/// A line cannot be understood. It is not repeated: it may hold a secret.
pub(super) fn pairs(text: &str) -> Result<Environment, &'static str> {
    let pairs: Result<Environment, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
    pairs.map_err(|_| "has a line that is not NAME=value")
}
