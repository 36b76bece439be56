//! Any client meets any server: the same tests for clients and servers of either era, over stdio and over HTTP.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../harness/mod.rs"]
mod harness;

/// The cells: which client meets which server.
mod rig;

mod apart;
mod asks;
mod batches;
mod cancellation;
mod death;
mod fidelity;
mod handshake;
mod instances;
mod lists;
mod logging;
mod odd_servers;
mod old_clients;
mod old_servers;
mod outlived;
mod parked;
mod progress;
mod resumption;
mod subscriptions;
mod tools;
mod validation;
