//! Resolved configuration.

pub mod spec;
