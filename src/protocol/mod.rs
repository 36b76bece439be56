//! The protocol itself: pure, no I/O, no threads.
//!
//! Message text is never parsed into a tree and printed again: [`message`] finds where the parts of an envelope
//! stand, and what a bridge must rewrite is spliced into the text. So numbers, unknown fields, key order and
//! Unicode come out as they went in.

mod annotation;
pub mod base64;
pub mod error;
pub mod handshake;
pub mod json;
pub mod lists;
pub mod message;
mod meta;
pub mod mirror;
pub mod modern;
pub mod modernize;
pub mod revision;
#[cfg(test)]
mod samples;
pub mod sieve;
pub mod skim;
pub mod sse;
pub mod tools;
